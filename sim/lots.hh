// What the plans of a world draw by.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/random.hh"
#include "common/base/time.hh"

namespace flagfall::sim {

/// Lengths of time and numbers out of one stream.
class Lots {
 public:
  explicit Lots(std::uint64_t seed) : random_(seed) {}
  double unit() { return random_.unit(); }
  bool chance(double p) { return random_.unit() < p; }
  /// From `least` to below `most`.
  Nanos between(Nanos least, Nanos most) {
    return least +
           Nanos(static_cast<std::int64_t>(random_.unit() * static_cast<double>((most - least).count())));
  }
  unsigned between(unsigned least, unsigned most) {
    return least + static_cast<unsigned>(random_.next() % (most - least));
  }
  /// One of so many choices, from 0.
  unsigned below(unsigned choices) { return between(0, choices); }
  std::int64_t number(std::int64_t least, std::int64_t most) {
    return between(Nanos(least), Nanos(most)).count();
  }
  template <class T>
  const T& any(const std::vector<T>& of) {
    return of[between(0, static_cast<unsigned>(of.size()))];
  }

 private:
  SeededRandom random_;
};

}  // namespace flagfall::sim
