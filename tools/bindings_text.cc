#include "tools/bindings_text.hh"

#include <fmt/format.h>

#include <array>
#include <initializer_list>

#include "tools/json_at.hh"
#include "tools/text_table.hh"

namespace flagfall::tools {
namespace {

using Json = nlohmann::json;
using Rows = std::vector<std::vector<std::string>>;

constexpr std::array<const char*, 10> kFigures{"servers", "group",     "cause", "kind",  "agreeing",
                                               "pieces",  "advantage", "text",  "since", "renewed"};

/// "fra = nyc, sin": the first two are equally good.
std::string order(const Json& servers, const Json& group) {
  std::string out;
  std::uint64_t place = 0;
  const std::uint64_t equal = group.is_number_unsigned() ? group.get<std::uint64_t>() : 1;
  if (servers.is_array())
    for (const Json& server : servers) {
      if (place > 0) out += place < equal ? " = " : ", ";
      out += json_text(server);
      ++place;
    }
  return out.empty() ? "-" : out;
}

std::string age(const Json& time, double now) {
  return time.is_number() ? json_period(Json(now - time.get<double>())) : "-";
}

/// "race 3, ping 12"
std::string pieces(const Json& json) {
  std::string out;
  if (json.is_object())
    for (const auto& [kind, n] : json.items())
      if (n.is_number() && n.get<double>() != 0)
        out += fmt::format("{}{} {}", out.empty() ? "" : ", ", kind, json_number(n, 0));
  return out.empty() ? "-" : out;
}

/// Why it may not be answered; that it may.
std::string state(const Json& candidate) {
  const Json& fit = json_at(candidate, "fit");
  if (json_at(candidate, "drained") == Json(true)) return "drained";
  if (fit == Json(true)) return "fit";
  const std::string why = json_text(json_at(candidate, "why_not"));
  return fit.is_boolean() ? "unfit" + (why.empty() || why == "-" ? "" : ": " + why) : "-";
}

std::string candidates(const Json& array) {
  if (!array.is_array() || array.empty()) return "no candidates\n";
  Rows rows{{"server", "state", ">won", ">lost", ">ping, ms", ">tcp rtt, ms", ">tcp rate, kB/s", "evidence",
             ">weight"}};
  for (const Json& one : array) {
    const Json& rate = json_at(one, "tcp_rate");
    rows.push_back({json_text(json_at(one, "server")), state(one), json_number(json_at(one, "won"), 1),
                    json_number(json_at(one, "lost"), 1), json_number(json_at(one, "ping_ms"), 2),
                    json_number(json_at(one, "tcp_rtt_ms"), 2),
                    rate.is_number() ? json_number(Json(rate.get<double>() / 1000), 0) : "-",
                    pieces(json_at(one, "pieces")), json_number(json_at(one, "weight"), 2)});
  }
  return text_table(rows);
}

std::string paths(const Json& array) {
  if (!array.is_array() || array.empty()) return {};
  Rows rows{{"server", "by border", ">metric, ms"}};
  for (const Json& one : array)
    rows.push_back({json_text(json_at(one, "server")), json_text(json_at(one, "border")),
                    json_number(json_at(one, "metric_ms"), 2)});
  return "\n" + text_table(rows);
}

std::string policies(const Json& array) {
  if (!array.is_array() || array.empty()) return {};
  Rows rows{{"policy", "says"}};
  for (const Json& one : array)
    rows.push_back({json_text(json_at(one, "policy")), json_text(json_at(one, "says"))});
  return "\n" + text_table(rows);
}

std::string recent(const Json& array) {
  if (!array.is_array() || array.empty()) return {};
  Rows rows{{">ago", "evidence", "server", ">value", "certainty", "against"}};
  for (const Json& one : array) {
    const Json& value = json_at(one, "value");
    rows.push_back({json_period(json_at(one, "ago")), json_text(json_at(one, "kind")),
                    json_text(json_at(one, "server")), json_number(value, 4),
                    json_text(json_at(one, "certainty")), json_list(json_at(one, "against"))});
  }
  return "\n" + text_table(rows);
}

std::string clients(const Json& behind) {
  const Json& networks = json_at(behind, "networks");
  if (!networks.is_array() || networks.empty()) return {};
  Rows rows{{"clients behind it", ">share"}};
  for (const Json& one : networks) {
    const Json& share = json_at(one, "share");
    rows.push_back({json_text(json_at(one, "network")),
                    share.is_number() ? fmt::format("{:.1f} %", share.get<double>() * 100) : "-"});
  }
  return "\n" + text_table(rows);
}

std::string service_text(const Json& service) {
  const Json& cluster = json_at(service, "cluster");
  Rows head{
      {"service", json_text(json_at(service, "service"))},
      {"cluster", cluster.is_string() ? cluster.get<std::string>() : "none: nobody has asked from there"},
      {"action", json_text(json_at(service, "action"))},
      {"servers", json_list(json_at(service, "servers"))},
      {"why", json_text(json_at(service, "reason"))}};
  if (const Json& scope = json_at(service, "scope"); scope.is_number_integer())
    head.push_back({"scope", "/" + json_text(scope)});
  if (const Json& shed = json_at(service, "shed"); shed.is_object())
    head.push_back({"shed", "from " + json_text(json_at(shed, "from")) + ", which is over its capacity, to " +
                                json_text(json_at(shed, "to"))});
  return text_table(head) + "\n" + candidates(json_at(service, "candidates")) +
         paths(json_at(service, "paths")) + policies(json_at(service, "policies")) +
         recent(json_at(service, "recent"));
}

}  // namespace

Result<BindingsPiece> parse_bindings(std::string_view json) {
  Json answer = Json::parse(json, nullptr, false);
  BindingsPiece out;
  const auto bindings = answer.is_object() ? answer.find("bindings") : answer.end();
  if (!answer.is_object() || bindings == answer.end() || !bindings->is_array())
    return Error{"the bindings are not a JSON object with an array"};
  for (Json& one : *bindings) {
    if (!one.is_object()) return Error{"a binding is not a JSON object"};
    out.bindings.push_back(std::move(one));
  }
  if (const Json& more = json_at(answer, "more"); more.is_string()) out.more = more.get<std::string>();
  return out;
}

std::string bindings_text(const std::vector<Json>& bindings, double now) {
  if (bindings.empty()) return "no bindings\n";
  Rows rows{{"service", "prefix", "servers", "why", ">since", ">renewed"}};
  for (const Json& one : bindings) {
    const Json& text = json_at(one, "text");
    rows.push_back({json_text(json_at(one, "service")), json_text(json_at(one, "prefix")),
                    order(json_at(one, "servers"), json_at(one, "group")),
                    json_text(text.is_string() ? text : json_at(one, "cause")),
                    age(json_at(one, "since"), now), age(json_at(one, "renewed"), now)});
  }
  return text_table(rows);
}

std::string bindings_csv_header() {
  std::string out = "service,prefix";
  for (const char* name : kFigures) out += fmt::format(",{}", name);
  return out + "\r\n";
}

std::string bindings_csv_line(const Json& binding) {
  std::string out = csv_cell(json_at(binding, "service")) + "," + csv_cell(json_at(binding, "prefix"));
  for (const std::string_view name : kFigures) {
    const Json& value = json_at(binding, name);
    out += ",";
    // The whole time, not six digits of it.
    if (value.is_number_float() && (name == "since" || name == "renewed")) {
      const std::string time = json_number(value, 3);
      out += time == "-" ? "" : time;
    } else if (value.is_array()) {
      std::string names;
      for (const Json& one : value) names += (names.empty() ? "" : " ") + json_text(one);
      out += csv_cell(Json(names));
    } else {
      out += csv_cell(value);
    }
  }
  return out + "\r\n";
}

Result<std::string> explain_text(std::string_view json) {
  const Json answer = Json::parse(json, nullptr, false);
  const Json& services = json_at(answer, "services");
  if (!services.is_array()) return Error{"the explanation is not a JSON object with services"};
  const Json& address = json_at(answer, "address");
  std::string out =
      text_table({{"address", json_text(address.is_null() ? json_at(answer, "prefix") : address)}});
  out += clients(json_at(answer, "clients"));
  for (const Json& service : services) out += "\n" + service_text(service);
  if (services.empty()) out += "\nno service\n";
  return out;
}

}  // namespace flagfall::tools
