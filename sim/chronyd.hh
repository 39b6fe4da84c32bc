// A model of the chronyd on a host: it measures the clock now and then, is wrong
// by less than it says, and answers TRACKING requests in its protocol's bytes.
// chronyd -x: it watches CLOCK_REALTIME and does not move it.
#pragma once

#include <vector>

#include "common/base/bytes.hh"
#include "common/base/random.hh"
#include "common/wire/chrony.hh"
#include "sim/host_clock.hh"

namespace flagfall::sim {

/// Who makes a leap second.
enum class Leaps : std::uint8_t {
  kernel,  // steps CLOCK_REALTIME (`leapsecmode system`)
  slewed,  // chronyd steps what it says of the clock (`chronyd -x` with `leapsecmode slew`)
  nobody,  // until chronyd measures again: it takes the step for made (`chronyd -x` otherwise)
};

struct ChronydQuality {
  Nanos error = std::chrono::microseconds(20);  // of one measurement, either way; also the root delay's half
  Nanos poll = std::chrono::seconds(2);         // from one measurement to the next
  Nanos first = std::chrono::milliseconds(1500);  // after the start
  std::int64_t skew_ppb = 200;                    // its frequency estimate's error
  std::int64_t wander_ppb = 0;                    // what it allows for clocks that change their rate
  Leaps leaps = Leaps::kernel;
};

class Chronyd {
 public:
  Chronyd(const ChronydQuality& quality, std::uint64_t seed) : quality_(quality), random_(seed) {}

  /// Measures; to be called every `quality().poll`. `reference`: the true time, as all clocks should show it.
  void measure(const HostClock& clock, RefTime now, RefTime reference);
  /// A leap second will come at the end of the day.
  void announce(Nanos leap_by) {
    leap_status_ = leap_by < Nanos(0) ? wire::ChronyLeap::insert : wire::ChronyLeap::remove;
  }
  /// It has come: the kernel has stepped the clock by as much as the true time, or chronyd takes it for
  /// stepped,
  void leaped() { leap_status_ = wire::ChronyLeap::normal; }
  /// or chronyd makes it.
  void leap(Nanos leap_by) {
    leaped();
    correction_ += leap_by;
  }
  /// It no longer has a source that it trusts.
  void lose_source() { measured_ = false; }
  /// The reply to a request; empty when the request is none.
  [[nodiscard]] std::vector<std::uint8_t> answer(Bytes request, RefTime now) const;
  [[nodiscard]] const ChronydQuality& quality() const { return quality_; }

 private:
  ChronydQuality quality_;
  SeededRandom random_;
  bool measured_ = false;
  wire::ChronyLeap leap_status_ = wire::ChronyLeap::normal;
  RefTime when_;
  RealTime reference_time_;     // by the clock as it was then; a clock that is set changes nothing here
  Nanos correction_{};          // true time minus CLOCK_REALTIME, as measured
  std::int64_t drift_ppb_ = 0;  // how that grows, as estimated
};

}  // namespace flagfall::sim
