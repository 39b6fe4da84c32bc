// A distribution of times or counts: bins one percent wide, and an exact sum. Pure; a value.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace flagfall::simulate {

class Spread {
 public:
  static constexpr double kLeast = 0.01;
  static constexpr std::size_t kBins = 2400;  // up to 2.3e8: more seconds than can be played (five years)

  void add(double ms, double weight = 1) {
    const double place = std::log(std::max(ms, kLeast) / kLeast) / kLogStep;
    bins_.at(std::min(static_cast<std::size_t>(place), kBins - 1)) += weight;
    count_ += weight;
    sum_ += ms * weight;
  }
  [[nodiscard]] double count() const { return count_; }
  [[nodiscard]] double sum() const { return sum_; }
  [[nodiscard]] double mean() const { return count_ > 0 ? sum_ / count_ : 0; }
  /// The middle of the bin that holds it.
  [[nodiscard]] double quantile(double q) const {
    double seen = 0;
    for (std::size_t i = 0; i < kBins; ++i) {
      seen += bins_.at(i);
      if (seen > 0 && seen >= q * count_) return edge(static_cast<double>(i) + 0.5);
    }
    return 0;
  }
  /// Share that is no more than `ms`, to a bin.
  [[nodiscard]] double share_within(double ms) const {
    if (count_ <= 0 || ms < kLeast) return 0;
    const auto to = static_cast<std::size_t>(std::log(ms / kLeast) / kLogStep);
    double seen = 0;
    for (std::size_t i = 0; i < std::min(to, kBins); ++i) seen += bins_.at(i);
    return seen / count_;
  }

 private:
  static constexpr double kLogStep = 0.00995033085316808;  // ln 1.01
  static double edge(double bin) { return kLeast * std::exp(bin * kLogStep); }
  std::array<double, kBins> bins_{};
  double count_ = 0, sum_ = 0;
};

}  // namespace flagfall::simulate
