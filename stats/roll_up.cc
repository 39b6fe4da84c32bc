#include "stats/roll_up.hh"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "stats/cells.hh"
#include "stats/schema.hh"

namespace flagfall::stats {
namespace {

/// Rows of `arrivals`; memory holds fewer.
constexpr std::int64_t kMostArrivals = 65'536;

std::int64_t floor_to(std::int64_t time, std::int64_t width) {
  return time - (time % width + width) % width;
}

/// The time of the oldest cell of a width; nothing: there is none.
std::optional<std::int64_t> oldest(Database& db, std::int64_t width) {
  std::optional<std::int64_t> least;
  for (const CellTable& table : cell_tables()) {
    auto query = db.prepare(fmt::format("SELECT min(time) FROM {} WHERE width = {}", table.name, width));
    if (!query || !query->step() || query->null(0)) continue;
    least = std::min(least.value_or(kMostFigure), figure(query->integer(0)));
  }
  return least;
}

/// Moves the cells of one table in [begin, begin + to) from one width to the next.
std::string move_sql(const CellTable& table, std::int64_t from, std::int64_t to, std::int64_t begin) {
  std::string keys;
  std::string wanted;
  std::string groups;
  for (const std::string_view k : table.keys) {
    keys += fmt::format(", {}", k);
    wanted +=
        k == "prefix"
            ? fmt::format(", iif((service, prefix) IN (SELECT service, prefix FROM busy), prefix, '{}') AS p",
                          kOther)
            : fmt::format(", {}", k);
    groups += fmt::format("{}{}", groups.empty() ? "" : ", ", k == "prefix" ? std::string_view("p") : k);
  }
  std::string columns;
  std::string sums;
  std::string updates;
  for (const std::string_view s : table.sums) {
    columns += fmt::format(", {}", s);
    sums += fmt::format(", sum({})", s);
    updates += fmt::format("{0}{1} = {1} + excluded.{1}", updates.empty() ? "" : ", ", s);
  }
  const std::string where = fmt::format("width = {} AND time >= {} AND time < {}", from, begin, begin + to);
  return fmt::format(
      "INSERT INTO {0} (width, time{1}{2}) SELECT {3}, {4}{5}{6} FROM {0} WHERE {7} GROUP BY {8} "
      "ON CONFLICT DO UPDATE SET {9}; DELETE FROM {0} WHERE {7};",
      table.name, keys, columns, to, begin, wanted, sums, where, groups, updates);
}

/// The prefixes that keep a cell of their own; the busiest of each service.
std::string busy_sql(std::int64_t from, std::int64_t to, std::int64_t begin, std::int64_t most) {
  return fmt::format(
      "CREATE TEMP TABLE busy AS SELECT service, prefix FROM (SELECT service, prefix, row_number() OVER "
      "(PARTITION BY service ORDER BY sum(races + shadow) DESC, prefix) AS place FROM races WHERE width = {} "
      "AND time >= {} AND time < {} AND prefix <> '{}' GROUP BY service, prefix) WHERE place <= {};"
      "CREATE INDEX temp.busy_key ON busy (service, prefix);",
      from, begin, begin + to, kOther, most);
}

}  // namespace

RollUp::Step RollUp::roll(std::int64_t from, std::int64_t to, std::int64_t until) {
  const auto first = oldest(db_, from);
  if (!first) return Step::idle;
  const std::int64_t begin = floor_to(*first, to);
  if (begin + to > until) return Step::idle;
  Transaction transaction(db_);
  if (!transaction.begun()) return Step::failed;
  if (!db_.run("DROP TABLE IF EXISTS temp.busy;" + busy_sql(from, to, begin, keep_.prefixes)))
    return Step::failed;
  for (const CellTable& table : cell_tables())
    if (!db_.run(move_sql(table, from, to, begin))) return Step::failed;
  return transaction.commit() ? Step::worked : Step::failed;
}

RollUp::Step RollUp::drop_hour(std::int64_t until) {
  const auto first = oldest(db_, kHour);
  if (!first || *first + kHour > until) return Step::idle;
  Transaction transaction(db_);
  if (!transaction.begun()) return Step::failed;
  for (const CellTable& table : cell_tables())
    if (!db_.run(fmt::format("DELETE FROM {} WHERE width = {} AND time = {}", table.name, kHour, *first)))
      return Step::failed;
  return transaction.commit() ? Step::worked : Step::failed;
}

std::int64_t RollUp::used_bytes() {
  const auto pages = db_.number("PRAGMA page_count");
  const auto free = db_.number("PRAGMA freelist_count");
  const auto size = db_.number("PRAGMA page_size");
  return pages && free && size ? (*pages - *free) * *size : 0;
}

/// Too large: detail goes first, the oldest first; then the oldest hours.
RollUp::Step RollUp::shrink(std::int64_t now) {
  const std::int64_t used = used_bytes();
  if (used > keep_.most_bytes) shrinking_ = true;
  if (used <= keep_.most_bytes / 10 * 9) shrinking_ = false;  // not again at the next batch
  if (!shrinking_) return Step::idle;
  for (const auto& [from, to] : {std::pair{kSecond, kMinute}, {kMinute, kHour}})
    if (const Step step = roll(from, to, now - kMinute); step != Step::idle) return step;
  return drop_hour(now);
}

/// Too old, or too many: who are measured now are the ones that count.
RollUp::Step RollUp::forget_arrivals(std::int64_t now) {
  if (now - arrivals_seen_ < kHour) return Step::idle;
  arrivals_seen_ = now;
  const bool done = db_.run(fmt::format(
      "DELETE FROM arrivals WHERE updated < {}; DELETE FROM arrivals WHERE updated < (SELECT updated "
      "FROM arrivals ORDER BY updated DESC LIMIT 1 OFFSET {})",
      now - keep_.arrivals, kMostArrivals));
  return done ? Step::idle : Step::failed;
}

/// Free pages go back to the disk, some at a time.
RollUp::Step RollUp::vacuum() {
  if (db_.number("PRAGMA freelist_count").value_or(0) <= 256) return Step::idle;
  return db_.run("PRAGMA incremental_vacuum(256)") ? Step::worked : Step::failed;
}

RollUp::Step RollUp::step(std::int64_t now) {
  Step step = roll(kSecond, kMinute, now - keep_.seconds);
  if (step == Step::idle) step = roll(kMinute, kHour, now - keep_.minutes);
  if (step == Step::idle) step = drop_hour(now - keep_.hours);
  if (step == Step::idle) step = shrink(now);
  if (step == Step::idle) step = forget_arrivals(now);
  if (step == Step::idle) step = vacuum();
  return step;
}

}  // namespace flagfall::stats
