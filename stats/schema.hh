// The database's tables. docs/design/statistics.md describes them for
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

#include "common/store/file_format.hh"
#include "common/store/sqlite.hh"

namespace flagfall::stats {

using store::Database;
using store::Fault;
using store::Statement;
using store::Transaction;

const store::FileFormat& file_format();

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
/// See store::set_up.
Fault set_up(Database& db, std::int64_t most_bytes, bool check);

}  // namespace flagfall::stats
