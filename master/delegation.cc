#include "master/delegation.hh"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "common/dns/zone_name.hh"

namespace flagfall::master {
namespace {

using Json = nlohmann::json;
using Mode = ServiceConfig::Mode;

constexpr std::size_t kMostText = std::size_t{1} << 20;
constexpr std::size_t kMostSources = 65536;

bool may_delegate(const ServiceConfig& service) {
  return service.mode == Mode::delegate || service.mode == Mode::automatic;
}

/// What one entry says; an error names what is wrong with it.
Result<SourceSeen> read_entry(const Json& entry, const std::vector<std::string>& slaves) {
  if (!entry.is_object() || !entry.contains("slave") || !entry.contains("source") ||
      !entry.contains("arrives") || !entry["slave"].is_string() || !entry["source"].is_string() ||
      !entry["arrives"].is_boolean())
    return Error{
        R"(each of "sources" is {"slave": NAME, "source": "ADDRESS:PORT", "arrives": true or false})"};
  SourceSeen out;
  out.slave = entry["slave"].get<std::string>();
  out.arrives = entry["arrives"].get<bool>();
  if (!std::ranges::binary_search(slaves, out.slave))
    return Error{fmt::format("no service has a slave named '{}'", out.slave)};
  const auto source = parse_endpoint(entry["source"].get<std::string>(), 53);
  if (!source) return Error{source.error()};
  out.source = *source;
  return out;
}

Json sources(const std::map<std::pair<std::string, Endpoint>, bool>& seen) {
  Json list = Json::array();
  for (const auto& [key, arrives] : seen)
    list.push_back({{"slave", key.first}, {"source", to_string(key.second)}, {"arrives", arrives}});
  return list;
}

/// What stands in the parent for this zone, and what should; empty when that is the same.
std::string compare(const Config& config, const Zones& zones, const std::string& zone,
                    const std::vector<std::string>& servers) {
  const auto name = dns::parse_name(zone);
  const int parent = zone_of(config, zone);
  if (!name || parent < 0) return {};
  const dns::Zone& in = *zones.at(static_cast<std::size_t>(parent));
  std::set<dns::WireName> wanted;
  for (const std::string& server : servers)
    if (auto wire = dns::parse_name(server)) wanted.insert(std::move(*wire));
  const std::vector<dns::WireName> there = in.delegation(dns::bytes_of(*name));
  if (std::set(there.begin(), there.end()) == wanted) return {};
  std::vector<std::string> lines;
  lines.reserve(wanted.size());
  for (const dns::WireName& server : wanted)
    lines.push_back(fmt::format("{}. IN NS {}", zone, dns::name_text(dns::bytes_of(server))));
  return fmt::format("{}: the delegation of {} is {}; write: {}",
                     config.zones[static_cast<std::size_t>(parent)].file.text, zone,
                     there.empty() ? "missing" : "to other name servers", fmt::join(lines, ", "));
}

/// Name servers that lie in a zone of ours and have no address there.
std::string no_address(const Config& config, const Zones& zones, const std::string& server) {
  const auto name = dns::parse_name(server);
  const int zone = zone_of(config, server);
  if (!name || zone < 0) return {};
  for (const std::uint16_t type : {wire::rrtype::kA, wire::rrtype::kAaaa})
    if (zones.at(static_cast<std::size_t>(zone))->find(dns::bytes_of(*name), type).kind ==
        dns::Lookup::Kind::answer)
      return {};
  return fmt::format(
      "{}: the name server {} has no address; add its A or AAAA record: what its slave's "
      "dns.listen says",
      config.zones[static_cast<std::size_t>(zone)].file.text, server);
}

}  // namespace

Delegation::Delegation(const Config& config) : config_(config) {
  if (const std::string& path = config.race.sources.text; !path.empty()) {
    std::ifstream in(path);
    if (!in && errno != ENOENT) {
      error_ =
          fmt::format("{}: cannot read what is known of the slaves' sources: {}", path, std::strerror(errno));
    } else if (in) {
      std::stringstream all;
      all << in.rdbuf();
      if (const auto seen = parse(all.str())) {
        for (const SourceSeen& one : *seen) seen_[{one.slave, one.source}] = one.arrives;
      } else {
        error_ = fmt::format(
            "{}: {}; nothing is known of the slaves' sources until `flagfall check --listen` "
            "has looked again",
            path, seen.error());
      }
    }
  }
  decide();
}

Result<std::vector<SourceSeen>> Delegation::parse(std::string_view json) const {
  if (json.size() > kMostText) return Error{"too long"};
  const Json root = Json::parse(json, nullptr, false);
  if (!root.is_object() || !root.contains("sources") || !root["sources"].is_array())
    return Error{R"(no JSON object with a list "sources")"};
  if (root["sources"].size() > kMostSources) return Error{"too many sources"};
  const std::vector<std::string> slaves = slave_names(config_);
  std::vector<SourceSeen> out;
  for (const Json& entry : root["sources"]) {
    auto seen = read_entry(entry, slaves);
    if (!seen) return Error{seen.error()};
    out.push_back(std::move(*seen));
  }
  return out;
}

bool Delegation::take(const std::vector<SourceSeen>& seen) {
  for (const SourceSeen& one : seen) seen_[{one.slave, one.source}] = one.arrives;
  const std::vector<bool> before = delegated_;
  decide();
  return before != delegated_;
}

std::string Delegation::text() const {
  return Json{{"sources", sources(seen_)}}.dump(1) + "\n";
}

std::string Delegation::json() const {
  Json services = Json::array();
  for (std::size_t s = 0; s < config_.services.size(); ++s) {
    const ServiceConfig& service = config_.services[s];
    if (!may_delegate(service)) continue;
    services.push_back({{"name", service.name},
                        {"zone", service.zone},
                        {"mode", name_of(service.mode)},
                        {"delegated", delegated(s)},
                        {"why", service.mode == Mode::automatic ? why(s) : std::string()}});
  }
  return Json{{"services", services}, {"sources", sources(seen_)}}.dump();
}

Status Delegation::keep() const {
  const std::string& path = config_.race.sources.text;
  if (path.empty()) return Ok{};
  const std::string fresh = path + ".new";
  std::ofstream out(fresh, std::ios::trunc);
  out << text() << std::flush;
  out.close();
  if (!out || std::rename(fresh.c_str(), path.c_str()) != 0)
    return Error{
        fmt::format("{}: cannot be written: {}; what is known of the slaves' sources is forgotten "
                    "with the next restart",
                    path, std::strerror(errno))};
  return Ok{};
}

std::string Delegation::why(std::size_t service) const {
  const ServiceConfig& s = config_.services[service];
  for (const SlaveConfig& slave : s.slaves)
    for (const Endpoint& source : config_.dns.listen) {
      const bool answers = std::ranges::any_of(
          slave.answers, [&](const IpAddress& ip) { return ip.family == source.ip.family; });
      if (!answers) continue;
      const auto found = seen_.find({slave.name, source});
      if (found == seen_.end())
        return fmt::format("whether packets of {} from {} arrive has not been checked", slave.name,
                           to_string(source));
      if (!found->second)
        return fmt::format("packets of {} from {} do not arrive", slave.name, to_string(source));
    }
  return {};
}

void Delegation::decide() {
  delegated_.assign(config_.services.size(), false);
  for (std::size_t i = 0; i < delegated_.size(); ++i) {
    const Mode mode = config_.services[i].mode;
    delegated_[i] = mode == Mode::delegate || (mode == Mode::automatic && !why(i).empty());
  }
}

std::vector<LeftZone> left_zones(const Config& config, const std::vector<bool>& delegated) {
  std::vector<LeftZone> out;
  for (std::size_t i = 0; i < config.services.size(); ++i)
    if (delegated[i]) out.push_back({config.services[i].zone, nameservers_of(config, config.services[i])});
  for (const NameServerConfig& slave : config.slaves)
    if (!slave.beacon_zone.empty()) out.push_back({slave.beacon_zone, {slave.nameserver}});
  return out;
}

std::vector<std::string> missing_delegations(const Config& config, const Zones& zones,
                                             const std::vector<bool>& delegated) {
  std::vector<std::string> out;
  std::set<std::string> servers;
  const auto note = [&](std::string line) {
    if (!line.empty()) out.push_back(std::move(line));
  };
  for (const LeftZone& left : left_zones(config, delegated)) {
    servers.insert(left.servers.begin(), left.servers.end());
    note(compare(config, zones, left.zone, left.servers));
  }
  for (const std::string& server : servers) note(no_address(config, zones, server));
  return out;
}

}  // namespace flagfall::master
