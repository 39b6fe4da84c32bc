#include "check/verified.hh"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <set>

#include "master/config.hh"
#include "tools/admin_client.hh"

namespace flagfall::check {
namespace {

std::string refusal(const tools::HttpResponse& response) {
  const auto json = nlohmann::json::parse(response.body, nullptr, false);
  if (json.is_object() && json.contains("error") && json["error"].is_string())
    return json["error"].get<std::string>();
  return fmt::format("HTTP status {}", response.status);
}

std::string list(const std::map<std::string, bool>& slaves, bool which) {
  std::string out;
  for (const auto& [name, good] : slaves)
    if (good == which) out += (out.empty() ? "" : ", ") + name;
  return out.empty() ? "none" : out;
}

}  // namespace

std::map<std::string, bool> verified_slaves(const Verified& seen, const std::vector<std::string>& slaves,
                                            const std::vector<Endpoint>& service) {
  std::set<Family> families;  // that the listener had
  for (const auto& [name, sources] : seen)
    for (const auto& [source, arrived] : sources) families.insert(source.ip.family);
  std::map<std::string, bool> out;
  for (const std::string& name : slaves) {
    const auto at = seen.find(name);
    if (at == seen.end()) continue;
    bool all = false;
    for (const Endpoint& address : service) {
      if (!families.contains(address.ip.family)) continue;
      const auto source = at->second.find(address);
      all = source != at->second.end() && source->second;
      if (!all) break;
    }
    out[name] = all;
  }
  return out;
}

Status tell_verified(const std::string& config_file, std::string_view listened, Findings& out) {
  const auto config = master::schema().load(config_file);
  if (!config) return Error{config.error()};
  const auto seen = parse_verified(listened);
  if (!seen) return Error{seen.error()};
  for (const master::ServiceConfig& service : config->services) {
    std::vector<std::string> names;
    for (const master::SlaveConfig& slave : service.slaves) names.push_back(slave.name);
    const auto slaves = verified_slaves(*seen, names, config->dns.listen);
    const std::string subject = "service " + service.name;
    if (slaves.empty()) {
      out.skipped(subject, "none of its slaves is in this file", "run --probe on them, and --listen again");
      continue;
    }
    const nlohmann::json body{{"service", service.name}, {"slaves", slaves}};
    const auto response = tools::admin_request({.socket = config->admin.socket.text}, "POST",
                                               "/sources-verified", body.dump(), tools::kMoment);
    if (!response) return Error{response.error()};
    const std::string seen_text =
        fmt::format("arrive: {}; do not: {}", list(slaves, true), list(slaves, false));
    if (response->status == 200)
      out.ok(subject, seen_text + "; the master is told");
    else
      out.problem(subject, seen_text + "; the master says: " + refusal(*response),
                  "see docs/admin.md, /sources-verified");
  }
  return Ok{};
}

}  // namespace flagfall::check
