// A token bucket as a single number: the time at which it will be full again
// (the "theoretical arrival time" of GCRA, ITU-T I.371). It is full when that is
// past, empty when it lies a whole burst ahead. Pure; the owner keeps the state.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "common/base/time.hh"

namespace flagfall {

/// Tokens a second, and how many may be taken at once.
struct BucketLimit {
  double rate = 0;   // 0: never
  double burst = 1;  // at least 1

  [[nodiscard]] BucketLimit share(unsigned parts) const {
    return {rate / parts, std::max(1.0, burst / parts)};
  }
};

class TokenBucket {
 public:
  explicit TokenBucket(const BucketLimit& limit) {
    if (limit.rate <= 0) return;
    cost_ = static_cast<std::int64_t>(std::ceil(std::min(1e9 / limit.rate, kLongest)));
    slack_ = static_cast<std::int64_t>(
        std::min(static_cast<double>(cost_) * (std::max(limit.burst, 1.0) - 1), kLongest));
  }
  /// `full_at` is the bucket's state; the epoch for one that was never used.
  [[nodiscard]] bool may_take(MonoTime full_at, MonoTime now) const {
    return cost_ > 0 && to_ns(full_at) - to_ns(now) <= slack_;
  }
  [[nodiscard]] MonoTime take(MonoTime full_at, MonoTime now) const {
    return std::max(full_at, now) + Nanos(cost_);
  }
  /// How long one token takes to come back.
  [[nodiscard]] Nanos cost() const { return Nanos(cost_); }

 private:
  static constexpr double kLongest = 1e18;  // ns, 31 years: keeps sums far from overflow
  std::int64_t cost_ = 0;                   // 0: never
  std::int64_t slack_ = 0;
};

}  // namespace flagfall
