// A log-linear histogram of durations: 16 linear steps an octave, so a quantile
// is wrong by at most 1/16 of its value. One thread writes, any may read.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "common/base/counters.hh"
#include "common/base/time.hh"

namespace flagfall {

class Histogram {
 public:
  static constexpr unsigned kSteps = 16;
  /// Values up to 2^44 ns (4.9 hours); larger ones land in the last bucket.
  static constexpr unsigned kOctaves = 40;
  static constexpr unsigned kBuckets = kSteps * (kOctaves + 1);

  /// Negative durations count as zero.
  void add(Nanos value) {
    const auto ns = value.count() < 0 ? std::uint64_t{0} : static_cast<std::uint64_t>(value.count());
    ++buckets_[bucket_of(ns)];  // NOLINT(*-constant-array-index)
    ++count_;
    sum_.add(ns);
    if (ns > max_.get()) max_.add(ns - max_.get());
  }
  /// Adds what another thread's histogram holds now; its parts may be an instant apart.
  void merge(const Histogram& other) {
    for (unsigned i = 0; i < kBuckets; ++i) {
      const std::uint64_t n = other.bucket(i);
      buckets_[i].add(n);  // NOLINT(*-constant-array-index)
      count_.add(n);
    }
    sum_.add(other.sum_.get());
    if (other.max_.get() > max_.get()) max_.add(other.max_.get() - max_.get());
  }
  [[nodiscard]] std::uint64_t count() const { return count_.get(); }
  [[nodiscard]] Nanos sum() const { return Nanos(static_cast<std::int64_t>(sum_.get())); }
  [[nodiscard]] Nanos max() const { return Nanos(static_cast<std::int64_t>(max_.get())); }
  [[nodiscard]] std::uint64_t bucket(unsigned i) const { return buckets_.at(i).get(); }
  /// The upper edge of bucket i (exclusive).
  static constexpr std::uint64_t edge(unsigned i) {
    const unsigned octave = i / kSteps;
    const std::uint64_t step = i % kSteps + 1;
    return octave == 0 ? step : (kSteps + step) << (octave - 1);
  }
  /// The upper edge of the bucket that holds quantile q in [0,1]; zero when empty.
  [[nodiscard]] Nanos quantile(double q) const {
    const auto rank = static_cast<std::uint64_t>(q * static_cast<double>(count()));
    std::uint64_t seen = 0;
    for (unsigned i = 0; i < kBuckets; ++i) {
      seen += bucket(i);
      if (seen > rank || (seen == count() && seen > 0))
        return std::min(Nanos(static_cast<std::int64_t>(edge(i))), max());
    }
    return Nanos(0);
  }

  static constexpr unsigned bucket_of(std::uint64_t ns) {
    if (ns < kSteps) return static_cast<unsigned>(ns);
    const auto octave = static_cast<unsigned>(std::bit_width(ns)) - 4;  // 16..31 -> 1
    const auto step = static_cast<unsigned>(ns >> (octave - 1)) - kSteps;
    return octave > kOctaves ? kBuckets - 1 : octave * kSteps + step;
  }

 private:
  std::array<Counter, kBuckets> buckets_;
  Counter count_;
  Counter sum_;
  Counter max_;
};

}  // namespace flagfall
