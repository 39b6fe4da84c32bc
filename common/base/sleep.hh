// Sleeps of a thread that has nothing else to wait for.
#pragma once

#include <cerrno>
#include <ctime>

#include "common/base/time.hh"

namespace flagfall {

/// Until the clock's `until`; signals do not end it.
inline void sleep_until(const Clock& clock, MonoTime until) {
  const timespec at = to_timespec(clock.arm(until).time_since_epoch());
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {
  }
}

}  // namespace flagfall
