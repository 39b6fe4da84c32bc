#include "check/verified.hh"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "master/config.hh"
#include "tools/admin_client.hh"

namespace flagfall::check {

Verified known_sources(const Verified& seen, const std::set<std::string>& slaves,
                       const std::vector<Endpoint>& service) {
  Verified out;
  for (const auto& [name, sources] : seen) {
    if (!slaves.contains(name)) continue;
    for (const auto& [source, arrives] : sources)
      if (std::ranges::find(service, source) != service.end()) out[name][source] = arrives;
  }
  return out;
}

Status tell_verified(const std::string& config_file, std::string_view listened, Findings& out) {
  const auto config = master::schema().load(config_file);
  if (!config) return Error{config.error()};
  const auto seen = parse_verified(listened);
  if (!seen) return Error{seen.error()};
  const auto names = master::slave_names(*config);
  const Verified known = known_sources(*seen, {names.begin(), names.end()}, config->dns.listen);
  if (known.empty()) return Error{"it speaks of no slave and no service address of this master"};
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [name, sources] : known)
    for (const auto& [source, arrives] : sources)
      list.push_back({{"slave", name}, {"source", to_string(source)}, {"arrives", arrives}});
  const auto answer = tools::ask({.socket = config->admin.socket.text}, "POST", "/sources",
                                 nlohmann::json{{"sources", list}}.dump());
  if (!answer) return Error{answer.error()};
  for (const auto& [name, sources] : known) {
    std::string missing;
    for (const auto& [source, arrives] : sources)
      if (!arrives) missing += (missing.empty() ? "" : ", ") + to_string(source);
    if (missing.empty())
      out.ok("slave " + name,
             "its packets arrive from every service address that was tried; the master is told");
    else
      out.problem("slave " + name,
                  fmt::format("its packets do not arrive as {}; the master is told", missing),
                  "see what --listen said of it");
  }
  judge_services(*answer, out);
  return Ok{};
}

void judge_services(std::string_view answer, Findings& out) {
  const auto json = nlohmann::json::parse(answer, nullptr, false);
  if (!json.is_object() || !json.contains("services") || !json["services"].is_array()) return;
  for (const auto& service : json["services"]) {
    const auto text = [&](const char* key) {
      return service.is_object() && service.contains(key) && service[key].is_string()
                 ? service[key].get<std::string>()
                 : std::string();
    };
    if (text("mode") != "auto") continue;
    const bool delegated = service.contains("delegated") && service["delegated"].is_boolean() &&
                           service["delegated"].get<bool>();
    if (delegated)
      out.warning("service " + text("name"), "it stays with its slaves as name servers: " + text("why"),
                  "let the rest of its slaves be heard: --probe there, --listen again");
    else
      out.ok("service " + text("name"), "it is raced");
  }
}

}  // namespace flagfall::check
