// The last durations that were measured, and their quantiles: what is old is
// forgotten, and a rare one that is far out moves no median. Pure; nothing
// allocates.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "common/base/time.hh"

namespace flagfall::slave {

template <std::size_t kSize>
class Recent {
 public:
  void add(Nanos value) {
    values_[next_] = value;
    next_ = (next_ + 1) % kSize;
    count_ = std::min(count_ + 1, kSize);
  }
  /// At most kSize.
  [[nodiscard]] std::size_t count() const { return count_; }
  /// The value that `percent` of them (0 to 100) do not exceed; zero when there are none.
  [[nodiscard]] Nanos quantile(unsigned percent) const {
    if (count_ == 0) return Nanos(0);
    std::array<Nanos, kSize> sorted = values_;
    const auto at = sorted.begin() + static_cast<std::ptrdiff_t>((count_ - 1) * percent / 100);
    std::nth_element(sorted.begin(), at, sorted.begin() + static_cast<std::ptrdiff_t>(count_));
    return *at;
  }

 private:
  std::array<Nanos, kSize> values_{};
  std::size_t next_ = 0;
  std::size_t count_ = 0;
};

}  // namespace flagfall::slave
