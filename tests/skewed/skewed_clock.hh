// A host's clocks, ahead and fast by a known amount since the object was made.
// All that a host knows of time passes through it: both clocks, the kernel's
// packet stamps, armed timers. For tests and benchmarks that judge what a slave
// makes of a wrong clock; many hosts of one kernel can each have their own.
#pragma once

#include <atomic>
#include <cmath>

#include "common/base/time.hh"

namespace flagfall::tests {

class SkewedClock final : public Clock {
 public:
  /// `ahead`: of the system's clocks, from the start; `ppm`: how much faster it counts.
  SkewedClock(Nanos ahead, double ppm) : ahead_(ahead), rate_(ppm * 1e-6) {}
  [[nodiscard]] MonoTime mono() const override { return mono_start_ + skew(system_.mono() - mono_start_); }
  [[nodiscard]] RealTime real() const override { return stamp(system_.real()); }
  [[nodiscard]] RealTime stamp(RealTime kernel) const override {
    return real_start_ + skew(kernel - real_start_) + Nanos(set_);
  }
  [[nodiscard]] MonoTime arm(MonoTime t) const override {
    const auto since = static_cast<double>((t - mono_start_ - ahead_).count());
    return mono_start_ + Nanos(std::llround(since / (1 + rate_)));
  }
  /// Somebody sets CLOCK_REALTIME. On any thread.
  void set(Nanos by) { set_ += by.count(); }

 private:
  [[nodiscard]] Nanos skew(Nanos since) const {
    return since + ahead_ + Nanos(std::llround(static_cast<double>(since.count()) * rate_));
  }
  SystemClock system_;
  Nanos ahead_;
  double rate_;
  std::atomic<std::int64_t> set_{0};
  MonoTime mono_start_ = system_.mono();
  RealTime real_start_ = system_.real();
};

}  // namespace flagfall::tests
