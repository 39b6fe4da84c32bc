#include "slave/link_core.hh"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>

namespace flagfall::slave {
namespace {

// The same failure is not said again for this long.
constexpr Nanos kRepeat = std::chrono::minutes(5);
// A session of this age proves that dialling works: the next loss starts from the shortest wait.
constexpr Nanos kStable = std::chrono::seconds(5);

double seconds_of(Nanos d) {
  return static_cast<double>(d.count()) * 1e-9;
}

}  // namespace

LinkCore::LinkCore(Options options, Random& random)
    : options_(std::move(options)),
      random_(random),
      deadline_(MonoTime::min()),
      backoff_(options_.backoff_least) {}

LinkCore::Actions LinkCore::secured(const std::vector<std::string>& names, const wire::HostTime& now) {
  if (stage_ != Stage::dialling) return take();
  if (std::ranges::find(names, options_.master_name) == names.end()) {
    give_up(fmt::format("its certificate is for '{}', not for '{}': is `name` in [[master]] right?",
                        fmt::join(names, "', '"), options_.master_name),
            true, now.mono);
    return take();
  }
  stage_ = Stage::secured;
  actions_.emplace_back(Send{wire::Hello{wire::kSessionVersion, options_.instance, options_.order_port,
                                         "flagfall-slave " FLAGFALL_VERSION, options_.front}});
  return take();
}

LinkCore::Actions LinkCore::message(wire::Message&& message, const wire::HostTime& now) {
  if (stage_ == Stage::registered) {
    registered_message(std::move(message), now);
  } else if (stage_ == Stage::secured) {
    if (auto* refusal = std::get_if<wire::Refusal>(&message))
      give_up(fmt::format("it refused us: {}", refusal->reason), true, now.mono, refusal->retry_after);
    else if (auto* first = std::get_if<wire::Welcome>(&message))
      welcome(std::move(*first), now);
    else
      give_up(fmt::format("it sent a {} before its Welcome", wire::name_of(message)), true, now.mono);
  }
  return take();
}

void LinkCore::welcome(wire::Welcome&& welcome, const wire::HostTime& now) {
  if (welcome.version != wire::kSessionVersion)
    return give_up(fmt::format("it speaks protocol version {}, we speak {}: upgrade the older side",
                               welcome.version, wire::kSessionVersion),
                   true, now.mono);
  stage_ = Stage::registered;
  registered_at_ = now.mono;
  pulse_.emplace(now.mono, welcome.heartbeat);
  last_failure_.clear();
  log(Log::Level::info, fmt::format("registered with master {} ({}) as '{}'", options_.master_name,
                                    to_string(options_.master), welcome.slave));
  actions_.emplace_back(Registered{std::move(welcome)});
}

void LinkCore::registered_message(wire::Message&& message, const wire::HostTime& now) {
  pulse_->heard(now.mono);
  if (auto* heartbeat = std::get_if<wire::Heartbeat>(&message)) {
    const auto echoed = pulse_->received(*heartbeat, now.mono);
    actions_.emplace_back(MasterClock{*heartbeat, echoed});
  } else if (auto* services = std::get_if<wire::Services>(&message)) {
    actions_.emplace_back(Serve{std::move(*services)});
  } else if (auto* order = std::get_if<wire::PingOrder>(&message)) {
    actions_.emplace_back(Ping{std::move(*order)});
  } else if (auto* answer = std::get_if<wire::HomeAnswer>(&message)) {
    actions_.emplace_back(Home{std::move(*answer)});
  } else if (auto* refusal = std::get_if<wire::Refusal>(&message)) {
    give_up(fmt::format("it ended the session: {}", refusal->reason), true, now.mono, refusal->retry_after);
  } else {
    give_up(fmt::format("it sent a {}, which may not come now", wire::name_of(message)), true, now.mono);
  }
}

LinkCore::Actions LinkCore::closed(wire::CloseCause cause, const std::string& why,
                                   const wire::HostTime& now) {
  if (stage_ == Stage::waiting) return take();
  give_up(cause == wire::CloseCause::connect ? fmt::format("no connection: {}", why) : why, false, now.mono);
  return take();
}

LinkCore::Actions LinkCore::overflowed(const wire::HostTime& now) {
  if (stage_ != Stage::waiting) give_up("it does not read what it is sent", true, now.mono);
  return take();
}

void LinkCore::give_up(std::string reason, bool close, MonoTime now, Nanos least) {
  if (close) actions_.emplace_back(Close{});
  if (stage_ == Stage::registered) {
    log(Log::Level::warn, fmt::format("master {} ({}) is lost: {}; dialling again", options_.master_name,
                                      to_string(options_.master), reason));
    if (now - registered_at_ >= kStable) backoff_ = options_.backoff_least;
    actions_.emplace_back(Lost{reason});
  } else {
    const bool repeated = reason == last_failure_ && now - last_failure_logged_ < kRepeat;
    log(repeated ? Log::Level::debug : Log::Level::warn,
        fmt::format("master {} ({}): {}; dialling again until it works", options_.master_name,
                    to_string(options_.master), reason));
    if (!repeated) last_failure_logged_ = now;
    last_failure_ = std::move(reason);
  }
  pulse_.reset();
  stage_ = Stage::waiting;
  const Nanos jittered(
      static_cast<std::int64_t>(static_cast<double>(backoff_.count()) * (0.5 + 0.5 * random_.unit())));
  deadline_ = now + std::max(jittered, least);
  backoff_ = std::min(backoff_ * 2, options_.backoff_most);
}

LinkCore::Actions LinkCore::tick(const wire::HostTime& now) {
  if (stage_ == Stage::registered) {
    if (pulse_->dead(now.mono)) {
      give_up(fmt::format("silent for {:.3g} s", seconds_of(now.mono - pulse_->last_heard())), true,
              now.mono);
    } else if (auto heartbeat = pulse_->due(now)) {
      actions_.emplace_back(Send{*heartbeat});
    }
  } else if (now.mono >= deadline_) {
    if (stage_ == Stage::waiting) {
      stage_ = Stage::dialling;
      deadline_ = now.mono + options_.attempt_limit;
      actions_.emplace_back(Dial{});
    } else {
      give_up(fmt::format("no {} within {:.3g} s", stage_ == Stage::secured ? "Welcome" : "connection",
                          seconds_of(options_.attempt_limit)),
              true, now.mono);
    }
  }
  return take();
}

MonoTime LinkCore::next_deadline() const {
  return pulse_ ? pulse_->next_deadline() : deadline_;
}

}  // namespace flagfall::slave
