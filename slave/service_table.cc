#include "slave/service_table.hh"

#include <algorithm>
#include <array>
#include <cassert>
#include <iterator>

#include "common/dns/zone_name.hh"
#include "common/wire/order.hh"
#include "slave/beacon_label.hh"

namespace flagfall::slave {
namespace {

std::uint16_t source_of(const Endpoint& address, std::span<const Endpoint> sources) {
  const auto at = std::ranges::find(sources, address);
  return at == sources.end() ? kNoSource : static_cast<std::uint16_t>(at - sources.begin());
}

wire::PreparedRecords records(const wire::Service& service, Family family, std::uint32_t ttl) {
  std::vector<IpAddress> addresses;
  std::ranges::copy_if(service.answers, std::back_inserter(addresses),
                       [&](const IpAddress& ip) { return ip.family == family; });
  return addresses.empty() ? wire::PreparedRecords{} : wire::prepare_addresses(addresses, ttl);
}

/// A CNAME of the question's name into `zone`, its label still to be written. TTL 0: a cache that kept it
/// would credit one race with the clients of later ones.
wire::PreparedRecords beacon_record(const dns::WireName& zone) {
  std::vector<std::uint8_t> bytes(kBeaconLabelAt + kBeaconLabel + zone.size());
  ByteWriter out(bytes);
  out.u16(0xc00c);
  out.u16(wire::rrtype::kCname);
  out.u16(wire::kClassIn);
  out.u32(0);
  out.u16(static_cast<std::uint16_t>(1 + kBeaconLabel + zone.size()));
  out.u8(kBeaconLabel);
  assert(out.size() == kBeaconLabelAt);
  out.bytes(std::array<std::uint8_t, kBeaconLabel>{});
  out.bytes(as_bytes(zone));
  return {.bytes = std::move(bytes), .pointers = {}, .substitution = {}, .count = 1};
}

std::uint16_t backend_of(const std::string& service, std::span<const std::string> backends) {
  const auto at = std::ranges::find(backends, service);
  return at == backends.end() ? kNoBackend : static_cast<std::uint16_t>(at - backends.begin());
}

}  // namespace

ServiceTable::ServiceTable(const wire::Services& services, std::span<const Endpoint> sources, bool beacons,
                           const Backends& backends)
    : since_(services.since) {
  const auto zone = dns::parse_name(services.beacon_zone);
  beacons_ = beacons && zone && zone->size() + 1 + kBeaconLabel <= wire::kMaxName;
  services_.reserve(services.services.size());
  for (const wire::Service& service : services.services) {
    PreparedService& out = services_.emplace_back();
    for (const Endpoint& address : service.addresses) out.sources.push_back(source_of(address, sources));
    out.a = records(service, Family::v4, service.ttl);
    out.aaaa = records(service, Family::v6, service.ttl);
    out.echo_a = records(service, Family::v4, wire::echo_ttl(service.ttl));
    out.echo_aaaa = records(service, Family::v6, wire::echo_ttl(service.ttl));
    out.tag = service_tag(service.name);
    if (beacons_) out.beacon = beacon_record(*zone);
    out.late = service.late;
    out.kind = service.kind;
    out.most_answer = service.most_answer;
    out.amplification = service.amplification;
    out.backend = backend_of(service.name, backends.udp);
    out.content = backend_of(service.name, backends.http);
    out.nsid.assign(service.nsid.begin(), service.nsid.end());
  }
}

const PreparedService* ServiceTable::find(std::uint16_t service) const {
  return service < services_.size() ? &services_[service] : nullptr;
}

wire::Ready ServiceTable::ready(const std::vector<bool>& up) const {
  wire::Ready out;
  out.beacons = beacons_;
  out.addresses.reserve(services_.size());
  for (const PreparedService& service : services_) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < std::min(service.sources.size(), wire::kMaxAddresses); ++i)
      if (service.sources[i] != kNoSource) bits |= std::uint32_t{1} << i;
    wire::Lack lack = bits == 0 && !service.sources.empty() ? wire::Lack::source : wire::Lack::nothing;
    if (service.kind == wire::ServiceKind::datagrams) {
      if (service.backend == kNoBackend)
        lack = wire::Lack::backend;
      else if (!up.at(service.backend))
        lack = wire::Lack::down;
    }
    out.addresses.push_back(lack == wire::Lack::nothing ? bits : 0);
    out.lacks.push_back(lack);
  }
  return out;
}

}  // namespace flagfall::slave
