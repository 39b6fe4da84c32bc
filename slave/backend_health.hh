// Whether a backend answers. Without probes nothing but the kernel's word that nobody listens at its port
// takes it down: strangers' requests that it leaves unanswered by right say nothing, or whoever sends rubbish
// could take every site down. Pure. Loop thread only.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/base/time.hh"

namespace flagfall::slave {

class BackendHealth {
 public:
  /// Probes in a row without an answer that take it down.
  static constexpr unsigned kMissed = 3;
  /// Without probes it is tried again after so long, and each time in vain after twice that.
  static constexpr Nanos kFirstTrial = std::chrono::seconds(2);
  static constexpr Nanos kLastTrial = std::chrono::seconds(30);

  /// `probed`: it is down until it has answered.
  explicit BackendHealth(bool probed) : probed_(probed), up_(!probed) {}

  [[nodiscard]] bool up() const { return up_; }
  /// Something came from it.
  void answered() {
    up_ = true;
    missed_ = 0;
    wait_ = kFirstTrial;
  }
  /// Nobody listens there.
  void refused(MonoTime now) {
    if (up_ && !probed_) {
      trial_ = now + wait_;
      wait_ = std::min(2 * wait_, kLastTrial);
    }
    up_ = false;
  }
  void probe_missed() {
    if (probed_ && ++missed_ >= kMissed) up_ = false;
  }
  void tick(MonoTime now) {
    if (!probed_ && !up_ && now >= trial_) up_ = true;
  }

 private:
  bool probed_;
  bool up_;
  unsigned missed_ = 0;
  MonoTime trial_;
  Nanos wait_ = kFirstTrial;
};

}  // namespace flagfall::slave
