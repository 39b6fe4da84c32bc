#include "master/zones.hh"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/log.hh"
#include "common/dns/zone_name.hh"
#include "master/delegation.hh"
#include "master/snapshot_builder.hh"

namespace flagfall::master {

namespace {

struct FamilyRecord {
  Family family;
  std::uint16_t type;  // RFC 1035 §3.2.2, RFC 3596 §2.1
  const char* text;
};
constexpr std::array kFamilies = {FamilyRecord{Family::v4, 1, "A"}, FamilyRecord{Family::v6, 28, "AAAA"}};

bool any_answers(const ServiceConfig& service, Family family) {
  return std::ranges::any_of(service.slaves,
                             [&](const SlaveConfig& slave) { return has_family(slave, family); });
}

}  // namespace

std::vector<std::string> missing_families(const Config& config, const Zones& zones,
                                          const std::vector<bool>& delegated) {
  std::vector<std::string> out;
  for (std::size_t s = 0; s < config.services.size(); ++s) {
    const ServiceConfig& service = config.services[s];
    if (s < delegated.size() && delegated[s]) continue;  // the slaves say what there is
    for (const FamilyRecord& record : kFamilies) {
      if (!any_answers(service, record.family)) continue;
      for (const std::string& name : service.names) {
        const int zone = zone_of(config, name);
        const auto wire = dns::parse_name(name);
        if (zone < 0 || !wire) continue;
        const auto at = static_cast<std::size_t>(zone);
        if (zones.at(at)->find(dns::bytes_of(*wire), record.type).kind == dns::Lookup::Kind::answer) continue;
        out.push_back(fmt::format(
            "{}: {} has no {} record, so {} queries for it get an empty answer and are not raced, although "
            "slaves of service '{}' have {} answers; add the {} record for the case that there is no race",
            config.zones[at].file.text, name, record.text, record.text, service.name,
            record.family == Family::v4 ? "IPv4" : "IPv6", record.text));
      }
    }
  }
  return out;
}

Result<std::shared_ptr<const Zones>> load_zones(const Config& config, Random& random,
                                                const std::vector<bool>& delegated) {
  std::vector<std::vector<std::string>> undelegated(config.zones.size());
  std::vector<std::vector<dns::RacedName>> raced(config.zones.size());
  for (std::size_t s = 0; s < config.services.size(); ++s) {
    if (delegated[s]) continue;
    const ServiceConfig& service = config.services[s];
    if (service.mode == ServiceConfig::Mode::automatic)
      undelegated[static_cast<std::size_t>(zone_of(config, service.zone))].push_back(service.zone);
    for (const std::string& name : config.services[s].names)
      if (const int zone = zone_of(config, name); zone >= 0)
        raced[static_cast<std::size_t>(zone)].push_back({name, static_cast<std::uint16_t>(s)});
  }
  auto zones = std::make_shared<Zones>();
  for (std::size_t i = 0; i < config.zones.size(); ++i) {
    auto zone =
        dns::Zone::load(config.zones[i].file.text, config.zones[i].origin, raced[i], random, undelegated[i]);
    if (!zone) return Error{zone.error()};
    for (const std::string& warning : (*zone)->warnings()) log::warn("{}", warning);
    zones->push_back(std::move(*zone));
  }
  for (const std::string& warning : missing_families(config, *zones, delegated)) log::warn("{}", warning);
  for (const std::string& warning : missing_delegations(config, *zones, delegated)) log::warn("{}", warning);
  return std::shared_ptr<const Zones>(std::move(zones));
}

}  // namespace flagfall::master
