#include "master/guide.hh"

#include <cassert>

namespace flagfall::master {
namespace {

using director::ServerIndex;

/// By which border a server shall answer; 0: it does not matter.
std::uint8_t way_by(const Guide::Way& way, ServerIndex server) {
  for (std::size_t i = 0; i < way.order.count; ++i)
    if (way.order.servers.at(i) == server) return way.ways.at(i);
  return 0;
}

/// Octets of a composed answer at most: what does not fit is left out. Records of 64 addresses do.
constexpr std::size_t kMostOctets = 2048;

}  // namespace

Guide::Guide(const GuideOptions& options, Random& random) : options_(options), lots_(random.next()) {
  several_.bytes.reserve(kMostOctets);
}

Guide::Way Guide::decide(const RacedService& service, const wire::DnsQuery& query,
                         const IpAddress& client) noexcept {
  assert(service.view);
  const auto subnet = options_.client_subnet ? wire::client_subnet(query) : std::nullopt;
  if (!subnet) return decide(service, client);
  const director::Decision told = service.view->decide(subnet->ip);
  if (told.order.empty()) {
    // A race measures the way to the packet's source, so it is the source that is looked at, and what is
    // found is not the subnet's: scope 0.
    Way way = decide(service, client);
    way.about = subnet->ip;
    if (subnet->ip != client) way.wait = Nanos(0);
    return way;
  }
  Way way;
  way.about = subnet->ip;
  way.order = told.order;
  way.ways = told.ways;
  way.spare = told.spare;
  way.scope = told.scope;
  return way;
}

Guide::Way Guide::decide(const RacedService& service, const IpAddress& client) noexcept {
  assert(service.view);
  const director::View& view = *service.view;
  Way way;
  way.about = client;
  const director::Decision own = view.decide(client);
  way.order = own.order;
  way.ways = own.ways;
  way.spare = own.spare;
  way.bound = own.bound;
  way.learning = own.race || own.order.empty();
  if (!own.race && !own.measured) way.wait = service.wait;
  way.race = own.race;
  if (!way.race && own.bound && view.races) {
    const double sample = view.sample_of(own.order.best());
    way.race = sample > 0 && lots_.unit() < sample;
  }
  return way;
}

Guide::Line Guide::line_up(const RacedService& service, const Way& way, director::ServerMask able,
                           unsigned most) noexcept {
  if (service.nobody_fit) {
    if (service.refuse) return {.refuse = true};
    if (service.servers->has_instead()) return {.instead = true};
  }
  const director::View& view = *service.view;
  return {view.line_up(way.order, able & view.fit, most, lots_, way.spare)};
}

KnownSlaves Guide::known(const RacedService& service, const Way& way) noexcept {
  KnownSlaves out;
  if (!way.bound) {
    out.learning = true;
    return out;
  }
  out.bound = service.slaves[way.order.best()];
  if (way.order.count > 1) out.next = service.slaves[way.order.servers[1]];
  out.doubt = way.learning;
  return out;
}

Guide::Answer Guide::answer(const RacedService& service, const Way& way, bool v6) noexcept {
  const ServerAnswers& servers = *service.servers;
  const Line told = line_up(service, way, servers.able(v6), servers.count());
  if (told.refuse) return {nullptr, true};
  if (told.instead) return {&servers.instead(v6)};
  const director::Order& line = told.servers;
  if (line.empty()) return {};
  const Standing standing = Guide::standing(service, way);
  if (line.count == 1)
    return {&servers.of(line.best(), way_by(way, line.best()), v6, standing), false, line.best()};
  several_.bytes.clear();
  several_.count = 0;
  for (const ServerIndex server : line.all()) {
    const wire::PreparedRecords& records = servers.of(server, way_by(way, server), v6, standing);
    if (several_.bytes.size() + records.bytes.size() > kMostOctets) break;
    several_.bytes.insert(several_.bytes.end(), records.bytes.begin(), records.bytes.end());
    several_.count = static_cast<std::uint16_t>(several_.count + records.count);
  }
  return {&several_, false, line.best()};
}

}  // namespace flagfall::master
