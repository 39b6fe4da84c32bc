#include "stats/schema.hh"

#include <fmt/format.h>

#include "stats/cells.hh"

namespace flagfall::stats {
namespace {

template <class Names>
std::vector<std::string_view> list(const Names& names) {
  return {names.begin(), names.end()};
}

std::string create_sql(const CellTable& table) {
  std::string columns = "width INTEGER NOT NULL, time INTEGER NOT NULL";
  std::string key = "width, time";
  for (const std::string_view k : table.keys) {
    columns += fmt::format(", {} {} NOT NULL", k, k == "bucket" ? "INTEGER" : "TEXT");
    key += fmt::format(", {}", k);
  }
  for (const std::string_view s : table.sums) columns += fmt::format(", {} INTEGER NOT NULL", s);
  return fmt::format("CREATE TABLE {} ({}, PRIMARY KEY ({})) WITHOUT ROWID;", table.name, columns, key);
}

constexpr auto kArrivals =
    "CREATE TABLE arrivals (service TEXT NOT NULL, prefix TEXT NOT NULL, slave TEXT NOT NULL, "
    "offset_ns INTEGER NOT NULL, spread_ns INTEGER NOT NULL, error_ns INTEGER NOT NULL, "
    "samples INTEGER NOT NULL, part INTEGER NOT NULL, updated INTEGER NOT NULL, "
    "PRIMARY KEY (service, prefix, slave)) WITHOUT ROWID;";

/// Schema 2: verdicts by TCP's acknowledgements.
constexpr auto kWithTcp =
    "ALTER TABLE races ADD COLUMN tcp_likely INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE races ADD COLUMN tcp_certain INTEGER NOT NULL DEFAULT 0;";

std::string all_tables() {
  std::string sql = kArrivals;
  for (const CellTable& table : cell_tables()) sql += create_sql(table);
  return sql;
}

}  // namespace

const std::vector<CellTable>& cell_tables() {
  static const std::vector<CellTable> tables{
      {"races", {"service", "prefix"}, list(kRaceColumns), true},
      {"runners", {"service", "prefix", "slave"}, list(kRunnerColumns), true},
      {"margins", {"service", "slave", "bucket"}, {"count"}, false},
      {"counters", {"name"}, {"count"}, false}};
  return tables;
}

std::string upsert_sql(const CellTable& table) {
  std::string columns = "width, time";
  std::string values = "?, ?";
  std::string updates;
  for (const std::string_view k : table.keys) {
    columns += fmt::format(", {}", k);
    values += ", ?";
  }
  for (const std::string_view s : table.sums) {
    columns += fmt::format(", {}", s);
    values += ", ?";
    updates += fmt::format("{0}{1} = {1} + excluded.{1}", updates.empty() ? "" : ", ", s);
  }
  return fmt::format("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO UPDATE SET {}", table.name, columns,
                     values, updates);
}

const store::FileFormat& file_format() {
  static const store::FileFormat format{
      0x66667374 /* "ffst" */, 2, all_tables(), {kWithTcp}, "stats.database"};
  return format;
}

Fault check_file(Database& db) {
  return store::check_file(db, file_format());
}

Fault set_up(Database& db, std::int64_t most_bytes, bool check) {
  return store::set_up(db, file_format(), most_bytes, check);
}

}  // namespace flagfall::stats
