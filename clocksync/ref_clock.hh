// The map from this host's CLOCK_MONOTONIC to reference time, as a value. Pure.
#pragma once

#include <string>

#include "common/base/time.hh"
#include "common/wire/session.hh"

namespace flagfall::clocksync {

/// Reference time = monotonic time + offset, with how wrong that may be.
/// Stand-alone and copyable: threads pass it as a value.
struct RefMap {
  Nanos offset{};     // reference minus monotonic
  Nanos bound{};      // worst case at `measured`, this host's clock alone
  MonoTime measured;  // when
  wire::ClockStatus status = wire::ClockStatus::unknown;
  std::string why;  // one line when the status is unknown

  /// ClockBound's figure for an undisciplined crystal (facts: 1 ppm is optimistic).
  static constexpr double kDriftPpm = 50.0;

  [[nodiscard]] RefTime to_ref(MonoTime t) const { return RefTime(t.time_since_epoch() + offset); }
  [[nodiscard]] MonoTime to_mono(RefTime t) const { return MonoTime(t.time_since_epoch() - offset); }
  /// The bound, grown with age.
  [[nodiscard]] Nanos bound_at(MonoTime now) const {
    return bound +
           Nanos(static_cast<std::int64_t>(static_cast<double>((now - measured).count()) * kDriftPpm * 1e-6));
  }
};

}  // namespace flagfall::clocksync
