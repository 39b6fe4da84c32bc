#include "clocksync/clock_source.hh"

#include <utility>

namespace flagfall::clocksync {
namespace {

class FromChrony final : public ClockSource {
 public:
  FromChrony(net::Loop& loop, const Clock& clock, Random& random, const ChronyOptions& options,
             Updated updated)
      : source_(loop, clock, random, options, std::move(updated)) {}
  [[nodiscard]] const RefMap& current() const override { return source_.current(); }
  [[nodiscard]] std::string_view provider() const override { return "chrony"; }
  void for_each_counter(const std::function<void(std::string_view, std::uint64_t)>& f) const override {
    source_.counters().for_each(
        [&f](std::string_view name, const Counter& counter) { f(name, counter.get()); });
  }

 private:
  ChronySource source_;
};

class FromNtp final : public ClockSource {
 public:
  FromNtp(net::Loop& loop, const Clock& clock, Random& random, const NtpOptions& options, Updated updated)
      : source_(loop, clock, random, options, std::move(updated)) {}
  [[nodiscard]] const RefMap& current() const override { return source_.current(); }
  [[nodiscard]] std::string_view provider() const override { return "ntp"; }
  void for_each_counter(const std::function<void(std::string_view, std::uint64_t)>& f) const override {
    source_.for_each_counter(f);
  }

 private:
  NtpSource source_;
};

}  // namespace

std::unique_ptr<ClockSource> make_clock_source(net::Loop& loop, const Clock& clock, Random& random,
                                               const ClockSourceOptions& options,
                                               ClockSource::Updated updated) {
  if (const auto* ntp = std::get_if<NtpOptions>(&options))
    return std::make_unique<FromNtp>(loop, clock, random, *ntp, std::move(updated));
  return std::make_unique<FromChrony>(loop, clock, random, std::get<ChronyOptions>(options),
                                      std::move(updated));
}

}  // namespace flagfall::clocksync
