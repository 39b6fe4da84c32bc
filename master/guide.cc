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
  const director::View& view = *service.view;
  Way way;
  way.about = client;
  if (const auto subnet = options_.client_subnet ? wire::client_subnet(query) : std::nullopt) {
    const director::Decision told = view.decide(subnet->ip);
    way.about = subnet->ip;
    if (!told.order.empty()) {
      way.order = told.order;
      way.ways = told.ways;
      way.spare = told.spare;
      way.scope = told.scope;
      return way;
    }
    // A race measures the way to the packet's source, so it is the source that is looked at, and what is
    // found is not the subnet's: scope 0.
  }
  const director::Decision own = view.decide(client);
  way.order = own.order;
  way.ways = own.ways;
  way.spare = own.spare;
  way.bound = own.bound;
  way.learning = own.race || own.order.empty();
  if (!own.race && !own.measured && way.about == client) way.wait = service.wait;
  way.race = own.race || (own.bound && view.races && view.sample > 0 && lots_.unit() < view.sample);
  return way;
}

Guide::Answer Guide::answer(const RacedService& service, const Way& way, bool v6) noexcept {
  const director::View& view = *service.view;
  const ServerAnswers& servers = *service.servers;
  if (service.nobody_fit) {
    if (service.refuse) return {nullptr, true};
    if (servers.has_instead()) return {&servers.instead(v6)};
  }
  const director::Order line =
      view.line_up(way.order, servers.able(v6) & view.fit, servers.count(), lots_, way.spare);
  if (line.empty()) return {};
  const Standing standing = service.nobody_fit ? Standing::nobody_fit
                            : way.learning     ? Standing::learning
                                               : Standing::bound;
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
