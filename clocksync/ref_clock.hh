// The map from this host's CLOCK_MONOTONIC to reference time, as a value. Pure.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "common/base/time.hh"
#include "common/wire/session.hh"

namespace flagfall::clocksync {

/// Reference time = monotonic time + offset, where the offset is a line through
/// `measured`, and how wrong that may be. Stand-alone and copyable: threads pass
/// it as a value.
struct RefMap {
  Nanos offset{};     // reference minus monotonic at `measured`
  Nanos bound{};      // worst case at `measured`, this host's clock alone
  MonoTime measured;  // when
  wire::ClockStatus status = wire::ClockStatus::unknown;
  std::string why;  // one line when the status is unknown

  /// ClockBound's figure for an undisciplined crystal (facts: 1 ppm is optimistic).
  static constexpr double kDriftPpm = 50.0;
  /// What an expected error gains while nothing is heard: crystals move by less than 1 ppm in minutes.
  static constexpr double kExpectedDriftPpm = 1.0;

  double rate_ppm = 0;           // what the offset gains, ns per ms of monotonic time
  double drift_ppm = kDriftPpm;  // what the bound gains with age
  Nanos expected{};              // likely error at `measured`: never a bound
  double expected_drift_ppm = kExpectedDriftPpm;
  /// What reference time gains on this host's clock, as the source sees it: for reports, nothing is computed
  /// with it.
  double clock_drift_ppm = 0;
  /// A leap second that the source announces for the end of the current UTC day.
  bool leap_pending = false;

  [[nodiscard]] RefTime to_ref(MonoTime t) const {
    return RefTime(t.time_since_epoch() + offset + gained(t - measured, rate_ppm));
  }
  /// The inverse, to the nanosecond within hours of `measured`.
  [[nodiscard]] MonoTime to_mono(RefTime t) const {
    const MonoTime straight(t.time_since_epoch() - offset);
    const double rate = rate_ppm * 1e-6;
    return straight - gained(straight - measured, rate / (1 + rate) * 1e6);
  }
  /// The bound, grown with age.
  [[nodiscard]] Nanos bound_at(MonoTime now) const { return bound + gained(now - measured, drift_ppm); }
  /// The expected error, grown with age.
  [[nodiscard]] Nanos expected_at(MonoTime now) const {
    return expected + gained(now - measured, expected_drift_ppm);
  }
  /// Sources forget a leap second at its midnight; this keeps what the map before knew for the moments after.
  void remember_leap(const RefMap& before) {
    RefMap still = *this;
    still.leap_pending = before.leap_pending;
    leap_pending = leap_pending || still.near_leap(to_ref(measured), std::chrono::seconds(10));
  }
  /// True within `margin` of a leap second that is announced, just after the midnight of one, and after it
  /// as long as nothing was measured later than `margin` after it: the map may be of the scale before.
  [[nodiscard]] bool near_leap(RefTime t, Nanos margin = std::chrono::seconds(2)) const {
    const Nanos day = std::chrono::hours(24);
    const Nanos into = t.time_since_epoch() % day;
    const bool outlived = t.time_since_epoch() - into + margin > to_ref(measured).time_since_epoch();
    return leap_pending && (outlived || into <= margin || day - into <= margin);
  }

 private:
  static Nanos gained(Nanos age, double ppm) {
    return Nanos(std::llround(static_cast<double>(age.count()) * ppm * 1e-6));
  }
};

}  // namespace flagfall::clocksync
