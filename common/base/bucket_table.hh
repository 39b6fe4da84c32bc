// A table of token buckets that never gives more than the budget, whatever
// addresses a stranger invents. Pure, one owner.
//
// A full bucket and no bucket are the same thing (common/base/token_bucket.hh), so
// the table may forget exactly those.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/base/time.hh"
#include "common/base/token_bucket.hh"

namespace flagfall {

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
      if (free == nullptr && slot->full_at <= now) free = slot;  // the first: a set's first line is enough
    }
    if (free == nullptr) return nullptr;
    *free = {hash, MonoTime()};
    return &free->full_at;
  }
  /// Asks for the memory that find() will look at, and does not wait for it.
  void prepare(std::uint64_t hash) const {
    const Slot* const set = &slots_[(hash & (slots_.size() / kWays - 1)) * kWays];
    __builtin_prefetch(set);
    __builtin_prefetch(set + kWays / 2);
  }
  /// About how many buckets are not full: keys are spread evenly, so a part of
  /// a large table tells. Each call looks at the next part.
  [[nodiscard]] std::size_t busy(MonoTime now) {
    const std::size_t part = std::min(slots_.size(), kSample);
    const auto* const from = slots_.data() + next_sample_;
    const auto n = static_cast<std::size_t>(
        std::count_if(from, from + part, [&](const Slot& s) { return s.full_at > now; }));
    next_sample_ = (next_sample_ + part) % slots_.size();  // both are powers of two
    return n * (slots_.size() / part);
  }
  [[nodiscard]] std::size_t capacity() const { return slots_.size(); }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    MonoTime full_at;
  };
  static constexpr std::size_t kSample = 8192;
  std::vector<Slot> slots_;
  std::size_t next_sample_ = 0;
};

}  // namespace flagfall
