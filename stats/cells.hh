// What statistics consist of: counts that only ever add up, in cells by time,
// service, client prefix and slave. Values only: the tally fills them on the
// control thread, the store's thread writes them, roll-ups and queries sum them.
// The columns' names are the database's; adding one is a new schema version.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.hh"
#include "common/race/finished_race.hh"

namespace flagfall::stats {

/// Counts with names. `Column` is an enum whose values index `kNames`.
template <class Column, std::size_t N>
struct Counts {
  std::array<std::int64_t, N> n{};
  std::int64_t& operator[](Column c) { return n.at(static_cast<std::size_t>(c)); }
  std::int64_t operator[](Column c) const { return n.at(static_cast<std::size_t>(c)); }
};

/// A file's figures are anybody's: what is read is within this, either way, and so are its sums.
inline constexpr std::int64_t kMostFigure = std::int64_t{1} << 58;
constexpr std::int64_t figure(std::int64_t n) {
  return std::clamp(n, -kMostFigure, kMostFigure);
}
/// Of two figures, and one again.
constexpr std::int64_t plus(std::int64_t a, std::int64_t b) {
  return figure(a + b);
}

/// Of a service's races for one prefix. The eight verdict columns are in the order of race::Way, and of
/// race::Certainty within each.
enum class RaceColumn : std::uint8_t {
  races,   // really run: shadow races are not in it
  shadow,  // ordered and timed, nobody sent
  icmp_likely,
  icmp_certain,
  beacon_likely,
  beacon_certain,
  client_likely,
  client_certain,
  tcp_likely,
  tcp_certain,
  within_error,  // verdicts whose margin the errors may explain
  measured       // races in which the arrivals of two runners or more were measured
};
inline constexpr std::array<std::string_view, 12> kRaceColumns{
    "races",         "shadow",         "icmp_likely", "icmp_certain", "beacon_likely", "beacon_certain",
    "client_likely", "client_certain", "tcp_likely",  "tcp_certain",  "within_error",  "measured"};
using RaceCounts = Counts<RaceColumn, kRaceColumns.size()>;

/// Of one slave's part in them. The seven fates are in the order of race::Fate.
enum class RunnerColumn : std::uint8_t {
  ran,           // it was ordered; shadow races are in it
  judged,        // of these, races with a verdict: what `won` is a share of
  won,           //
  within_error,  // of these, wins that are worth nothing
  unreported,
  sent,
  sent_late,
  dropped_late,
  refused,
  failed,
  withheld,
  margins,          // wins with a margin
  margin_ns,        // and their sum
  saved,            // races that it won, or seems to have won, where the prefix's arrivals are known
  saved_judged,     // of these, with a verdict
  saved_second_ns,  // sum: how much later the second best would have been
  saved_random_ns   // and a slave drawn by lot, on average
};
inline constexpr std::array<std::string_view, 17> kRunnerColumns{
    "ran",       "judged",       "won",          "within_error",    "unreported",     "sent",
    "sent_late", "dropped_late", "refused",      "failed",          "withheld",       "margins",
    "margin_ns", "saved",        "saved_judged", "saved_second_ns", "saved_random_ns"};
using RunnerCounts = Counts<RunnerColumn, kRunnerColumns.size()>;

/// The text in place of a prefix for races that found no room of their own.
inline constexpr std::string_view kOther = "other";

/// One second of one service's races for one prefix; no prefix: all that found no room.
struct Group {
  struct Runner {
    std::uint16_t slave = 0;
    RunnerCounts counts;
  };
  std::int64_t time = 0;  // seconds since the Unix epoch
  std::uint16_t service = 0;
  std::optional<Prefix> prefix;
  RaceCounts counts;
  std::vector<Runner> runners;
};

/// Margins of a slave's wins that fell into one bucket of common/base/histogram.hh.
struct MarginCell {
  std::int64_t time = 0;
  std::uint16_t service = 0;
  std::uint16_t slave = 0;
  std::uint16_t bucket = 0;
  std::int64_t count = 0;
};

/// What was added to a counter of the request loops.
struct CounterCell {
  std::int64_t time = 0;
  std::string name;
  std::int64_t count = 0;
};

/// One slave's place among the arrivals at a prefix; see arrivals.hh.
struct ArrivalRow {
  std::uint16_t service = 0;
  Prefix prefix;
  std::uint16_t slave = 0;
  std::int64_t offset_ns = 0;  // only differences within one part mean anything
  std::int64_t spread_ns = 0;
  std::int64_t error_ns = 0;
  std::int64_t samples = 0;
  std::uint16_t part = 0;
  std::int64_t updated = 0;  // seconds since the Unix epoch
};

/// What goes to the database in one transaction.
struct Batch {
  std::vector<Group> groups;
  std::vector<MarginCell> margins;
  std::vector<CounterCell> counters;
  std::vector<ArrivalRow> arrivals;
  std::int64_t races = 0;  // how many are in it, shadow races too
  [[nodiscard]] bool empty() const {
    return groups.empty() && margins.empty() && counters.empty() && arrivals.empty();
  }
};

/// Names by index, as the races have them.
struct Names {
  std::vector<std::string> services;
  std::vector<std::string> slaves;
};

}  // namespace flagfall::stats
