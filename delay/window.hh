// The one-way delays of one slave in one service, over a decaying window: a
// log-linear histogram (common/base/histogram.hh) in generations, the oldest of
// which is forgotten as a whole. Exact to 1/16; 14 kB; a sample costs a few
// additions. Pure, one owner.
//
// Under load the window is 24 to 30 s long. Where races are few it grows until it
// holds a useful number of them, up to ten minutes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "common/base/histogram.hh"
#include "common/base/time.hh"

namespace flagfall::delay {

class Window {
 public:
  static constexpr unsigned kGenerations = 5;
  /// A generation ends at this age with kLeast samples, and at kOldest without.
  static constexpr Nanos kSpan = std::chrono::seconds(6);
  static constexpr std::uint32_t kLeast = 64;
  static constexpr Nanos kOldest = std::chrono::minutes(2);

  /// One order. `needed`: see Rows; `bound`: the worst error of `one_way`.
  void add(Nanos one_way, Nanos needed, Nanos bound, MonoTime now) {
    Generation& g = current(now);
    const auto ns = static_cast<std::uint64_t>(std::max(Nanos(0), one_way).count());
    ++g.buckets[Histogram::bucket_of(ns)];  // NOLINT(*-constant-array-index)
    ++g.count;
    g.most = std::max(g.most, one_way);
    g.most_needed = std::max(g.most_needed, needed);
    g.bound = std::max(g.bound, bound);
    ++total_;
  }

  /// Samples in the window, and since the start.
  [[nodiscard]] std::uint64_t count() const {
    std::uint64_t n = 0;
    for (const Generation& g : generations_) n += g.count;
    return n;
  }
  [[nodiscard]] std::uint64_t total() const { return total_; }
  /// In bucket i of Histogram.
  [[nodiscard]] std::uint64_t bucket(unsigned i) const {
    std::uint64_t n = 0;
    for (const Generation& g : generations_) n += g.buckets.at(i);
    return n;
  }
  /// The largest of each in the window; zero while it is empty.
  [[nodiscard]] Nanos most() const { return largest(&Generation::most); }
  [[nodiscard]] Nanos most_needed() const { return largest(&Generation::most_needed); }
  [[nodiscard]] Nanos bound() const { return largest(&Generation::bound); }
  /// The upper edge of the bucket that holds quantile q in [0,1]; zero while it is empty.
  [[nodiscard]] Nanos quantile(double q) const {
    const std::uint64_t all = count();
    const auto rank = static_cast<std::uint64_t>(q * static_cast<double>(all));
    std::uint64_t seen = 0;
    for (unsigned i = 0; i < Histogram::kBuckets && seen < all; ++i) {
      seen += bucket(i);
      if (seen > rank || seen == all)
        return std::min(Nanos(static_cast<std::int64_t>(Histogram::edge(i))), std::max(Nanos(0), most()));
    }
    return Nanos(0);
  }

 private:
  struct Generation {
    std::array<std::uint32_t, Histogram::kBuckets> buckets{};
    std::uint32_t count = 0;
    Nanos most = Nanos::min();
    Nanos most_needed = Nanos::min();
    Nanos bound = Nanos::min();
  };

  Generation& current(MonoTime now) {
    const Generation& g = generations_.at(newest_);
    const Nanos age = now - begun_;
    if (total_ == 0) {
      begun_ = now;
    } else if (age >= kOldest || (age >= kSpan && g.count >= kLeast)) {
      // After a silence, generations have ended unseen.
      const auto ended = std::clamp<std::int64_t>(age / kOldest, 1, kGenerations);
      for (std::int64_t i = 0; i < ended; ++i) {
        newest_ = (newest_ + 1) % kGenerations;
        generations_.at(newest_) = {};
      }
      begun_ = now;
    }
    return generations_.at(newest_);
  }
  [[nodiscard]] Nanos largest(Nanos Generation::*of) const {
    Nanos most = Nanos::min();
    for (const Generation& g : generations_) most = std::max(most, g.*of);
    return most == Nanos::min() ? Nanos(0) : most;
  }

  std::array<Generation, kGenerations> generations_{};
  unsigned newest_ = 0;
  MonoTime begun_;  // the newest generation
  std::uint64_t total_ = 0;
};

}  // namespace flagfall::delay
