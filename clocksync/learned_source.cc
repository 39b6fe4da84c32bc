#include "clocksync/learned_source.hh"

#include <utility>

namespace flagfall::clocksync {

LearnedSource::LearnedSource(net::Loop& loop, const Clock& clock, Random& random, NtpOptions options,
                             Updated updated)
    : loop_(loop),
      clock_(clock),
      random_(random),
      options_(std::move(options)),
      updated_(std::move(updated)) {
  options_.servers.clear();
  nobody_.why = "no master has named its time server yet";
}
LearnedSource::~LearnedSource() = default;

void LearnedSource::use(std::vector<NtpServerOptions> servers) {
  if (servers.size() > kMostServers) servers.resize(kMostServers);
  if (servers == options_.servers) {
    if (servers.empty())
      nobody_.why = "no master names a time server; see [clock.serve] in its configuration";
    return;
  }
  options_.servers = std::move(servers);
  next_.reset();
  overlap_ = net::Watch();
  if (options_.servers.empty()) {
    active_.reset();
    nobody_.why = "no master names a time server any more; see [clock.serve] in its configuration";
    return;
  }
  next_ = std::make_unique<NtpSource>(
      loop_, clock_, random_, options_, [this, mine = ++newest_](const RefMap& map) {
        // Never from the callback of the old ones, which end here.
        if (next_ && mine == newest_ && map.status != wire::ClockStatus::unknown) take_charge();
        updated_(current());
      });
  if (!active_ || active_->current().status == wire::ClockStatus::unknown)
    take_charge();
  else
    overlap_ = loop_.after(kOverlap, [this] {
      take_charge();
      updated_(active_->current());
    });
}

void LearnedSource::take_charge() {
  active_ = std::move(next_);
  overlap_ = net::Watch();
}

const RefMap& LearnedSource::current() const {
  return active_ ? active_->current() : nobody_;
}

void LearnedSource::for_each_counter(const std::function<void(std::string_view, std::uint64_t)>& f) const {
  if (active_) active_->for_each_counter(f);
}

}  // namespace flagfall::clocksync
