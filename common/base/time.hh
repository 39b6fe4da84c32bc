// Three time scales as three types, and the one interface through which every
// clock is read. Cores get times as arguments; only shells hold a Clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

namespace flagfall {

using Nanos = std::chrono::nanoseconds;

/// Tags that keep instants of different scales from mixing.
template <class Scale>
struct ScaleOf {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = Nanos;
};
struct MonoScale : ScaleOf<MonoScale> {};
struct RealScale : ScaleOf<RealScale> {};
struct RefScale : ScaleOf<RefScale> {};

/// CLOCK_MONOTONIC of this host: for deadlines and intervals.
using MonoTime = std::chrono::time_point<MonoScale, Nanos>;
/// CLOCK_REALTIME of this host: the scale of kernel packet stamps.
using RealTime = std::chrono::time_point<RealScale, Nanos>;
/// Reference time, ns since the Unix epoch: the scale of instants, equal on all hosts.
using RefTime = std::chrono::time_point<RefScale, Nanos>;

template <class Time>
constexpr std::int64_t to_ns(Time t) {
  return t.time_since_epoch().count();
}
template <class Time>
constexpr Time from_ns(std::int64_t ns) {
  return Time(Nanos(ns));
}

inline timespec to_timespec(Nanos ns) {
  const auto s = std::chrono::floor<std::chrono::seconds>(ns);
  return {static_cast<time_t>(s.count()), static_cast<long>((ns - s).count())};
}
inline Nanos from_timespec(const timespec& t) {
  return std::chrono::seconds(t.tv_sec) + Nanos(t.tv_nsec);
}

/// How a host reads time. The system's clocks in production; a test may inject
/// one that is wrong by a known amount, so kernel stamps and armed timers pass
/// through it too.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual MonoTime mono() const = 0;
  [[nodiscard]] virtual RealTime real() const = 0;
  /// A CLOCK_REALTIME stamp made by the kernel, as this host sees it.
  [[nodiscard]] virtual RealTime stamp(RealTime kernel) const { return kernel; }
  /// The kernel's CLOCK_MONOTONIC value to arm a timer with, for it to fire at `t`.
  [[nodiscard]] virtual MonoTime arm(MonoTime t) const { return t; }

 protected:
  Clock() = default;
  Clock(const Clock&) = default;
  Clock& operator=(const Clock&) = default;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] MonoTime mono() const override { return MonoTime(read(CLOCK_MONOTONIC)); }
  [[nodiscard]] RealTime real() const override { return RealTime(read(CLOCK_REALTIME)); }

 private:
  static Nanos read(clockid_t id) {
    timespec t{};
    clock_gettime(id, &t);
    return from_timespec(t);
  }
};

/// REALTIME minus MONOTONIC, read by bracketing (mono, real, mono) and taking
/// the middle of the narrowest of three brackets.
/// `width` is that bracket's width: twice the read's worst error.
struct RealMinusMono {
  Nanos offset{};
  Nanos width{};
};
inline RealMinusMono read_real_minus_mono(const Clock& clock) {
  RealMinusMono best{Nanos(0), Nanos::max()};
  for (int i = 0; i < 3; ++i) {
    const MonoTime before = clock.mono();
    const RealTime real = clock.real();
    const MonoTime after = clock.mono();
    if (after - before < best.width)
      best = {real.time_since_epoch() - (before.time_since_epoch() + (after - before) / 2), after - before};
  }
  return best;
}

}  // namespace flagfall
