// Token buckets as single numbers, and a table of them that never gives more
// than the budget, whatever addresses a stranger invents. Pure, one owner.
//
// A bucket is the time at which it will be full again (the "theoretical arrival
// time" of GCRA, ITU-T I.371): full when that is past, empty when it lies a
// whole burst ahead. So a full bucket and no bucket are the same thing, and the
// table may forget exactly those.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/base/time.hh"

namespace flagfall::master {

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

/// Buckets by hash, kWays to a set, all of one limit. Two keys of equal 64-bit
/// hash share one bucket, which gives less, never more.
class BucketTable {
 public:
  static constexpr std::size_t kWays = 8;
  static constexpr std::size_t kMost = std::size_t{1} << 20;

  /// `busy`: how many buckets can be other than full at once.
  explicit BucketTable(double busy)
      : slots_(std::bit_ceil(
            static_cast<std::size_t>(std::clamp(busy * kWays, 1024.0, static_cast<double>(kMost))))) {}

  /// The state of this key's bucket, to be read and written before the next call;
  /// nullptr when its set is full of buckets that are in use.
  [[nodiscard]] MonoTime* find(std::uint64_t hash, MonoTime now) {
    Slot* const set = &slots_[(hash & (slots_.size() / kWays - 1)) * kWays];
    Slot* free = nullptr;
    for (Slot* slot = set; slot != set + kWays; ++slot) {
      if (slot->hash == hash) return &slot->full_at;
      if (slot->full_at <= now) free = slot;
    }
    if (free == nullptr) return nullptr;
    *free = {hash, MonoTime()};
    return &free->full_at;
  }
  /// Buckets that are not full: for status, not for the path.
  [[nodiscard]] std::size_t busy(MonoTime now) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(slots_, [&](const Slot& s) { return s.full_at > now; }));
  }
  [[nodiscard]] std::size_t capacity() const { return slots_.size(); }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    MonoTime full_at;
  };
  std::vector<Slot> slots_;
};

}  // namespace flagfall::master
