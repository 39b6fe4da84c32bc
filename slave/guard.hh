// The guard: how long before an instant the transmit thread wakes up to spin. It
// must exceed a wake-up's lateness, and costs that much CPU a shot. Pure.
#pragma once

#include <span>

#include "common/base/time.hh"

namespace flagfall::slave {

/// Below this, a wake-up that is only a bit late misses (facts: 60 µs did, half of the time).
inline constexpr Nanos kLeastGuard = std::chrono::microseconds(200);
/// Above this, spinning costs more than the rare late shot (facts: 300 to 500 µs are right).
inline constexpr Nanos kMostGuard = std::chrono::microseconds(600);

/// From how late wake-ups were: 1.5 times the 95th percentile, within the limits
/// above; reorders `lateness`. The rest of the tail is a busy host, which no
/// guard cures. The least guard for an empty span.
Nanos guard_from(std::span<Nanos> lateness);

}  // namespace flagfall::slave
