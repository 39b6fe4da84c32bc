#include "tools/status_text.hh"

#include <fmt/format.h>

#include <cstdint>
#include <nlohmann/json.hpp>

#include "tools/json_at.hh"
#include "tools/text_table.hh"

namespace flagfall::tools {
namespace {

using Json = nlohmann::json;

/// The value at a path of keys; null when any step is missing.
const Json& at(const Json& json, std::initializer_list<const char*> path) {
  static const Json null;
  const Json* here = &json;
  for (const char* key : path) {
    if (!here->is_object()) return null;
    const auto found = here->find(key);
    if (found == here->end()) return null;
    here = &*found;
  }
  return *here;
}
const Json& at(const Json& json, const char* key) {
  return at(json, {key});
}

std::string text(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  if (json.is_boolean()) return json.get<bool>() ? "yes" : "no";
  if (json.is_number_integer()) return std::to_string(json.get<std::int64_t>());
  if (json.is_number()) return fmt::format("{:g}", json.get<double>());
  return "-";
}

std::string number(const Json& json, int digits, const char* unit = "") {
  return json.is_number() ? fmt::format("{:.{}f}{}", json.get<double>(), digits, unit) : "-";
}

std::string join(const Json& array) {
  std::string out;
  if (array.is_array())
    for (const Json& one : array) out += (out.empty() ? "" : ", ") + text(one);
  return out.empty() ? "-" : out;
}

std::string quantiles(const Json& histogram, int digits) {
  const Json& p50 = at(histogram, "p50");
  return p50.is_number() ? number(p50, digits) + " / " + number(at(histogram, "p99"), digits) : "-";
}

bool truth(const Json& json) {
  return json.is_boolean() && json.get<bool>();
}

std::string why(const Json& json) {
  return at(json, "why_not").is_string() ? text(at(json, "why_not")) : "no reason given";
}

std::string racing(const Json& status) {
  const Json& racing = at(status, "racing");
  if (truth(at(racing, "paused"))) return "paused by an operator (flagfall resume-racing)";
  if (truth(at(racing, "standing_down"))) return "standing down: " + why(racing);
  if (at(racing, "why_not").is_string()) return "no: " + why(racing);
  return "yes";
}

std::string clock_line(const Json& clock) {
  std::string out =
      fmt::format("{} ({}), bound {} of {} allowed", text(at(clock, "status")), text(at(clock, "source")),
                  number(at(clock, "bound_ms"), 3, " ms"), number(at(clock, "max_error_ms"), 3, " ms"));
  if (at(clock, "expected_error_ms").is_number())
    out += ", expected error " + number(at(clock, "expected_error_ms"), 3, " ms");
  if (at(clock, "usable").is_boolean() && !truth(at(clock, "usable"))) out += "; not usable: " + why(clock);
  return out;
}

std::string fallbacks(const Json& fallback) {
  std::uint64_t total = 0;
  std::string parts;
  if (fallback.is_object()) {
    for (const auto& [reason, count] : fallback.items()) {
      if (!count.is_number_unsigned() || count.get<std::uint64_t>() == 0) continue;
      total += count.get<std::uint64_t>();
      parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", reason, count.get<std::uint64_t>());
    }
  }
  return std::to_string(total) + (parts.empty() ? "" : " (" + parts + ")");
}

std::string keeping(const Json& statistics) {
  if (!truth(at(statistics, "enabled"))) return statistics.is_object() ? "not enabled" : "-";
  const Json& lost = at(statistics, "races_not_kept");
  const bool some = lost.is_number_unsigned() && lost.get<std::uint64_t>() > 0;
  const std::string so_far = some ? "; " + text(lost) + " races are lost" : "";
  if (at(statistics, "why_not").is_string())
    return fmt::format("not kept in {}: {}{}", text(at(statistics, "database")), why(statistics), so_far);
  return fmt::format("kept in {}{}", text(at(statistics, "database")), so_far);
}

std::string slave_state(const Json& slave) {
  if (truth(at(slave, "fit"))) return "races";
  return truth(at(slave, "registered")) ? "stands down: " + why(slave) : "away: " + why(slave);
}

std::string percent(const Json& share) {
  return share.is_number() ? fmt::format("{:.2f}%", 100 * share.get<double>()) : "-";
}

std::string slaves(const Json& array) {
  if (!array.is_array() || array.empty()) return "no slaves are configured\n";
  std::vector<std::vector<std::string>> rows{{"slave", ">up", ">heard, ms", ">bound, ms", ">orders",
                                              ">on time", ">way p50 / p99, ms", ">sent off by p50 / p99, us",
                                              "state"}};
  for (const Json& slave : array)
    rows.push_back({text(at(slave, "name")), json_period(at(slave, "registered_for_s")),
                    number(at(slave, "heard_ago_ms"), 0), number(at(slave, {"clock", "bound_ms"}), 3),
                    text(at(slave, "orders_sent")), percent(at(slave, "on_time_share")),
                    quantiles(at(slave, "one_way_ms"), 2), quantiles(at(slave, "transmit_error_us"), 1),
                    slave_state(slave)});
  return text_table(rows);
}

std::string clocks(const Json& array) {
  if (!array.is_array() || array.empty()) return {};
  std::vector<std::vector<std::string>> rows{{"clock of", "provider", "status", ">offset, ms", ">bound, ms",
                                              ">own p50 / p99, ms", ">expected, ms", ">p50 / p99, ms",
                                              ">drift, ppm", ">updated, ms ago"}};
  for (const Json& slave : array) {
    const Json& clock = at(slave, "clock");
    rows.push_back({text(at(slave, "name")), text(at(clock, "provider")), text(at(clock, "status")),
                    number(at(clock, "correction_ms"), 3), number(at(clock, "bound_ms"), 3),
                    quantiles(at(clock, "own_bounds_ms"), 3), number(at(clock, "expected_error_ms"), 3),
                    quantiles(at(clock, "expected_errors_ms"), 3), number(at(clock, "drift_ppm"), 3),
                    number(at(clock, "updated_ago_ms"), 0)});
  }
  return "\n" + text_table(rows);
}

/// 1610612736 -> "1.5 GiB"
std::string octets(const Json& json) {
  if (!json.is_number()) return "-";
  double n = json.get<double>();
  const char* unit = "B";
  for (const char* next : {"KiB", "MiB", "GiB", "TiB"}) {
    if (n < 1024) break;
    n /= 1024;
    unit = next;
  }
  return fmt::format("{:.{}f} {}", n, *unit == 'B' ? 0 : 1, unit);
}

/// What collectors say: loads of machines and cgroups, and checks of content servers.
std::string collected(const Json& array) {
  std::vector<std::vector<std::string>> loads{
      {"load of", "what", ">connections", ">free memory", ">free swap", ">idle CPU"}};
  std::vector<std::vector<std::string>> checks{{"check at", "name", "of", "state", ">since", "why"}};
  for (const Json& slave : array) {
    if (const Json& all = at(slave, "loads"); all.is_array())
      for (const Json& load : all)
        loads.push_back({text(at(slave, "name")), text(at(load, "name")), text(at(load, "connections")),
                         octets(at(load, "free_memory")), octets(at(load, "free_swap")),
                         percent(at(load, "idle_cpu"))});
    if (const Json& all = at(slave, "checks"); all.is_array())
      for (const Json& check : all)
        checks.push_back({text(at(slave, "name")), text(at(check, "name")), text(at(check, "answer")),
                          text(at(check, "state")), json_period(at(check, "since_s")),
                          text(at(check, "why"))});
  }
  return (loads.size() == 1 ? std::string() : "\n" + text_table(loads)) +
         (checks.size() == 1 ? std::string() : "\n" + text_table(checks));
}

std::string races(const Json& status) {
  const Json& shadow = at(status, "shadow_races");
  const bool any = shadow.is_number() && shadow.get<double>() > 0;
  const Json& beacons = at(status, "beacon_races");
  const bool some = beacons.is_number() && beacons.get<double>() > 0;
  return text(at(status, "races")) + (some ? fmt::format(" ({} with beacons)", text(beacons)) : "") +
         (any ? fmt::format(", and {} in the shadow", text(shadow)) : "");
}

/// "81.20% of 1188 races: icmp 900 certain, 64 likely"
std::string verdicts(const Json& verdicts) {
  std::string ways;
  if (const Json& by = at(verdicts, "by"); by.is_object())
    for (const auto& [way, counts] : by.items())
      for (const char* certainty : {"certain", "likely"})
        if (const Json& n = at(counts, certainty); n.is_number() && n.get<double>() != 0)
          ways += fmt::format("{}{} {} {}", ways.empty() ? ": " : ", ", way, text(n), certainty);
  return fmt::format("{} of {} races{}", percent(at(verdicts, "share")), text(at(verdicts, "finished")),
                     ways);
}

/// "race", "shadow 5%"
std::string mode(const Json& service) {
  const Json& share = at(service, "race_share");
  const bool part = share.is_number() && share.get<double>() < 1;
  return text(at(service, "mode")) + (part ? fmt::format(" {:g}%", 100 * share.get<double>()) : "");
}

std::string delay(const Json& service) {
  return number(at(service, "delay_ms"), 3) +
         (text(at(service, {"delay", "mode"})) == "follow" ? " auto" : "");
}

/// How the delays that follow the network do.
std::string delays(const Json& array) {
  std::vector<std::vector<std::string>> rows{{"delay of", ">target", ">on time", ">of races", ">wants, ms",
                                              ">least", ">most", "by", ">changes", "the last"}};
  for (const Json& service : array) {
    const Json& delay = at(service, "delay");
    if (text(at(delay, "mode")) != "follow") continue;
    const Json& last = at(delay, "last_change");
    rows.push_back(
        {text(at(service, "name")), percent(at(delay, "on_time")), percent(at(delay, "share")),
         text(at(delay, "races")),
         number(at(delay, "wanted_ms"), 2) + (truth(at(delay, "limited")) ? " (limited)" : ""),
         number(at(delay, "at_least_ms"), 2), number(at(delay, "at_most_ms"), 2), join(at(delay, "slaves")),
         text(at(delay, "changes")),
         last.is_object() ? json_period(at(last, "ago_s")) + " ago, " + text(at(last, "why")) : "-"});
  }
  return rows.size() == 1 ? std::string() : "\n" + text_table(rows);
}

/// What became of datagrams, and which slaves cannot answer them. Of other services the slaves' own table
/// says all.
std::string datagrams(const Json& array) {
  std::vector<std::vector<std::string>> rows{
      {"datagrams of", ">requests", ">raced", ">bound", ">alone", ">limited", ">unanswerable", ">malformed"}};
  std::vector<std::vector<std::string>> out{{"service", "slave", "cannot answer"}};
  for (const Json& service : array) {
    const Json& udp = at(service, "udp");
    if (!udp.is_object()) continue;
    const auto sum = [&](std::initializer_list<const char*> names) {
      double n = 0;
      for (const char* const name : names)
        if (const Json& value = at(udp, name); value.is_number()) n += value.get<double>();
      return fmt::format("{:.0f}", n);
    };
    rows.push_back({text(at(service, "name")), sum({"requests"}), sum({"races"}), sum({"bound"}),
                    sum({"alone"}), sum({"limited"}), sum({"nobody", "unsent"}),
                    sum({"empty", "too_big", "unanswerable", "own"})});
    const Json& why = at(service, "why_not");
    if (!why.is_object()) continue;
    for (const auto& [slave, reason] : why.items())
      out.push_back({text(at(service, "name")), slave, text(reason)});
  }
  return (rows.size() == 1 ? std::string() : "\n" + text_table(rows)) +
         (out.size() == 1 ? std::string() : "\n" + text_table(out));
}

std::string services(const Json& array) {
  if (!array.is_array() || array.empty()) return {};
  std::vector<std::vector<std::string>> rows{
      {"service", ">delay, ms", "late", "fit", "slaves", "mode", "names"}};
  for (const Json& service : array) {
    const auto size = [](const Json& a) { return a.is_array() ? a.size() : 0; };
    const bool udp = at(service, "udp").is_object();
    rows.push_back({text(at(service, "name")), delay(service), text(at(service, "late")),
                    fmt::format("{} of {}", size(at(service, "fit")), size(at(service, "slaves"))),
                    join(at(service, "slaves")), mode(service),
                    udp ? join(at(service, {"udp", "listen"})) : join(at(service, "names"))});
  }
  return "\n" + text_table(rows) + datagrams(array) + delays(array);
}

/// Only what has happened: a column of zeros helps nobody.
std::string counters(const char* title, const Json& object) {
  std::vector<std::vector<std::string>> rows{{title, ">count"}};
  if (object.is_object())
    for (const auto& [name, value] : object.items())
      if (value.is_number() && value.get<double>() != 0) rows.push_back({name, text(value)});
  return rows.size() == 1 ? std::string() : "\n" + text_table(rows);
}

}  // namespace

Result<std::string> status_text(std::string_view json) {
  const Json status = Json::parse(json, nullptr, false);
  if (status.is_discarded() || !status.is_object()) return Error{"the status is not a JSON object"};
  std::vector<std::vector<std::string>> head{
      {"program", fmt::format("{} {}, pid {}, up {}, {} threads", text(at(status, "program")),
                              text(at(status, "version")), text(at(status, "pid")),
                              json_period(at(status, "uptime_s")), text(at(status, "threads")))},
      {"listen", join(at(status, "listen"))},
      {"racing", racing(status)},
      {"clock", clock_line(at(status, "clock"))},
      {"races", races(status)},
      {"verdicts", verdicts(at(status, "verdicts"))},
      {"fallback", fallbacks(at(status, "fallback"))},
      {"queue", "age p50 / p99 " + quantiles(at(status, "queue_age_us"), 1) + " us"},
      {"stats", keeping(at(status, "statistics"))}};
  return text_table(head) + "\n" + slaves(at(status, "slaves")) + clocks(at(status, "slaves")) +
         collected(at(status, "slaves")) + services(at(status, "services")) +
         counters("counter", at(status, "counters")) + counters("control", at(status, "control"));
}

}  // namespace flagfall::tools
