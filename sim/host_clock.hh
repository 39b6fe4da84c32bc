// One host's clocks as a function of the true time: CLOCK_MONOTONIC runs fast or
// slow, CLOCK_REALTIME stands off from it and may be stepped. Integers only, so
// that every build computes the same. Pure.
#pragma once

#include "common/base/time.hh"

namespace flagfall::sim {

class HostClock {
 public:
  /// `ppb`: how much faster than true the host counts, in parts in 10^9; `wrong`:
  /// CLOCK_REALTIME minus true time at `start`. CLOCK_MONOTONIC then reads `uptime`.
  HostClock(RefTime start, Nanos uptime, Nanos wrong, std::int64_t ppb);

  [[nodiscard]] MonoTime mono(RefTime truth) const;
  [[nodiscard]] RealTime real(RefTime truth) const {
    return RealTime(mono(truth).time_since_epoch() + real_minus_mono_);
  }
  [[nodiscard]] Nanos real_minus_mono() const { return real_minus_mono_; }
  /// The first moment at which mono() reads `when` or more.
  [[nodiscard]] RefTime truth(MonoTime when) const;

  /// From `now` on the host counts at another rate.
  void set_rate(RefTime now, std::int64_t ppb);
  /// CLOCK_REALTIME jumps; CLOCK_MONOTONIC does not.
  void step(Nanos by) { real_minus_mono_ += by; }
  [[nodiscard]] std::int64_t ppb() const { return ppb_; }

 private:
  RefTime base_;
  MonoTime mono_at_base_;
  Nanos real_minus_mono_;
  std::int64_t ppb_;
};

}  // namespace flagfall::sim
