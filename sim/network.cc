#include "sim/network.hh"

#include <cassert>
#include <cmath>

namespace flagfall::sim {
namespace {

enum : std::uint32_t { kSent = 1, kArrived, kLost, kIcmpSent, kIcmpArrived };

/// What a network card keeps for a machine that stands still (virtio's 256 descriptors).
constexpr std::size_t kRing = 256;
/// IP, ICMP, and the two headers that an error quotes.
constexpr std::size_t kIcmpOverhead = 56;
/// Of an echo with 8 octets of ours.
constexpr std::size_t kEcho = 36;

std::size_t octets_of(const Packet& packet) {
  return packet.data.size() + packet_overhead(packet.destination.ip.family);
}

}  // namespace

NetworkCounters& NetworkCounters::operator+=(const NetworkCounters& o) {
  sent += o.sent;
  arrived += o.arrived;
  duplicated += o.duplicated;
  reordered += o.reordered;
  retransmitted += o.retransmitted;
  cuts += o.cuts;
  splits += o.splits;
  icmp_sent += o.icmp_sent;
  icmp_arrived += o.icmp_arrived;
  for (std::size_t i = 0; i < lost.size(); ++i) lost.at(i) += o.lost.at(i);
  return *this;
}

Network::Network(EventQueue& queue, Trace& trace, std::uint64_t seed, std::size_t sites)
    : queue_(queue),
      trace_(trace),
      random_(seed),
      icmp_random_(seed ^ 0x1c3b),
      sites_(sites),
      paths_(sites * sites),
      doors_(sites),
      cut_until_(sites * sites, RefTime()) {}

void Network::attach(HostId host, SiteId site, Receiver& receiver) {
  assert(site < sites_);
  if (host >= hosts_.size()) hosts_.resize(host + 1);
  hosts_[host] = {.site = site, .receiver = &receiver};
}

std::optional<HostId> Network::host_of(const IpAddress& ip) const {
  const auto at = routes_.find(ip);
  if (at == routes_.end()) return std::nullopt;
  return at->second;
}

void Network::cut(SiteId a, SiteId b, Nanos how_long) {
  ++counters_.cuts;
  trace_.line(queue_.now(), "sites {} and {} cut off for {} ms", a, b, how_long.count() / 1'000'000);
  cut_way(a, b, how_long);
  cut_way(b, a, how_long);
}

void Network::split(const std::vector<bool>& side, Nanos how_long) {
  assert(side.size() == sites_);
  ++counters_.splits;
  trace_.line(queue_.now(), "the world is split for {} ms", how_long.count() / 1'000'000);
  for (SiteId a = 0; a < sites_; ++a)
    for (SiteId b = 0; b < sites_; ++b)
      if (side[a] != side[b]) cut_way(a, b, how_long);
}

void Network::cut_way(SiteId from, SiteId to, Nanos how_long) {
  RefTime& until = cut_until_[from * sites_ + to];
  until = std::max(until, queue_.now() + how_long);
}

void Network::set_delays(std::span<const Nanos> rtt) {
  assert(rtt.size() == paths_.size());
  for (std::size_t i = 0; i < paths_.size(); ++i) paths_[i].delay = rtt[i] / 2;
}

bool Network::cut_off(SiteId from, SiteId to) const {
  return cut_until_[from * sites_ + to] > queue_.now();
}

Nanos Network::travel(const Path& path) {
  Nanos out = path.delay;
  if (path.jitter > Nanos(0))
    out += Nanos(static_cast<std::int64_t>(random_.next() % static_cast<std::uint64_t>(path.jitter.count())));
  if (path.tail > Nanos(0)) {
    const double more = static_cast<double>(path.tail.count()) * (std::pow(1 - random_.unit(), -1 / 1.5) - 1);
    out += Nanos(static_cast<std::int64_t>(std::min(more, static_cast<double>(path.tail_most.count()))));
  }
  if (random_.unit() < path.reorder) {
    ++counters_.reordered;
    out += Nanos(static_cast<std::int64_t>(random_.unit() * static_cast<double>(path.reorder_by.count())));
  }
  return out;
}

Network::Place Network::packet(std::uint64_t number, HostId from, const Endpoint& source,
                               const Endpoint& destination, Bytes data) {
  if (free_.empty()) {
    free_.push_back(static_cast<Place>(packets_.size()));
    packets_.emplace_back();
  }
  const Place place = free_.back();
  free_.pop_back();
  Packet& packet = packets_[place];
  packet.number = number;
  packet.from = from;
  packet.source = source;
  packet.destination = destination;
  packet.data.assign(data.begin(), data.end());
  return place;
}

void Network::on_its_way(Nanos takes, Place place, HostId to) {
  queue_.after(takes, [this, place, to] { reach(place, to); });
}

void Network::send(HostId from, const Endpoint& source, const Endpoint& destination, Bytes data) {
  const Place place = packet(next_packet_++, from, source, destination, data);
  const Packet& packet = packets_[place];
  ++counters_.sent;
  trace_.note(queue_.now(), kSent, packet.number, from, packet.data.size());
  if (trace_.wanted())
    trace_.line(queue_.now(), "#{} {} > {} {} octets", packet.number, to_string(source),
                to_string(destination), packet.data.size());
  for (Witness* w : witnesses_) w->packet_sent(packet);
  const auto lost = [&](Loss why) {
    lose(packet, why);
    free_.push_back(place);
  };
  const auto to = host_of(destination.ip);
  if (!to) return lost(Loss::no_route);
  const SiteId here = hosts_[from].site;
  const SiteId there = hosts_[*to].site;
  Path& way = path(here, there);
  if (cut_off(here, there)) return lost(Loss::cut);
  if (random_.unit() < way.loss) return lost(Loss::path);
  const auto line = way.line.pass(queue_.now(), octets_of(packet));
  if (!line) return lost(Loss::queue_full);
  if (random_.unit() < way.duplicate) {
    ++counters_.duplicated;
    on_its_way(*line + travel(way), this->packet(packet.number, from, source, destination, packet.data), *to);
  }
  on_its_way(*line + travel(way), place, *to);
}

/// At the site's door.
void Network::reach(Place place, HostId to) {
  Line& door = doors_[hosts_[to].site];
  if (!door.limited()) return at_host(place, to);
  const auto wait = door.pass(queue_.now(), octets_of(packets_[place]));
  if (wait) return queue_.after(*wait, [this, place, to] { at_host(place, to); });
  lose(packets_[place], Loss::queue_full);
  free_.push_back(place);
}

void Network::at_host(Place place, HostId to) {
  arrive(packets_[place], to);
  free_.push_back(place);
}

void Network::arrive(const Packet& packet, HostId to) {
  Receiver& receiver = *hosts_[to].receiver;
  if (!receiver.up()) return lose(packet, Loss::host_down);
  if (receiver.frozen()) {
    if (hosts_[to].held == kRing) return lose(packet, Loss::host_down);
    ++hosts_[to].held;
    return queue_.at(receiver.paused_until(), [this, packet, to] {
      --hosts_[to].held;
      arrive(packet, to);
    });
  }
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

std::optional<Nanos> Network::icmp_travel(SiteId from, SiteId to, std::size_t octets) {
  Path& way = path(from, to);
  if (cut_off(from, to) || icmp_random_.unit() < way.loss) return std::nullopt;
  const auto line = way.line.pass(queue_.now(), octets);
  if (!line) return std::nullopt;
  return *line + way.delay +
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
  const auto to = host_of(error.source.ip);
  if (!to) return;
  const auto travel = icmp_travel(hosts_[from].site, hosts_[*to].site, error.quoted.size() + kIcmpOverhead);
  if (!travel) return;
  queue_.after(*travel, [this, error = std::move(error), to] {
    Receiver& receiver = *hosts_[*to].receiver;
    if (!receiver.up() || receiver.frozen()) return;
    ++counters_.icmp_arrived;
    trace_.note(queue_.now(), kIcmpArrived, error.number, *to);
    trace_.line(queue_.now(), "#{} arrives", error.number);
    receiver.icmp(error);
  });
}

std::optional<Nanos> Network::ping(HostId from, const IpAddress& to) {
  const auto host = host_of(to);
  if (!host || !hosts_[*host].receiver->up() || hosts_[*host].receiver->frozen()) return std::nullopt;
  const auto there = icmp_travel(hosts_[from].site, hosts_[*host].site, kEcho);
  const auto back = icmp_travel(hosts_[*host].site, hosts_[from].site, kEcho);
  if (!there || !back) return std::nullopt;
  return *there + *back;
}

std::optional<Nanos> Network::segment(HostId from, HostId to, std::size_t octets) {
  const SiteId here = hosts_[from].site;
  const SiteId there = hosts_[to].site;
  Path& way = path(here, there);
  std::optional<Nanos> line;
  if (!cut_off(here, there) && random_.unit() >= way.loss && hosts_[to].receiver->up())
    line = way.line.pass(queue_.now(), octets);
  // At the door, as if it were there already: a stream's segments are few.
  const auto door = line ? doors_[there].pass(queue_.now(), octets) : std::nullopt;
  if (!door) {
    ++counters_.retransmitted;
    return std::nullopt;
  }
  return *line + *door + travel(way);
}

}  // namespace flagfall::sim
