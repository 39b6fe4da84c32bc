// Drives the ChronyTracker of one process as its shell does: asks the host's
// chronyd, hands over what comes back, waits as long as the tracker says.
#pragma once

#include <functional>

#include "clocksync/chrony_tracker.hh"
#include "sim/host.hh"

namespace flagfall::sim {

class Timekeeper {
 public:
  /// Lives and dies with the host's process. `updated`: the map has changed.
  Timekeeper(Host& host, Random& random, std::function<void()> updated)
      : host_(host), random_(random), updated_(std::move(updated)), tracker_({.name = "chronyd"}) {
    poll();
  }
  [[nodiscard]] const clocksync::RefMap& map() const { return tracker_.map(); }

 private:
  [[nodiscard]] clocksync::ClockPair clocks() const {
    return {host_.mono(), {host_.clock().real_minus_mono(), kReadWidth}};
  }
  void poll() {
    const auto request = tracker_.request(clocks(), static_cast<std::uint32_t>(random_.next()));
    auto reply = host_.ask_chronyd(request);
    if (reply.empty()) {
      host_.after(tracker_.patience(), [this] { over(tracker_.missed("chronyd does not answer")); });
    } else {
      host_.after(kChronydTakes, [this, reply = std::move(reply)] { over(tracker_.reply(reply, clocks())); });
    }
  }
  void over(bool changed) {
    if (changed) updated_();
    host_.after(tracker_.interval(), [this] { poll(); });
  }
  /// Bracketed reads of the two clocks; a local round trip (facts: 0.35 to 2.2 ms under load).
  static constexpr Nanos kReadWidth = Nanos(100);
  static constexpr Nanos kChronydTakes = std::chrono::microseconds(400);

  Host& host_;      // NOLINT(*-ref-data-members)
  Random& random_;  // NOLINT(*-ref-data-members)
  std::function<void()> updated_;
  clocksync::ChronyTracker tracker_;
};

}  // namespace flagfall::sim
