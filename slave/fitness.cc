#include "slave/fitness.hh"

#include <fmt/core.h>

#include <utility>

namespace flagfall::slave {
namespace {

/// The master's bound grows between heartbeats as any clock's does.
Nanos bound_at(const MasterClock& master, MonoTime now) {
  clocksync::RefMap map;
  map.bound = master.bound;
  map.measured = master.heard;
  return map.bound_at(now);
}

/// A reason without its figures, which change from look to look and are no news.
std::string kind_of(std::string why) {
  std::erase_if(why, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  return why;
}

double milliseconds(Nanos ns) {
  return static_cast<double>(ns.count()) * 1e-6;
}

}  // namespace

bool Fitness::update(const clocksync::RefMap& own, const MasterClock& master, MonoTime now) {
  const Nanos own_bound = own.bound_at(now);
  const Nanos masters_bound = bound_at(master, now);
  bound_ = own_bound + masters_bound;
  // Once down, it comes back only a tenth below the limit, so that a bound at the limit does not flap.
  const Nanos most = reason_ == Reason::bound ? most_ - most_ / 10 : most_;
  Reason reason = Reason::none;
  std::string why;
  if (own.status == wire::ClockStatus::unknown) {
    reason = Reason::own_clock;
    why = "clock: " + own.why;
  } else if (master.status == wire::ClockStatus::unknown) {
    reason = Reason::master_clock;
    why = "the master's clock is not synchronised";
  } else if (bound_ > most) {
    reason = Reason::bound;
    why = fmt::format(
        "clock bound {:.3f} ms (own {:.3f} + master's {:.3f}) is above clock.max_error {:.3f} ms",
        milliseconds(bound_), milliseconds(own_bound), milliseconds(masters_bound), milliseconds(most_));
  }
  // Of our own clock, what is wrong with it now may be the line that helps.
  std::string own_trouble = reason == Reason::own_clock ? kind_of(own.why) : std::string();
  const bool news = own_trouble != own_trouble_;
  own_trouble_ = std::move(own_trouble);
  why_not_ = std::move(why);
  racing_ = reason == Reason::none;
  return std::exchange(reason_, reason) != reason || news;
}

}  // namespace flagfall::slave
