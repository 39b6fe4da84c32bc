// Durations as the numbers that people and JSON read. Divided, not multiplied by what no double
// holds: 45,310,000 ns are 45.31 ms, not 45.309999999999995.
#pragma once

#include "common/base/time.hh"

namespace flagfall {

constexpr double in_s(Nanos n) {
  return static_cast<double>(n.count()) / 1e9;
}
constexpr double in_ms(Nanos n) {
  return static_cast<double>(n.count()) / 1e6;
}
constexpr double in_us(Nanos n) {
  return static_cast<double>(n.count()) / 1e3;
}

}  // namespace flagfall
