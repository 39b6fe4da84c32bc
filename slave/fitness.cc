#include "slave/fitness.hh"

#include <fmt/core.h>

#include <algorithm>
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

/// How far the clock must be ahead of the master's, or, negative, behind it: by what one of the two
/// heartbeats would have arrived before it was sent. 0 when none would.
Nanos least_apart(const clocksync::RefMap& own, const clocksync::Exchange& exchange) {
  const Nanos ahead = own.to_ref(exchange.t1) - exchange.t2;
  const Nanos behind = exchange.t3 - own.to_ref(exchange.t4);
  return ahead > Nanos(0) ? ahead : -std::max(behind, Nanos(0));
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
  } else if (const Nanos apart = master.exchange ? least_apart(own, *master.exchange) : Nanos(0);
             abs(apart) > bound_) {
    reason = Reason::apart;
    contradicted_ = now;
    why = fmt::format(
        "our clock is {:.3f} ms or more {} the master's, say its heartbeats, and their bounds allow {:.3f} "
        "ms: "
        "one of the two is told a wrong time",
        milliseconds(abs(apart)), apart > Nanos(0) ? "ahead of" : "behind", milliseconds(bound_));
  }
  if (reason == Reason::none && contradicted_ && now - *contradicted_ < kPenance) {
    reason = Reason::apart;
    why = reason_ == Reason::apart ? why_not_ : "the master's heartbeats contradicted our clock a moment ago";
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
