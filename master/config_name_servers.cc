// The part of the configuration that makes slaves name servers: what [[slave]]
// says, and what services want of it.
#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "common/dns/zone_name.hh"
#include "master/config.hh"

namespace flagfall::master {
namespace {

using config::Where;
using Mode = ServiceConfig::Mode;

/// The label before a beacon's zone, with its length.
constexpr std::size_t kBeaconLabelOctets = 33;

bool strictly_below(const std::string& a, const std::string& b) {
  const auto below = dns::name_in_zone(a, b);
  const auto above = dns::name_in_zone(b, a);
  return below && *below && above && !*above;
}

/// Some zone of ours holds it and is not it: there its delegation stands.
bool has_parent(const Config& c, const std::string& zone) {
  return std::ranges::any_of(c.zones, [&](const ZoneConfig& z) { return strictly_below(zone, z.origin); });
}

bool is_origin(const Config& c, const std::string& name) {
  return std::ranges::any_of(c.zones, [&](const ZoneConfig& z) {
    return *dns::name_in_zone(name, z.origin) && *dns::name_in_zone(z.origin, name);
  });
}

void check_slave(const Config& c, std::size_t i, const Where& where) {
  const NameServerConfig& slave = c.slaves[i];
  const auto error = [&](const char* key, const std::string& text) {
    where.error(fmt::format("slave.{}.{}", i, key), text);
  };
  const std::vector<std::string> names = slave_names(c);
  if (!std::ranges::binary_search(names, slave.name))
    error("name", fmt::format("no service has a slave named '{}'", slave.name));
  if (const auto server = dns::parse_name(slave.nameserver); !server)
    return error("nameserver", fmt::format("'{}' is no domain name: {}", slave.nameserver, server.error()));
  if (slave.beacon_zone.empty()) return;
  const auto zone = dns::parse_name(slave.beacon_zone);
  if (!zone)
    return error("beacon_zone", fmt::format("'{}' is no domain name: {}", slave.beacon_zone, zone.error()));
  if (zone->size() + kBeaconLabelOctets > wire::kMaxName)
    error("beacon_zone", "is too long: a label of 32 octets stands before it");
  if (!has_parent(c, slave.beacon_zone))
    error("beacon_zone",
          fmt::format("'{}' lies below none of the zones, so nothing can delegate it", slave.beacon_zone));
  if (*dns::name_in_zone(slave.nameserver, slave.beacon_zone))
    error("nameserver", "lies in the beacon zone, which has no addresses: take a name outside");
  for (std::size_t other = 0; other < i; ++other)
    if (!c.slaves[other].beacon_zone.empty() &&
        *dns::name_in_zone(slave.beacon_zone, c.slaves[other].beacon_zone))
      error("beacon_zone", fmt::format("is slave '{}'s, or lies in it", c.slaves[other].name));
}

void check_delegated(const Config& c, std::size_t s, const Where& where) {
  const ServiceConfig& service = c.services[s];
  const auto error = [&](const std::string& key, const std::string& text) {
    where.error(fmt::format("service.{}.{}", s, key), text);
  };
  if (service.mode != Mode::delegate && service.mode != Mode::automatic) {
    if (!service.zone.empty()) error("zone", R"(has a meaning with mode "delegate" or "auto" only)");
    return;
  }
  if (service.zone.empty()) return error("zone", "is missing: the zone that is delegated to the slaves");
  if (const auto zone = dns::parse_name(service.zone); !zone)
    return error("zone", fmt::format("'{}' is no domain name: {}", service.zone, zone.error()));
  if (!has_parent(c, service.zone))
    error("zone", fmt::format("'{}' lies below none of the zones, so nothing can delegate it", service.zone));
  for (std::size_t n = 0; n < service.names.size(); ++n)
    if (const auto in = dns::name_in_zone(service.names[n], service.zone); in && !*in)
      error(fmt::format("names.{}", n),
            fmt::format("'{}' is not in the service's zone {}", service.names[n], service.zone));
  for (const SlaveConfig& slave : service.slaves) {
    const NameServerConfig* const server = name_server(c, slave.name);
    if (server == nullptr)
      error("mode", fmt::format("slave '{}' has no [[slave]] with its nameserver", slave.name));
    else if (const auto in = dns::name_in_zone(server->nameserver, service.zone); in && *in)
      error("zone", fmt::format("the name server {} lies in it: take a name outside", server->nameserver));
  }
}

void check_beacons(const Config& c, std::size_t s, const Where& where) {
  const ServiceConfig& service = c.services[s];
  const auto* const word = std::get_if<BeaconWord>(&service.winner_beacon);
  if (word != nullptr && *word == BeaconWord::off) return;
  const std::string key = fmt::format("service.{}.winner_beacon", s);
  for (const SlaveConfig& slave : service.slaves) {
    const NameServerConfig* const server = name_server(c, slave.name);
    if (server == nullptr || server->beacon_zone.empty())
      where.error(key, fmt::format("slave '{}' has no [[slave]] with a beacon_zone", slave.name));
  }
  for (const std::string& name : service.names)
    if (is_origin(c, name))
      where.error(key, fmt::format("{} is a zone's own name, where no CNAME may stand", name));
}

}  // namespace

std::string_view name_of(Mode mode) {
  switch (mode) {
    case Mode::race:
      return "race";
    case Mode::shadow:
      return "shadow";
    case Mode::delegate:
      return "delegate";
    case Mode::automatic:
      return "auto";
  }
  return {};
}

const NameServerConfig* name_server(const Config& config, const std::string& slave) {
  const auto at = std::ranges::find(config.slaves, slave, &NameServerConfig::name);
  return at == config.slaves.end() ? nullptr : &*at;
}

std::vector<std::string> nameservers_of(const Config& config, const ServiceConfig& service) {
  std::vector<std::string> out;
  for (const SlaveConfig& slave : service.slaves)
    if (const NameServerConfig* const server = name_server(config, slave.name); server != nullptr)
      out.push_back(server->nameserver);
  return out;
}

void check_name_servers(const Config& c, const Where& where) {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < c.slaves.size(); ++i) {
    if (!seen.insert(c.slaves[i].name).second)
      where.error(fmt::format("slave.{}.name", i),
                  fmt::format("slave '{}' is there twice", c.slaves[i].name));
    check_slave(c, i, where);
  }
  for (std::size_t s = 0; s < c.services.size(); ++s) {
    check_delegated(c, s, where);
    check_beacons(c, s, where);
  }
}

config::Schema<NameServerConfig> name_server_schema() {
  config::Schema<NameServerConfig> s;
  s.key("name", &NameServerConfig::name,
        {.help = "The name in the slave's certificate", .required = true, .example = R"("fra")"});
  s.key("nameserver", &NameServerConfig::nameserver,
        {.help = "Its name as a name server, in NS records; the address is what its own dns.listen says",
         .required = true,
         .example = R"("ns-fra.example.test")"});
  s.key("beacon_zone", &NameServerConfig::beacon_zone,
        {.help = "A zone that is delegated to this slave alone, for its beacons",
         .example = R"("fra.beacon.example.test")"});
  return s;
}

config::Schema<BeaconSample> beacon_sample_schema() {
  config::Schema<BeaconSample> s;
  s.key("sample", &BeaconSample::sample,
        {.help = "Share of races with beacons", .least = "0", .most = "1", .required = true});
  return s;
}

}  // namespace flagfall::master

namespace flagfall::config {

bool Codec<master::BeaconWord>::read(const Value& value, const Context& context, master::BeaconWord& out) {
  const auto* const text = std::get_if<std::string>(&value.data);
  if (text == nullptr || (*text != "off" && *text != "unknown"))
    return context.mismatch(value, R"("off", "unknown" or table)", "{ sample = 0.01 }");
  out = *text == "off" ? master::BeaconWord::off : master::BeaconWord::unknown;
  return true;
}

std::string Codec<master::BeaconWord>::write(const master::BeaconWord& value) {
  return toml_string(value == master::BeaconWord::off ? "off" : "unknown");
}

}  // namespace flagfall::config
