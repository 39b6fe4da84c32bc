#include "lab/network.hh"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "lab/packet.hh"

namespace flagfall::lab {

namespace {

/// Each pair draws from a stream of its own, so that traffic elsewhere changes nothing for it.
SeededRandom stream_of(std::uint64_t seed, HostId from, HostId to) {
  SeededRandom mix(seed ^ (from << 32U) ^ (to + 1));
  return SeededRandom(mix.next());
}

/// How long `octets` take at `rate` bits per second; exact in 128 bits, rounded up.
Nanos transmission(std::size_t octets, std::uint64_t rate) {
  constexpr std::uint64_t kBitNanos = 8'000'000'000;  // bits an octet times ns a second
  const std::uint64_t quotient = kBitNanos / rate, rest = kBitNanos % rate;
  return Nanos(static_cast<std::int64_t>(octets * quotient + (octets * rest + rate - 1) / rate));
}

Nanos scaled(Nanos most, double unit) {
  return Nanos(static_cast<std::int64_t>(static_cast<double>(most.count()) * unit));
}

}  // namespace

std::string_view name_of(Drop reason) {
  switch (reason) {
    case Drop::malformed:
      return "malformed";
    case Drop::multicast:
      return "multicast";
    case Drop::unknown:
      return "unknown_destination";
    case Drop::no_link:
      return "no_link";
    case Drop::loss:
      return "loss";
    case Drop::queue:
      return "queue_full";
    case Drop::overflow:
      return "lab_full";
    case Drop::host:
      return "host_refused";
  }
  assert(false);
  return "";
}

std::size_t Network::HashIp::operator()(const IpAddress& ip) const {
  std::uint64_t high = 0, low = 0;
  std::memcpy(&high, ip.octets.data(), 8);
  std::memcpy(&low, ip.octets.data() + 8, 8);
  return SeededRandom(high ^ (low * 0x9e3779b97f4a7c15U)).next();
}

Network::Network(const Topology& topology) : hosts_(topology.hosts.size()), pairs_(hosts_ * hosts_) {
  for (HostId from = 0; from < hosts_; ++from) {
    for (const IpAddress& address : topology.hosts[from].addresses) owners_[address].push_back(from);
    for (HostId to = 0; to < hosts_; ++to) {
      pair(from, to).random = stream_of(topology.seed, from, to);
      if (from != to) pair(from, to).link = topology.default_link;
    }
  }
  for (const LinkBetween& named : topology.links) pair(named.from, named.to).link = named.link;
}

void Network::set_link(HostId from, HostId to, const Link& link) {
  pair(from, to).link = link;
}

std::optional<HostId> Network::nearest(HostId from, const std::vector<HostId>& owners) const {
  std::optional<HostId> best;
  for (const HostId to : owners) {
    const std::optional<Link>& candidate = link(from, to);
    if (candidate && (!best || candidate->delay < link(from, *best)->delay)) best = to;
  }
  return best;
}

Network::Fate Network::accept(HostId from, Bytes packet, MonoTime now) {
  const std::optional<IpAddress> address = destination(packet);
  if (!address) return {Drop::malformed};
  if (is_multicast(*address)) return {Drop::multicast};
  const auto owners = owners_.find(*address);
  if (owners == owners_.end()) return {Drop::unknown};
  const std::optional<HostId> to = nearest(from, owners->second);
  if (!to) return {Drop::no_link};

  Pair& path = pair(from, *to);
  const Link& link = *path.link;
  ++path.count.packets;
  // Always three draws a packet: a changed link does not shift the fate of later packets.
  const double loss = path.random.unit(), jitter = path.random.unit(), reorder = path.random.unit();
  if (loss < link.loss) {
    ++path.count.lost;
    return {Drop::loss};
  }
  MonoTime sent = now;
  if (link.rate != 0) {
    const MonoTime start = std::max(now, path.free_at);
    if (start - now > transmission(link.queue, link.rate)) {
      ++path.count.lost;
      return {Drop::queue};
    }
    sent = path.free_at = start + transmission(packet.size(), link.rate);
  }
  MonoTime deadline = std::max(sent + link.delay + scaled(link.jitter, jitter), path.last_deadline);
  if (reorder < link.reorder) {
    ++path.count.reordered;
    deadline += link.reorder_by;
  } else {
    path.last_deadline = deadline;
  }
  return {std::nullopt, *to, deadline};
}

}  // namespace flagfall::lab
