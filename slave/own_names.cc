#include "slave/own_names.hh"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>

#include "common/dns/zone_file.hh"
#include "slave/beacon_label.hh"

namespace flagfall::slave {
namespace {

namespace rr = wire::rrtype;

// A delegation that changes is noticed within these; the parent's NS records have a TTL of their own.
constexpr std::uint32_t kNsTtl = 3600;
constexpr std::uint32_t kSoaTtl = 300;
// RFC 1035 §3.3.13. Nobody transfers these zones, so only the last one means anything: for how long a name
// that does not exist is believed not to (RFC 2308 §5).
constexpr std::uint32_t kSerial = 1, kRefresh = 3600, kRetry = 900, kExpire = 604800, kNegative = 60;
constexpr std::string_view kHostmaster = "\x0ahostmaster";
/// The label before a beacon's zone, its length octet included.
constexpr std::size_t kLabelOctets = kBeaconLabel + 1;

/// Builds one zone's records as if they had been read from a file.
class ZoneMaker {
 public:
  explicit ZoneMaker(const std::string& zone) : zone_(zone) {
    text_.files.push_back(fmt::format("zone {}", zone));
  }
  [[nodiscard]] const std::string& zone() const { return zone_; }

  void apex(const dns::WireName& origin, const std::vector<dns::WireName>& servers) {
    if (servers.empty()) return;
    dns::ZoneRecord soa{origin, rr::kSoa, kSoaTtl, servers.front(), {}, 0, 0};
    soa.names = {0, static_cast<std::uint16_t>(soa.rdata.size())};
    soa.rdata += std::string(kHostmaster) + origin;
    for (const std::uint32_t number : {kSerial, kRefresh, kRetry, kExpire, kNegative})
      for (int shift = 24; shift >= 0; shift -= 8) soa.rdata += static_cast<char>(number >> shift & 0xff);
    text_.records.push_back(std::move(soa));
    for (const dns::WireName& server : servers)
      text_.records.push_back({origin, rr::kNs, kNsTtl, server, {0}, 0, 0});
  }
  void host(const dns::WireName& name, const wire::Service& service) {
    for (const IpAddress& ip : service.answers)
      text_.records.push_back({name,
                               ip.family == Family::v4 ? rr::kA : rr::kAaaa,
                               service.ttl,
                               std::string(as_text(ip.bytes())),
                               {},
                               0,
                               0});
  }
  [[nodiscard]] Result<std::unique_ptr<dns::Zone>> make(Random& random) const {
    return dns::Zone::make(text_, zone_, {}, random);
  }

 private:
  std::string zone_;
  dns::ZoneText text_;
};

class Maker {
 public:
  void take(const wire::Services& services) {
    beacons(services);
    for (const wire::Service& service : services.services)
      if (!service.zone.empty()) delegated(service);
  }
  OwnNamesMade finish(Random& random) {
    for (const ZoneMaker& maker : zones_) {
      auto zone = maker.make(random);
      if (zone) {
        names_.zones.push_back(std::move(*zone));
      } else {
        complain(zone.error());
      }
    }
    return {std::make_shared<const OwnNames>(std::move(names_)), std::move(complaints_)};
  }

 private:
  void complain(std::string what) { complaints_.push_back(std::move(what)); }
  /// Nothing, and a complaint, for what is no name.
  bool parse(const std::string& text, dns::WireName& out) {
    auto name = dns::parse_name(text);
    if (!name) complain(fmt::format("'{}' is no domain name: {}", text, name.error()));
    if (name) out = std::move(*name);
    return name.ok();
  }
  [[nodiscard]] bool known(const std::string& zone) const {
    return std::ranges::any_of(zones_, [&](const ZoneMaker& m) { return m.zone() == zone; });
  }

  void beacons(const wire::Services& services) {
    dns::WireName zone;
    dns::WireName server;
    if (services.beacon_zone.empty() || !parse(services.beacon_zone, zone) ||
        !parse(services.nameserver, server))
      return;
    if (zone.size() + kLabelOctets > wire::kMaxName)
      return complain(fmt::format("'{}' is too long for a beacon's label before it", services.beacon_zone));
    if (std::ranges::none_of(names_.beacons, [&](const auto& b) { return b.zone == zone; })) {
      ZoneMaker& maker = zones_.emplace_back(services.beacon_zone);
      maker.apex(zone, {server});
      names_.beacons.push_back({zone, {}});
    }
    auto& targets =
        std::ranges::find_if(names_.beacons, [&](const auto& b) { return b.zone == zone; })->targets;
    for (const wire::Service& service : services.services) {
      const std::uint32_t tag = service_tag(service.name);
      if (std::ranges::any_of(targets, [&](const auto& t) { return t.service == tag; })) continue;
      targets.push_back({tag, records(service, Family::v4), records(service, Family::v6)});
    }
  }

  void delegated(const wire::Service& service) {
    dns::WireName zone;
    if (!parse(service.zone, zone)) return;
    if (zone.size() + kHostmaster.size() > wire::kMaxName)
      return complain(fmt::format("'{}' is too long for its SOA record", service.zone));
    if (!known(service.zone)) {
      std::vector<dns::WireName> servers;
      for (const std::string& server : service.nameservers) {
        dns::WireName name;
        if (parse(server, name)) servers.push_back(std::move(name));
      }
      zones_.emplace_back(service.zone).apex(zone, servers);
    }
    ZoneMaker& maker =
        *std::ranges::find_if(zones_, [&](const ZoneMaker& m) { return m.zone() == service.zone; });
    for (const std::string& text : service.names) {
      dns::WireName name;
      if (!parse(text, name)) continue;
      if (!dns::at_or_below(dns::bytes_of(name), dns::bytes_of(zone))) {
        complain(fmt::format("'{}' is not in the zone {}", text, service.zone));
      } else if (hosts_.emplace_back(name); std::ranges::count(hosts_, name) == 1) {
        maker.host(name, service);
      }
    }
  }

  static wire::PreparedRecords records(const wire::Service& service, Family family) {
    std::vector<IpAddress> addresses;
    std::ranges::copy_if(service.answers, std::back_inserter(addresses),
                         [&](const IpAddress& ip) { return ip.family == family; });
    return addresses.empty() ? wire::PreparedRecords{} : wire::prepare_addresses(addresses, service.ttl);
  }

  OwnNames names_;
  std::vector<ZoneMaker> zones_;
  std::vector<dns::WireName> hosts_;  // each name once
  std::vector<std::string> complaints_;
};

}  // namespace

bool OwnNames::answers_beacons(const std::string& zone) const {
  const auto name = dns::parse_name(zone);
  return name && std::ranges::any_of(beacons, [&](const Beacons& b) { return b.zone == *name; }) &&
         std::ranges::any_of(zones, [&](const auto& z) { return as_text(z->apex()) == *name; });
}

OwnNamesMade make_own_names(std::span<const wire::Services> masters, Random& random) {
  Maker maker;
  for (const wire::Services& services : masters) maker.take(services);
  return maker.finish(random);
}

}  // namespace flagfall::slave
