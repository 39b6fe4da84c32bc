// The choice of a service's delay, laid out: candidates with what each buys and
// costs, the one to take for a target, and the curve between them
// (docs/design/tune.md). Pure; from rows to values. How it looks is
// delay/tune_json.hh's and the command's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "delay/trade.hh"

namespace flagfall::delay {

/// The limits of the configuration key `delay`.
inline constexpr Nanos kLeastDelay = std::chrono::microseconds(100);
inline constexpr Nanos kMostDelay = std::chrono::seconds(5);

struct TuneOptions {
  TradeOptions trade = {};
  double on_time = 0.99;           // in (0, 1]; 1: longer than the longest need plus `bound`
  std::optional<Nanos> current;    // the service's delay now
  Nanos bound{};                   // worst error of the needs: both clocks'
  std::size_t curve_points = 120;  // 0: no curve
};

struct Candidate {
  Nanos delay{};
  Share together;
  std::vector<Share> slaves;  // one a column; `of` 0: it has not raced
  std::optional<double> nearest_wins;
  Nanos added{};  // the delay minus the median of what a race needs for all that count
  bool current = false;
  bool recommended = false;
};

struct CurvePoint {
  Nanos delay{};
  double together = 0;
  std::vector<double> slaves;  // one a column
};

struct SlaveNeeds {
  std::uint64_t races = 0;
  bool counted = false;
  Nanos p50{}, p99{}, most{};
};

struct Tune {
  std::uint64_t races = 0;
  double on_time = 0;  // the target
  Nanos ideal{};       // the median of what a race needs for all that count
  std::vector<SlaveNeeds> slaves;
  std::vector<Candidate> candidates;  // by delay, ascending; one is recommended, unless there were no races
  std::vector<CurvePoint> curve;
  /// The most that any delay reaches in these races is below the target: kMostDelay is too short.
  bool out_of_reach = false;
  /// Races that a surer recommendation takes: ten late ones are expected among these. 0: there were enough.
  std::uint64_t wanted_races = 0;

  [[nodiscard]] const Candidate* recommended() const;
};

/// Delays are rounded up to this: what a person would write into a file.
Nanos delay_step(Nanos delay);

Tune tune(const NeedsTable& table, const TuneOptions& options);

}  // namespace flagfall::delay
