// A line with a rate, and a queue before it that drops what does not fit in
// (drop-tail). Pure. One a path, and one at the door of each site.
#pragma once

#include <algorithm>
#include <optional>

#include "common/base/ip.hh"
#include "common/base/time.hh"

namespace flagfall::sim {

/// What a datagram takes besides its payload: the IP and UDP headers.
constexpr std::size_t packet_overhead(Family family) {
  return family == Family::v4 ? 28 : 48;
}

class Line {
 public:
  /// No limit, no queue.
  Line() = default;
  /// Octets a second, and octets that wait at most.
  Line(std::int64_t rate, std::int64_t queue) : rate_(rate), queue_(queue) {}

  [[nodiscard]] bool limited() const { return rate_ > 0; }
  /// How long a packet that comes now takes, its wait included; nothing when it is dropped.
  std::optional<Nanos> pass(RefTime now, std::size_t octets) {
    if (!limited()) return Nanos(0);
    constexpr std::int64_t kSecond = 1'000'000'000;
    const auto size = static_cast<std::int64_t>(octets);
    const Nanos backlog = std::max(free_at_ - now, Nanos(0));
    // Before it: what the line still has to send. Rates stay below 10^9, so nothing here overflows.
    if (backlog.count() / 1000 * rate_ / (kSecond / 1000) + size > queue_) return std::nullopt;
    free_at_ = now + backlog + Nanos(size * kSecond / rate_);
    return free_at_ - now;
  }

 private:
  std::int64_t rate_ = 0, queue_ = 0;
  RefTime free_at_;
};

}  // namespace flagfall::sim
