#include "tools/stats_text.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "tools/json_at.hh"
#include "tools/text_table.hh"

namespace flagfall::tools {
namespace {

using Json = nlohmann::json;
using Rows = std::vector<std::vector<std::string>>;

std::int64_t count(const Json& json) {
  return json.is_number_integer() ? json.get<std::int64_t>() : 0;
}
std::string text(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  return json.is_number_integer() ? std::to_string(json.get<std::int64_t>()) : "-";
}
std::string ms(const Json& json) {
  return json.is_number() ? fmt::format("{:.2f}", json.get<double>()) : "-";
}
std::string percent(const Json& share) {
  return share.is_number() ? fmt::format("{:.1f}%", 100 * share.get<double>()) : "-";
}
/// "2026-11-21T10:00:00Z" -> "2026-11-21 10:00:00 UTC"
std::string when(const Json& json) {
  std::string out = text(json);
  if (out.size() != 20 || out[10] != 'T' || out.back() != 'Z') return out;
  out[10] = ' ';
  out.replace(19, 1, " UTC");
  return out;
}

/// "icmp 800 certain, 20 likely; beacon 10 certain": what there is of it.
std::string ways(const Json& json) {
  std::string out;
  if (!json.is_object()) return out;
  for (const auto& [way, certainties] : json.items()) {
    std::string of;
    for (const std::string_view certainty : {"certain", "likely"})
      if (const std::int64_t n = count(json_at(certainties, certainty)); n > 0)
        of += fmt::format("{}{} {}", of.empty() ? "" : ", ", n, certainty);
    if (!of.empty()) out += fmt::format("{}{} {}", out.empty() ? ": " : "; ", way, of);
  }
  return out;
}

std::string reasons(const Json& json) {
  std::int64_t total = 0;
  std::string parts;
  if (json.is_object())
    for (const auto& [reason, n] : json.items()) {
      total += count(n);
      if (count(n) > 0) parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", reason, count(n));
    }
  return std::to_string(total) + (parts.empty() ? "" : " (" + parts + ")");
}

std::string head(const Json& stats) {
  const Json& totals = json_at(stats, "totals");
  Rows rows{{"since", when(json_at(stats, "since")) +
                          (json_at(stats, "first").is_string()
                               ? "; the first counted race: " + when(json_at(stats, "first"))
                               : "")}};
  if (json_at(stats, "service").is_string()) rows.push_back({"service", text(json_at(stats, "service"))});
  rows.push_back({"races", text(json_at(totals, "races")) +
                               (count(json_at(totals, "shadow")) > 0
                                    ? fmt::format(", and {} in the shadow", count(json_at(totals, "shadow")))
                                    : "")});
  rows.push_back(
      {"verdicts", fmt::format("{}, {}{}", text(json_at(totals, "verdicts")),
                               percent(json_at(totals, "verdict_share")), ways(json_at(totals, "ways")))});
  rows.push_back({"within error", text(json_at(totals, "within_error")) +
                                      " of the verdicts: those wins say nothing of the paths"});
  rows.push_back({"no verdict", text(json_at(totals, "without_verdict"))});
  rows.push_back({"late", percent(json_at(totals, "late_share")) + " of the answers that were due"});
  rows.push_back({"not raced", reasons(json_at(totals, "fallback")) +
                                   "; refused by the guard: " + text(json_at(totals, "guard_refused"))});
  const Json& keeping = json_at(stats, "keeping");
  if (json_at(keeping, "why_not").is_string())
    rows.push_back({"not kept now", text(json_at(keeping, "why_not"))});
  if (count(json_at(keeping, "races_not_kept")) > 0)
    rows.push_back(
        {"not kept", text(json_at(keeping, "races_not_kept")) + " races since the master's start"});
  return text_table(rows);
}

/// "fra 40/42, nyc 2/42": won of the races with a verdict in which it ran; who won most is the first.
std::string winners(const Json& wins) {
  std::vector<std::pair<std::int64_t, std::string>> all;
  if (wins.is_object())
    for (const auto& [server, c] : wins.items())
      all.emplace_back(-count(json_at(c, "won")), fmt::format("{} {}/{}", server, count(json_at(c, "won")),
                                                              count(json_at(c, "judged"))));
  std::ranges::sort(all);
  std::string out;
  for (const auto& [order, part] : all)
    if (order < 0 || all.size() <= 4) out += (out.empty() ? "" : ", ") + part;
  return out.empty() ? "-" : out;
}

/// "fra, nyc +6.02, sin +21.10", and how many samples the least known one has.
std::pair<std::string, std::string> places(const Json& arrivals) {
  std::string out;
  std::string service;
  std::int64_t samples = 0;
  if (!arrivals.is_array() || arrivals.empty()) return {"-", "-"};
  for (const Json& place : arrivals) {
    const bool first = out.empty() || text(json_at(place, "service")) != service;
    service = text(json_at(place, "service"));
    samples =
        out.empty() ? count(json_at(place, "samples")) : std::min(samples, count(json_at(place, "samples")));
    out += fmt::format("{}{}", out.empty() ? "" : first ? "; " : ", ", text(json_at(place, "server")));
    if (!first) out += " +" + ms(json_at(place, "behind_ms"));
  }
  return {std::to_string(samples), out};
}

std::string key_of(const Json& row, const std::string& by) {
  return by == "hour" ? when(json_at(row, by)) : text(json_at(row, by));
}

Rows win_rows(const Json& rows, const std::string& by) {
  if (by == "server") {
    Rows out{{"server", ">ran", ">judged", ">won", ">share", ">within error", ">margin p50", ">p90",
              ">mean, ms", ">late", ">share"}};
    for (const Json& row : rows)
      out.push_back({key_of(row, by), text(json_at(row, "ran")), text(json_at(row, "judged")),
                     text(json_at(row, "won")), percent(json_at(row, "won_share")),
                     text(json_at(row, "within_error")), ms(json_at(row, {"margin_ms", "p50"})),
                     ms(json_at(row, {"margin_ms", "p90"})), ms(json_at(row, {"margin_ms", "mean"})),
                     text(json_at(row, "late")), percent(json_at(row, "late_share"))});
    return out;
  }
  Rows out{{by, ">races", ">verdicts", ">within error", ">mean margin, ms", ">late", "won, of the judged"}};
  for (const Json& row : rows)
    out.push_back({key_of(row, by), text(json_at(row, "races")), text(json_at(row, "verdicts")),
                   text(json_at(row, "within_error")), ms(json_at(row, {"margin_ms", "mean"})),
                   percent(json_at(row, "late_share")), winners(json_at(row, "wins"))});
  return out;
}

Rows benefit_rows(const Json& rows, const std::string& by) {
  const bool prefix = by == "prefix";
  Rows out{{by, ">races", ">judged", ">saved: second best, ms", ">random, ms"}};
  if (prefix) out[0].insert(out[0].end(), {">samples", "measured arrivals, ms behind the first"});
  for (const Json& row : rows) {
    const Json& saved = json_at(row, "saved_ms");
    auto& line = out.emplace_back(std::vector<std::string>{
        key_of(row, by), text(json_at(saved, "races")), text(json_at(saved, "judged")),
        ms(json_at(saved, "second_best")), ms(json_at(saved, "random"))});
    if (!prefix) continue;
    const auto [samples, order] = places(json_at(row, "arrivals"));
    line.insert(line.end(), {samples, order});
  }
  return out;
}

Result<Json> parsed(std::string_view json) {
  Json stats = Json::parse(json, nullptr, false);
  if (stats.is_discarded() || !stats.is_object() || !json_at(stats, "rows").is_array())
    return Error{"the statistics are not a JSON object with rows"};
  return stats;
}

/// The paths of a row's columns, and their names.
struct Column {
  std::string name;
  std::vector<std::string> path;
};
std::vector<Column> columns(const Json& rows, const std::string& by) {
  std::vector<Column> out{{by, {by}}};
  const bool server = by == "server";
  using Words = std::vector<const char*>;
  for (const char* name : server ? Words{"ran", "judged", "won", "won_share", "within_error"}
                                 : Words{"races", "shadow", "verdicts", "without_verdict", "verdict_share",
                                         "within_error", "measured"})
    out.push_back({name, {name}});
  for (const char* name : {"count", "mean", "p50", "p90", "p99"})
    if (server || name[0] != 'p')
      out.push_back({fmt::format("margin_{}{}", name, name[0] == 'c' ? "" : "_ms"), {"margin_ms", name}});
  for (const char* name : {"late", "late_share"}) out.push_back({name, {name}});
  if (server)
    for (const char* fate :
         {"unreported", "sent", "sent_late", "dropped_late", "refused", "failed", "withheld"})
      out.push_back({fate, {"fates", fate}});
  for (const char* name : {"races", "judged"})
    out.push_back({fmt::format("saved_{}", name), {"saved_ms", name}});
  for (const char* name : {"second_best", "random"})
    out.push_back({fmt::format("saved_{}_ms", name), {"saved_ms", name}});
  std::set<std::string> servers;
  for (const Json& row : rows)
    if (const Json& wins = json_at(row, "wins"); wins.is_object())
      for (const auto& [name, c] : wins.items()) servers.insert(name);
  for (const std::string& name : servers)
    for (const char* what : {"judged", "won", "within_error"})
      out.push_back({fmt::format("{}_{}", name, what), {"wins", name, what}});
  return out;
}

}  // namespace

Result<std::string> stats_text(std::string_view json, bool benefit) {
  const auto stats = parsed(json);
  if (!stats) return Error{stats.error()};
  const std::string by = text(json_at(*stats, "by"));
  const Json& rows = json_at(*stats, "rows");
  std::string out = head(*stats);
  if (rows.empty()) return out + "\nno races\n";
  out += "\n" + text_table(benefit ? benefit_rows(rows, by) : win_rows(rows, by));
  if (const std::int64_t left = count(json_at(*stats, "rows_left_out")); left > 0)
    out += fmt::format("and {} more\n", left);
  return out;
}

Result<std::string> stats_csv(std::string_view json) {
  const auto stats = parsed(json);
  if (!stats) return Error{stats.error()};
  const Json& rows = json_at(*stats, "rows");
  const std::vector<Column> all = columns(rows, text(json_at(*stats, "by")));
  std::string out;
  for (const Column& column : all) out += (out.empty() ? "" : ",") + csv_cell(Json(column.name));
  out += "\r\n";
  for (const Json& row : rows) {
    std::string line;
    for (const Column& column : all) {
      const Json* here = &row;
      for (const std::string& key : column.path) here = &json_at(*here, key);
      line += (&column == &all.front() ? "" : ",") + csv_cell(*here);
    }
    out += line + "\r\n";
  }
  return out;
}

}  // namespace flagfall::tools
