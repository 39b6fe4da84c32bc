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

bool create(Database& db) {
  // Before the first page is written: later it would need a VACUUM.
  if (!db.run("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL")) return false;
  Transaction transaction(db);
  if (!transaction.begun()) return false;
  std::string sql = kArrivals;
  for (const CellTable& table : cell_tables()) sql += create_sql(table);
  sql += fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};", kApplicationId, kSchemaVersion);
  return db.run(sql) && transaction.commit();
}

Fault corrupt() {
  return {Fault::Kind::corrupt, "its content is damaged"};
}

bool sound(Database& db) {
  auto check = db.prepare("PRAGMA quick_check(1)");
  return check && check->step() && check->text(0) == "ok";
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

Fault check_file(Database& db) {
  const auto id = db.number("PRAGMA application_id");
  if (!id) return db.fault();
  const auto version = db.number("PRAGMA user_version");
  if (!version) return db.fault();
  if (*id != kApplicationId)
    return {Fault::Kind::foreign,
            "it is no database of flagfall's; move it away, or name another file as stats.database"};
  if (*version > kSchemaVersion)
    return {
        Fault::Kind::newer,
        fmt::format("it has schema {}, and this flagfall knows {}; it stays as it is: name another file as "
                    "stats.database, or upgrade",
                    *version, kSchemaVersion)};
  return *version == kSchemaVersion ? Fault{} : corrupt();
}

Fault set_up(Database& db, std::int64_t most_bytes, bool check) {
  const auto pages = db.number("PRAGMA page_count");
  if (!pages) return db.fault();
  if (*pages == 0 && !create(db)) return db.fault();
  if (Fault fault = check_file(db); fault.kind != Fault::Kind::none) return fault;
  if (check && !sound(db)) {
    const Fault fault = db.fault();
    return fault.kind == Fault::Kind::none || fault.kind == Fault::Kind::other ? corrupt() : fault;
  }
  const auto page_size = db.number("PRAGMA page_size");
  if (!page_size || *page_size <= 0) return db.fault();
  // Rolling up and deleting keep it below most_bytes; this is the wall behind, with room for what they write.
  const std::int64_t most_pages = most_bytes / *page_size * 5 / 4;
  const bool done =
      db.run(fmt::format("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit "
                         "= 1048576; PRAGMA wal_autocheckpoint = 256; "
                         "PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY; PRAGMA max_page_count = {}",
                         most_pages));
  return done ? Fault{} : db.fault();
}

}  // namespace flagfall::stats
