// A question to the database, and what it finds: sums of cells in plain structs.
// Any thread, with a connection of its own. How it looks is report.hh's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stats/cells.hh"
#include "stats/schema.hh"

namespace flagfall::stats {

enum class By : std::uint8_t { server, prefix, service, hour };
inline constexpr std::array<std::string_view, 4> kByNames{"server", "prefix", "service", "hour"};
std::optional<By> parse_by(std::string_view text);

struct Question {
  By by = By::server;
  std::optional<std::string> service;  // nothing: all together
  std::int64_t since = 0;              // seconds since the Unix epoch; cells that end after it count whole
  std::int64_t until = 0;              // cells that begin before it
  std::size_t rows = 1000;             // at most; the busiest
};

/// Of one row of the answer: a service, a prefix, an hour, or all.
struct Sums {
  RaceCounts races;
  std::map<std::string, RunnerCounts> runners;  // by slave
  [[nodiscard]] RunnerCounts all() const;
};

/// A slave's place among the arrivals at a prefix.
struct Place {
  std::string service;
  std::string slave;
  std::int64_t behind_ns = 0;  // the nearest one of the service
  std::int64_t spread_ns = 0;
  std::int64_t error_ns = 0;
  std::int64_t samples = 0;
  std::int64_t updated = 0;
};

struct Findings {
  Sums totals;
  std::vector<std::pair<std::string, Sums>>
      rows;  // by key; none by server: those are the runners of `totals`
  std::size_t rows_left_out = 0;
  std::map<std::string, std::map<unsigned, std::int64_t>> margins;  // by slave: histogram bucket -> wins
  std::map<std::string, std::vector<Place>> places;  // by prefix, of a service the nearest first
  std::map<std::string, std::int64_t> counters;
  std::optional<std::int64_t> first;  // the time of the earliest cell that counted
};

/// Nothing: see db.fault(). The file is one of ours (check_file()).
std::optional<Findings> find(Database& db, const Question& question);

}  // namespace flagfall::stats
