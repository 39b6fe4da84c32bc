// The guard: how long before its call the transmit thread wakes up to spin. It
// must exceed a wake-up's lateness, and costs that much CPU a shot. Pure;
// transmit thread.
#pragma once

#include "slave/recent.hh"

namespace flagfall::slave {

/// Below this, a wake-up that is only a bit late misses (facts: 60 µs did, half of the time).
inline constexpr Nanos kLeastGuard = std::chrono::microseconds(200);
/// Above this, spinning costs more than the rare late shot (facts: 300 to 500 µs are right).
inline constexpr Nanos kMostGuard = std::chrono::microseconds(600);

class Guard {
 public:
  /// A guard that grows too late misses instants, one that shrinks too late
  /// costs some CPU: a twentieth of these must be late for it to grow, and all
  /// but that many in time for it to shrink again.
  static constexpr std::size_t kSamples = 256;
  /// Between two looks at them, which take a microsecond or two.
  static constexpr unsigned kEvery = 8;

  /// How late a wake-up was.
  void add(Nanos lateness) {
    samples_.add(lateness);
    if (++since_look_ == kEvery) {
      since_look_ = 0;
      value_ = std::clamp(samples_.quantile(95) * 3 / 2, kLeastGuard, kMostGuard);
    }
  }
  /// 1.5 times the 95th percentile of the latest wake-ups, within the limits
  /// above. The rest of the tail is a busy host, which no guard cures.
  [[nodiscard]] Nanos value() const { return value_; }

 private:
  Recent<kSamples> samples_;
  unsigned since_look_ = 0;
  Nanos value_ = kLeastGuard;
};

}  // namespace flagfall::slave
