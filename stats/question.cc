#include "stats/question.hh"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "common/base/histogram.hh"
#include "stats/schema.hh"

namespace flagfall::stats {
namespace {

/// Selects from cells of the question's time, and of its service.
class Select {
 public:
  Select(Database& db, const Question& question) : db_(db), question_(question) {}

  /// Columns and tables are ours; values are bound.
  std::optional<Statement> operator()(std::string_view table, const std::string& what, std::string_view tail,
                                      bool by_service = true) {
    std::string where;
    for (const std::int64_t width : {kSecond, kMinute, kHour})
      where += fmt::format("{}(width = {} AND time > ? AND time < ?)", where.empty() ? "(" : " OR ", width);
    where += ")";
    const bool one = by_service && question_.service.has_value();
    if (one) where += " AND service = ?";
    auto statement = db_.prepare(fmt::format("SELECT {} FROM {} WHERE {} {}", what, table, where, tail));
    if (!statement) return statement;
    for (const std::int64_t width : {kSecond, kMinute, kHour})
      statement->bind(question_.since - width).bind(question_.until);
    if (one) statement->bind(*question_.service);
    return statement;
  }

 private:
  Database& db_;
  const Question& question_;
};

template <class Names>
std::string sums(const Names& names) {
  std::string out;
  for (const std::string_view name : names) out += fmt::format("{}sum({})", out.empty() ? "" : ", ", name);
  return out;
}

template <class Counts>
Counts read_counts(const Statement& row, int from) {
  Counts counts;
  for (std::int64_t& n : counts.n) n = figure(row.integer(from++));
  return counts;
}

/// SQL for what rows are grouped by.
std::string column_of(By by) {
  switch (by) {
    case By::server:
      return "''";
    case By::prefix:
      return "prefix";
    case By::service:
      return "service";
    case By::hour:
      return fmt::format("time - time % {}", kHour);
  }
  return {};
}

bool read_grouped(Select& select, By by, std::map<std::string, Sums>& into) {
  const std::string key = column_of(by) + " AS k";
  auto races = select("races", fmt::format("{}, {}", key, sums(kRaceColumns)), "GROUP BY k");
  auto runners =
      select("runners", fmt::format("{}, slave, {}", key, sums(kRunnerColumns)), "GROUP BY k, slave");
  if (!races || !runners) return false;
  while (races->step()) into[races->text(0)].races = read_counts<RaceCounts>(*races, 1);
  while (runners->step())
    into[runners->text(0)].runners[runners->text(1)] = read_counts<RunnerCounts>(*runners, 2);
  return races->ok() && runners->ok();
}

/// Hours in their order; else the busiest first. No more than asked for.
void take_rows(const Question& question, std::map<std::string, Sums>&& groups, Findings& out) {
  for (auto& [key, of] : groups) out.rows.emplace_back(key, std::move(of));
  const auto races = [](const auto& row) {
    return -(row.second.races[RaceColumn::races] + row.second.races[RaceColumn::shadow]);
  };
  if (question.by != By::hour) std::ranges::stable_sort(out.rows, {}, races);
  if (out.rows.size() <= question.rows) return;
  out.rows_left_out = out.rows.size() - question.rows;
  out.rows.erase(out.rows.begin() + static_cast<std::ptrdiff_t>(question.rows), out.rows.end());
}

template <class Counts>
void add(Counts& to, const Counts& more) requires requires {
  to.n;
}
{
  for (std::size_t i = 0; i < to.n.size(); ++i) to.n.at(i) = plus(to.n.at(i), more.n.at(i));
}
void add(Sums& to, const Sums& more) {
  add(to.races, more.races);
  for (const auto& [slave, counts] : more.runners) add(to.runners[slave], counts);
}

bool read_margins(Select& select, Findings& out) {
  auto query = select("margins", "slave, bucket, sum(count)", "GROUP BY slave, bucket");
  while (query && query->step()) {
    const std::int64_t bucket = std::clamp<std::int64_t>(query->integer(1), 0, Histogram::kBuckets - 1);
    std::int64_t& count = out.margins[query->text(0)][static_cast<unsigned>(bucket)];
    count = plus(count, figure(query->integer(2)));
  }
  return query && query->ok();
}

bool read_counters(Select& select, Findings& out) {
  auto query = select("counters", "name, sum(count)", "GROUP BY name", false);
  while (query && query->step()) out.counters[query->text(0)] = figure(query->integer(1));
  return query && query->ok();
}

bool read_first(Select& select, Findings& out) {
  auto query = select("races", "min(time)", "");
  if (query && query->step() && !query->null(0)) out.first = figure(query->integer(0));
  return query && query->ok();
}

/// What arrives where, as it was measured last: only what can be compared with the best-measured slave.
bool read_places(Database& db, const Question& question, Findings& out) {
  auto query = db.prepare(
      "SELECT prefix, service, slave, offset_ns, spread_ns, error_ns, samples, updated, part FROM arrivals "
      "WHERE (?1 = '' OR service = ?1) ORDER BY prefix, service, samples DESC, slave");
  if (!query) return false;
  query->bind(question.service.value_or(""));
  std::string last;
  std::int64_t part = 0;
  while (query->step()) {
    const std::string prefix = query->text(0);
    if (const std::string key = query->text(1) + " " + prefix; key != last) {
      part = query->integer(8);
      last = key;
    }
    if (query->integer(8) == part)
      out.places[prefix].push_back({query->text(1), query->text(2), figure(query->integer(3)),
                                    figure(query->integer(4)), figure(query->integer(5)),
                                    figure(query->integer(6)), figure(query->integer(7))});
  }
  for (auto& [prefix, places] : out.places) {
    std::ranges::stable_sort(places, [](const Place& a, const Place& b) {
      return std::tie(a.service, a.behind_ns) < std::tie(b.service, b.behind_ns);
    });
    std::string service;
    std::int64_t nearest = 0;
    for (Place& place : places) {
      if (&place == &places.front() || place.service != service) nearest = place.behind_ns;
      service = place.service;
      place.behind_ns -= nearest;
    }
  }
  return query->ok();
}

}  // namespace

std::optional<By> parse_by(std::string_view text) {
  const auto* const at = std::ranges::find(kByNames, text);
  if (at == kByNames.end()) return std::nullopt;
  return static_cast<By>(at - kByNames.begin());
}

RunnerCounts Sums::all() const {
  RunnerCounts sum;
  for (const auto& [slave, counts] : runners) add(sum, counts);
  return sum;
}

std::optional<Findings> find(Database& db, const Question& question) {
  // All queries see one state of it.
  if (!db.run("BEGIN")) return std::nullopt;
  Select select(db, question);
  Findings out;
  std::map<std::string, Sums> groups;
  const bool done = read_grouped(select, question.by, groups) && read_counters(select, out) &&
                    read_first(select, out) && (question.by != By::server || read_margins(select, out)) &&
                    (question.by != By::prefix || read_places(db, question, out));
  if (!done) return std::nullopt;
  for (const auto& [key, of] : groups) add(out.totals, of);
  if (question.by != By::server) take_rows(question, std::move(groups), out);
  db.run("COMMIT");
  return out;
}

}  // namespace flagfall::stats
