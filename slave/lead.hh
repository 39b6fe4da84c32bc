// The lead: how long before an instant the call must be made for the kernel to
// stamp the datagram at the instant. Learned from the stamps. Pure; one a socket
// kind, transmit thread.
#pragma once

#include "slave/recent.hh"

namespace flagfall::slave {

/// Answers never leave earlier than this. A send takes 4 to 35 µs from the call
/// to the stamp (facts §4); a path that takes longer is made up for in part only.
inline constexpr Nanos kMostLead = std::chrono::microseconds(100);

class Lead {
 public:
  /// Fewer say nothing yet: the lead stays zero.
  static constexpr std::size_t kLeastSamples = 9;
  /// A new path is followed after half as many.
  static constexpr std::size_t kSamples = 63;

  /// Stamp minus call, of the first datagram of a call that was made after
  /// waiting for its instant: one in a row of calls finds the path warm.
  void add(Nanos call_to_stamp) {
    samples_.add(call_to_stamp);
    if (samples_.count() >= kLeastSamples) value_ = std::clamp(samples_.quantile(50), Nanos(0), kMostLead);
  }
  [[nodiscard]] Nanos value() const { return value_; }

 private:
  Recent<kSamples> samples_;
  Nanos value_{};
};

}  // namespace flagfall::slave
