#include "sim/network.hh"

#include <cassert>

namespace flagfall::sim {
namespace {

enum : std::uint32_t { kSent = 1, kArrived, kLost, kIcmpSent, kIcmpArrived };

}  // namespace

Network::Network(EventQueue& queue, Trace& trace, std::uint64_t seed, std::size_t sites)
    : queue_(queue),
      trace_(trace),
      random_(seed),
      icmp_random_(seed ^ 0x1c3b),
      sites_(sites),
      paths_(sites * sites),
      cut_until_(sites * sites, RefTime()) {}

void Network::attach(HostId host, SiteId site, Receiver& receiver) {
  assert(site < sites_);
  if (host >= hosts_.size()) hosts_.resize(host + 1);
  hosts_[host] = {site, &receiver};
}

std::optional<HostId> Network::host_of(const IpAddress& ip) const {
  const auto at = routes_.find(ip);
  if (at == routes_.end()) return std::nullopt;
  return at->second;
}

void Network::cut(SiteId a, SiteId b, Nanos how_long) {
  ++counters_.cuts;
  trace_.line(queue_.now(), "sites {} and {} cut off for {} ms", a, b, how_long.count() / 1'000'000);
  for (const std::size_t i : {a * sites_ + b, b * sites_ + a})
    cut_until_[i] = std::max(cut_until_[i], queue_.now() + how_long);
}

bool Network::cut_off(SiteId from, SiteId to) const {
  return cut_until_[from * sites_ + to] > queue_.now();
}

Nanos Network::travel(const Path& path) {
  Nanos out = path.delay;
  if (path.jitter > Nanos(0))
    out += Nanos(static_cast<std::int64_t>(random_.next() % static_cast<std::uint64_t>(path.jitter.count())));
  if (random_.unit() < path.reorder) {
    ++counters_.reordered;
    out += Nanos(static_cast<std::int64_t>(random_.unit() * static_cast<double>(path.reorder_by.count())));
  }
  return out;
}

void Network::send(HostId from, const Endpoint& source, const Endpoint& destination,
                   std::vector<std::uint8_t> data) {
  Packet packet{next_packet_++, from, source, destination, std::move(data)};
  ++counters_.sent;
  trace_.note(queue_.now(), kSent, packet.number, from, packet.data.size());
  if (trace_.wanted())
    trace_.line(queue_.now(), "#{} {} > {} {} octets", packet.number, to_string(source),
                to_string(destination), packet.data.size());
  for (Witness* w : witnesses_) w->packet_sent(packet);
  const auto to = host_of(destination.ip);
  if (!to) return lose(packet, Loss::no_route);
  const SiteId here = hosts_[from].site;
  const SiteId there = hosts_[*to].site;
  const Path& way = path(here, there);
  if (cut_off(here, there)) return lose(packet, Loss::cut);
  if (random_.unit() < way.loss) return lose(packet, Loss::path);
  if (random_.unit() < way.duplicate) {
    ++counters_.duplicated;
    queue_.after(travel(way), [this, packet, to] { arrive(packet, *to); });
  }
  queue_.after(travel(way), [this, packet = std::move(packet), to] { arrive(packet, *to); });
}

void Network::arrive(const Packet& packet, HostId to) {
  Receiver& receiver = *hosts_[to].receiver;
  if (!receiver.up()) return lose(packet, Loss::host_down);
  if (!receiver.listens(packet.destination)) {
    lose(packet, Loss::no_listener);
    return receiver.unwanted(packet);
  }
  ++counters_.arrived;
  trace_.note(queue_.now(), kArrived, packet.number, to);
  trace_.line(queue_.now(), "#{} arrives", packet.number);
  for (Witness* w : witnesses_) w->packet_arrived(packet, to);
  receiver.receive(packet);
}

void Network::lose(const Packet& packet, Loss why) {
  const auto kind = static_cast<std::size_t>(why);
  ++counters_.lost.at(kind);
  trace_.note(queue_.now(), kLost, packet.number, kind);
  trace_.line(queue_.now(), "#{} {}", packet.number, kLossNames.at(kind));
  for (Witness* w : witnesses_) w->packet_lost(packet, why);
}

std::optional<Nanos> Network::icmp_travel(SiteId from, SiteId to) {
  const Path& way = path(from, to);
  if (cut_off(from, to) || icmp_random_.unit() < way.loss) return std::nullopt;
  return way.delay +
         Nanos(static_cast<std::int64_t>(icmp_random_.unit() * static_cast<double>(way.jitter.count())));
}

void Network::send_icmp(HostId from, IcmpError error) {
  error.number = next_packet_++;
  error.from = from;
  ++counters_.icmp_sent;
  trace_.note(queue_.now(), kIcmpSent, error.number, from, error.about);
  if (trace_.wanted())
    trace_.line(queue_.now(), "#{} ICMP {}/{} of {} for {}: about #{}", error.number, error.type, error.code,
                to_string(error.offender), to_string(error.source), error.about);
  for (Witness* w : witnesses_) w->icmp_sent(error);
  const auto to = host_of(error.source.ip);
  if (!to) return;
  const auto travel = icmp_travel(hosts_[from].site, hosts_[*to].site);
  if (!travel) return;
  queue_.after(*travel, [this, error = std::move(error), to] {
    Receiver& receiver = *hosts_[*to].receiver;
    if (!receiver.up()) return;
    ++counters_.icmp_arrived;
    trace_.note(queue_.now(), kIcmpArrived, error.number, *to);
    trace_.line(queue_.now(), "#{} arrives", error.number);
    receiver.icmp(error);
  });
}

std::optional<Nanos> Network::segment(HostId from, HostId to) {
  const SiteId here = hosts_[from].site;
  const SiteId there = hosts_[to].site;
  const Path& way = path(here, there);
  if (cut_off(here, there) || random_.unit() < way.loss || !hosts_[to].receiver->up()) {
    ++counters_.retransmitted;
    return std::nullopt;
  }
  return travel(way);
}

}  // namespace flagfall::sim
