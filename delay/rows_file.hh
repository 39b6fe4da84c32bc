// Rows as text: JSON lines, what GET /rows answers and `flagfall record` writes
// (docs/design/tune.md). A header line says whose rows they are; then a line for
// each race; a header may come again when what it says has changed. Reading is
// total and bounded: any bytes give rows or one line that says what is wrong.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "common/base/result.hh"
#include "delay/needs_table.hh"

namespace flagfall::delay {

inline constexpr int kRowsVersion = 1;
/// Octets in a line, races in a file (a week at 1.5 a second), and races times slaves at most.
inline constexpr std::size_t kMostRowLine = 65536;
inline constexpr std::size_t kMostFileRows = 1'000'000;
inline constexpr std::size_t kMostFileNeeds = 16'000'000;

struct RowsHeader {
  std::string service;
  std::vector<std::string> slaves;  // one a column
  Nanos delay{};                    // the service's, now
  std::optional<double> on_time;    // the share that the service's delay follows, where it does
  unsigned nearest = 0;             // or how many slaves must be on time
  bool late_drops = false;
  Nanos bound{};                // worst error of the needs
  std::vector<double> weights;  // how often each slave is a client's nearest; empty: not known
  std::uint64_t networks = 0;   // client networks that the weights come from
  std::uint64_t instance = 0;   // of the master's process: rows' numbers count from its start
  std::uint64_t next = 0;       // the number of the row behind those that follow
  std::uint64_t missed = 0;     // rows since the number that was asked for that are gone, or were not whole
  std::uint64_t one_in = 1;     // races from which one was kept
  bool operator==(const RowsHeader&) const = default;
};

/// One line each, with its line feed. `at`: Unix time. `needed`: one a column, NeedsTable::kAbsent for who
/// was not in the race.
void write_header(std::string& out, const RowsHeader& header);
void write_row(std::string& out, RealTime at, std::uint64_t race, std::span<const Nanos> needed);

/// Line by line into a table. After an error nothing more is taken.
class RowsReader {
 public:
  /// A line without its line feed. The error begins with what is wrong; the caller names file and line.
  Status line(std::string_view text);

  /// Null before the first header.
  [[nodiscard]] const RowsHeader* header() const { return header_ ? &*header_ : nullptr; }
  /// The rows; after a header.
  [[nodiscard]] const NeedsTable& table() const { return *table_; }
  [[nodiscard]] NeedsTable& table() { return *table_; }
  [[nodiscard]] std::uint64_t missed() const { return missed_; }
  /// How often the rows went on in another process of the master.
  [[nodiscard]] std::uint64_t restarts() const { return restarts_; }
  /// Races that came twice, and were taken once.
  [[nodiscard]] std::uint64_t repeated() const { return repeated_; }
  /// Of the first and the last race; equal before there are any.
  [[nodiscard]] RealTime first() const { return first_; }
  [[nodiscard]] RealTime last() const { return last_; }

 private:
  Status take_header(RowsHeader header);
  std::optional<RowsHeader> header_;
  std::optional<NeedsTable> table_;
  std::unordered_set<std::uint64_t> races_;
  std::uint64_t missed_ = 0, restarts_ = 0, repeated_ = 0;
  RealTime first_, last_;
};

/// All lines of a text. A last line without its line feed was cut off while it was written: it is left out,
/// and `cut` says so. Errors name the line: "line 7: ...".
Status read_rows(std::string_view text, RowsReader& reader, bool& cut);

}  // namespace flagfall::delay
