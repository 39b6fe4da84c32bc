#include "stats/report.hh"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>

#include "common/base/histogram.hh"
#include "common/base/units.hh"
#include "stats/schema.hh"
#include "stats/since.hh"

namespace flagfall::stats {
namespace {

using nlohmann::json;

json share(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? json(static_cast<double>(part) / static_cast<double>(whole)) : json(nullptr);
}
json mean_ms(std::int64_t sum_ns, std::int64_t count) {
  return count > 0 ? json(in_ms(Nanos(sum_ns)) / static_cast<double>(count)) : json(nullptr);
}

std::int64_t verdicts(const RaceCounts& c) {
  std::int64_t n = 0;
  for (std::size_t i = 0; i < race::kWayNames.size() * race::kCertaintyNames.size(); ++i)
    n += c.n.at(static_cast<std::size_t>(RaceColumn::icmp_likely) + i);
  return n;
}

json ways_json(const RaceCounts& c) {
  json out = json::object();
  auto column = static_cast<std::size_t>(RaceColumn::icmp_likely);
  for (const std::string_view way : race::kWayNames)
    for (const std::string_view certainty : race::kCertaintyNames)
      out[std::string(way)][std::string(certainty)] = c.n.at(column++);
  return out;
}

json fates_json(const RunnerCounts& c) {
  json out = json::object();
  for (std::size_t i = 0; i < race::kFateNames.size(); ++i)
    out[std::string(race::kFateNames.at(i))] = c.n.at(static_cast<std::size_t>(RunnerColumn::unreported) + i);
  return out;
}

/// Part of each race's and each server's row.
void add_common(json& out, const RunnerCounts& c) {
  const std::int64_t late = c[RunnerColumn::sent_late] + c[RunnerColumn::dropped_late];
  out["late"] = late;
  out["late_share"] = share(late, late + c[RunnerColumn::sent]);
  out["margin_ms"] = {{"count", c[RunnerColumn::margins]},
                      {"mean", mean_ms(c[RunnerColumn::margin_ns], c[RunnerColumn::margins])}};
  const std::int64_t saved = c[RunnerColumn::saved];
  out["saved_ms"] = {{"races", saved},
                     {"judged", c[RunnerColumn::saved_judged]},
                     {"second_best", mean_ms(c[RunnerColumn::saved_second_ns], saved)},
                     {"random", mean_ms(c[RunnerColumn::saved_random_ns], saved)}};
}

json win_json(const RunnerCounts& c) {
  return {{"ran", c[RunnerColumn::ran]},
          {"judged", c[RunnerColumn::judged]},
          {"won", c[RunnerColumn::won]},
          {"won_share", share(c[RunnerColumn::won], c[RunnerColumn::judged])},
          {"within_error", c[RunnerColumn::within_error]}};
}

json race_json(const Sums& of) {
  const std::int64_t races = of.races[RaceColumn::races];
  const std::int64_t judged = verdicts(of.races);
  json out = {{"races", races},
              {"shadow", of.races[RaceColumn::shadow]},
              {"verdicts", judged},
              {"without_verdict", std::max(std::int64_t{0}, races - judged)},
              {"verdict_share", share(judged, races)},
              {"within_error", of.races[RaceColumn::within_error]},
              {"measured", of.races[RaceColumn::measured]}};
  add_common(out, of.all());
  json& wins = out["wins"] = json::object();
  for (const auto& [slave, counts] : of.runners) wins[slave] = win_json(counts);
  return out;
}

void add_quantiles(json& out, const std::map<unsigned, std::int64_t>& buckets) {
  std::int64_t total = 0;
  for (const auto& [bucket, n] : buckets) total = plus(total, n);
  for (const auto& [name, q] : {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}}) {
    json& value = out[name] = nullptr;
    std::int64_t seen = 0;
    for (const auto& [bucket, n] : buckets) {
      seen = plus(seen, n);
      if (static_cast<double>(seen) < q * static_cast<double>(total)) continue;
      value = in_ms(Nanos(static_cast<std::int64_t>(Histogram::edge(bucket))));
      break;
    }
  }
}

json server_rows(const Findings& findings) {
  json rows = json::array();
  for (const auto& [slave, counts] : findings.totals.runners) {
    json& row = rows.emplace_back(win_json(counts));
    row["server"] = slave;
    row["fates"] = fates_json(counts);
    add_common(row, counts);
    const auto margins = findings.margins.find(slave);
    add_quantiles(row["margin_ms"],
                  margins == findings.margins.end() ? std::map<unsigned, std::int64_t>{} : margins->second);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const json& a, const json& b) {
    return a["won"].get<std::int64_t>() > b["won"].get<std::int64_t>();
  });
  return rows;
}

json places_json(const Findings& findings, const std::string& prefix) {
  json out = json::array();
  const auto found = findings.places.find(prefix);
  if (found == findings.places.end()) return out;
  for (const Place& p : found->second)
    out.push_back({{"service", p.service},
                   {"server", p.slave},
                   {"behind_ms", in_ms(Nanos(p.behind_ns))},
                   {"spread_ms", in_ms(Nanos(p.spread_ns))},
                   {"error_ms", in_ms(Nanos(p.error_ns))},
                   {"samples", p.samples},
                   {"updated", time_text(p.updated)}});
  return out;
}

json other_rows(const Question& question, const Findings& findings) {
  const std::string key_name(kByNames.at(static_cast<std::size_t>(question.by)));
  json rows = json::array();
  for (const auto& [key, of] : findings.rows) {
    json& row = rows.emplace_back(race_json(of));
    row[key_name] = question.by == By::hour ? time_text(std::strtoll(key.c_str(), nullptr, 10)) : key;
    if (question.by == By::prefix) row["arrivals"] = places_json(findings, key);
  }
  return rows;
}

/// "fallback_REASON" apart from the rest; those of the guard together.
void add_counters(json& totals, const Findings& findings) {
  constexpr std::string_view kFallback = "fallback_";
  json& fallback = totals["fallback"] = json::object();
  json& other = totals["counters"] = json::object();
  std::int64_t refused = 0;
  for (const auto& [name, n] : findings.counters) {
    if (!name.starts_with(kFallback)) {
      other[name] = n;
      continue;
    }
    const std::string reason = name.substr(kFallback.size());
    fallback[reason] = n;
    if (reason.starts_with("guard_") || reason == "unverified_never") refused = plus(refused, n);
  }
  totals["guard_refused"] = refused;
}

/// Nothing: ask again with another mode. Only of our own tables.
Result<json> ask(const std::string& path, Database::Mode mode, const Question& question) {
  constexpr int kBusyMs = 3000;
  const auto named = [&](const std::string& text) { return Error{fmt::format("{}: {}", path, text)}; };
  Database db(path, mode, kBusyMs);
  if (!db.ok()) return named(db.fault().text);
  if (const Fault fault = check_file(db); fault.kind != Fault::Kind::none) return named(fault.text);
  const auto findings = find(db, question);
  if (!findings) return named(db.fault().text);
  return report_json(question, *findings);
}

}  // namespace

json report_json(const Question& question, const Findings& findings) {
  json totals = race_json(findings.totals);
  totals["ways"] = ways_json(findings.totals.races);
  add_counters(totals, findings);
  return {{"by", kByNames.at(static_cast<std::size_t>(question.by))},
          {"service", question.service ? json(*question.service) : json(nullptr)},
          {"since", time_text(question.since)},
          {"until", time_text(question.until)},
          {"first", findings.first ? json(time_text(*findings.first)) : json(nullptr)},
          {"totals", std::move(totals)},
          {"rows", question.by == By::server ? server_rows(findings) : other_rows(question, findings)},
          {"rows_left_out", findings.rows_left_out}};
}

Result<json> report(const std::string& path, const Question& question) {
  if (access(path.c_str(), R_OK) != 0)
    return Error{fmt::format("{}: {}; name the master's stats.database, as a user who may read it", path,
                             std::generic_category().message(errno))};
  auto out = ask(path, Database::Mode::read, question);
  // Of a master that was stopped, in a folder that is not ours to write to: there is no log beside the file.
  if (!out && access((path + "-wal").c_str(), F_OK) != 0)
    return ask(path, Database::Mode::immutable, question);
  return out;
}

std::string to_text(const json& what) {
  return what.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace flagfall::stats
