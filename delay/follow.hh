// What an operator asks of a delay that follows the network, and what became of
// it: values, and the line that the log says about a change. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "common/base/time.hh"

namespace flagfall::delay {

/// `delay = { on_time = 0.99, at_least = "2ms", at_most = "80ms" }`
struct Follow {
  /// The share of races in which every slave that counts is on time. 1: no race may be late, so the delay is
  /// longer than whatever the window has seen, plus the clocks' bound.
  double on_time = 0.99;
  /// Only so many slaves count, those that need the least; absent: all.
  std::optional<unsigned> nearest;
  Nanos at_least = std::chrono::milliseconds(1);
  Nanos at_most = std::chrono::milliseconds(100);
};

/// Why a delay was changed, or could not be.
enum class Cause : std::uint8_t {
  measured,  // the first figures since the start
  late,      // the last seconds fell short of the target
  reviewed,  // what has followed such a change, or the first figures, still does
  slipping,  // the window falls short
  slack,     // the window would have done with less
  limited,   // at_most or at_least forbids what is wanted; nothing changes
};

struct Change {
  Nanos from{};
  Nanos to{};
  Cause cause = Cause::measured;
  Nanos wanted{};           // before at_least and at_most
  std::size_t races = 0;    // that it was concluded from
  double share = 0;         // of them had all slaves on time with `from`
  std::uint16_t slave = 0;  // the one that needs most,
  Nanos needs{};            // and how much, at the quantile `on_time`
  Nanos bound{};            // largest clock bound of its window
};

/// One line for the log, without the service: "25ms -> 41.2ms: ...". `names`: of slaves, by index.
std::string describe(const Change& change, const Follow& follow, std::span<const std::string> names);

}  // namespace flagfall::delay
