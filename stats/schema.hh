// The database's tables, and how a file becomes one that we write: made when it
// is new, checked when it is there. docs/design/statistics.md describes them for
// people who ask with SQL of their own.
//
// Four tables hold cells: of a second, a minute or an hour (`width`), which
// begins at `time`, with keys and sums. A cell lies in one width only, so a sum
// over all widths counts nothing twice.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "stats/sqlite.hh"

namespace flagfall::stats {

/// In the file's header (PRAGMA application_id), so that nobody else's database is taken for ours.
inline constexpr std::int64_t kApplicationId = 0x66667374;  // "ffst"
inline constexpr std::int64_t kSchemaVersion = 1;           // PRAGMA user_version

inline constexpr std::int64_t kSecond = 1;
inline constexpr std::int64_t kMinute = 60;
inline constexpr std::int64_t kHour = 3600;

struct CellTable {
  std::string name;
  std::vector<std::string_view> keys;  // besides width and time; columns of text but `bucket`
  std::vector<std::string_view> sums;
  bool by_prefix = false;  // has a column `prefix`
};
/// races, runners, margins, counters
const std::vector<CellTable>& cell_tables();
/// Adds to cells: parameters are width, time, keys and sums in order.
std::string upsert_sql(const CellTable& table);

/// Whether the open file is ours and not newer than we are; else why not.
Fault check_file(Database& db);
/// Makes it ours when it is new, checks it when it is not, and sets it up for writing: WAL, no larger than
/// `most_bytes`. A damaged one is Fault::Kind::corrupt; `check` reads all of it for that, which takes seconds
/// for hundreds of megabytes.
Fault set_up(Database& db, std::int64_t most_bytes, bool check);

}  // namespace flagfall::stats
