// Datagrams between the world's hosts: each pair of sites has a path, each way
// with its own delay, jitter, loss, duplication, reordering and rate, and may be
// cut; each site has a door, where what comes for it may have to queue.
// Sources are not checked: spoofing is what slaves do, and what an attacker does.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/random.hh"
#include "sim/event_queue.hh"
#include "sim/line.hh"
#include "sim/trace.hh"

namespace flagfall::sim {

using HostId = std::uint32_t;
using SiteId = std::uint32_t;

/// One way from one site to another.
struct Path {
  Nanos delay = std::chrono::milliseconds(10);
  Nanos jitter{};  // added, uniform from 0
  /// Added, too: Pareto with exponent 1.5, less its least value, so that one packet in thirty comes by nine
  /// times this later; never more than `tail_most`.
  Nanos tail{};
  Nanos tail_most = std::chrono::milliseconds(200);
  double loss = 0;
  double duplicate = 0;
  double reorder = 0;  // the share that is held back by up to `reorder_by`
  Nanos reorder_by = std::chrono::milliseconds(5);
  Line line{};  // its narrowest part
};

/// What became of a datagram that did not arrive.
enum class Loss : std::uint8_t { path, cut, host_down, no_listener, no_route, queue_full };
inline constexpr std::array<const char*, 6> kLossNames = {"lost",        "cut off",  "host down",
                                                          "port closed", "no route", "queue full"};

struct Packet {
  std::uint64_t number = 0;  // of its sending; a duplicate has the same
  HostId from = 0;           // who really sent it
  Endpoint source;           // what it says
  Endpoint destination;
  std::vector<std::uint8_t> data;
};

/// An ICMP error about a datagram, as the kernel that gets it hands it on: to the socket that sent the
/// datagram
/// (`source`), as net::UdpError has it.
struct IcmpError {
  std::uint64_t number = 0;  // of its sending, among the datagrams
  HostId from = 0;           // who really sent it
  IpAddress offender;        // who sent it, as it says
  std::uint8_t type = 0, code = 0;
  // The datagram that it quotes.
  Endpoint source, destination;
  std::vector<std::uint8_t> quoted;  // the start of its payload
  std::uint64_t about = 0;           // its number; 0: there never was one
};

/// What fits into an error besides its headers and the quoted ones (facts: 520 and 1,184 octets).
constexpr std::size_t most_quoted(Family family) {
  return family == Family::v4 ? 520 : 1184;
}
/// RFC 792 and RFC 4443: port unreachable.
constexpr bool port_unreachable(const IcmpError& error) {
  return error.source.ip.family == Family::v4 ? error.type == 3 && error.code == 3
                                              : error.type == 1 && error.code == 4;
}

/// Who takes datagrams.
class Receiver {
 public:
  virtual ~Receiver() = default;
  /// Is this port open on this host?
  [[nodiscard]] virtual bool listens(const Endpoint& at) const = 0;
  virtual void receive(const Packet& packet) = 0;
  /// A datagram came for a port that is not open: the kernel's to answer.
  virtual void unwanted(const Packet& /*packet*/) {}
  /// An error came about a datagram that this host has sent, it says. It may be a forger's word.
  virtual void icmp(const IcmpError& /*error*/) {}
  /// Powered and running a kernel; a dead process alone is still up.
  [[nodiscard]] virtual bool up() const = 0;
  /// Until then its process hears of no connection, and, when its whole kernel stands still, `frozen`, of no
  /// datagram either.
  [[nodiscard]] virtual RefTime paused_until() const { return {}; }
  [[nodiscard]] virtual bool frozen() const { return false; }

 protected:
  Receiver() = default;
  Receiver(const Receiver&) = default;
  Receiver& operator=(const Receiver&) = default;
};

/// Sees every datagram that is sent, and how it ends.
class Witness {
 public:
  virtual ~Witness() = default;
  virtual void packet_sent(const Packet& packet) = 0;
  virtual void packet_arrived(const Packet& packet, HostId at) = 0;
  virtual void packet_lost(const Packet& packet, Loss why) = 0;

 protected:
  Witness() = default;
  Witness(const Witness&) = default;
  Witness& operator=(const Witness&) = default;
};

struct NetworkCounters {
  std::uint64_t sent = 0, arrived = 0, duplicated = 0, reordered = 0, retransmitted = 0, cuts = 0, splits = 0;
  std::uint64_t icmp_sent = 0, icmp_arrived = 0;
  std::array<std::uint64_t, kLossNames.size()> lost{};

  NetworkCounters& operator+=(const NetworkCounters& o);
};

class Network {
 public:
  Network(EventQueue& queue, Trace& trace, std::uint64_t seed, std::size_t sites);

  void attach(HostId host, SiteId site, Receiver& receiver);
  /// Datagrams and connections to this address go to this host.
  void route(const IpAddress& to, HostId host) { routes_[to] = host; }
  void watch(Witness& witness) { witnesses_.push_back(&witness); }

  [[nodiscard]] Path& path(SiteId from, SiteId to) { return paths_[from * sites_ + to]; }
  /// Nothing passes between the two, either way, for `how_long`.
  void cut(SiteId a, SiteId b, Nanos how_long);
  /// Nothing passes between sites of one side and those of the other. `side`: of each site.
  void split(const std::vector<bool>& side, Nanos how_long);
  /// Each way takes half of its round trip; `rtt`: of all pairs of sites, row by row.
  void set_delays(std::span<const Nanos> rtt);
  /// Where all that comes for a site passes.
  [[nodiscard]] Line& door(SiteId site) { return doors_[site]; }

  /// `data` is copied.
  void send(HostId from, const Endpoint& source, const Endpoint& destination, Bytes data);
  /// An ICMP error, to the host that `error.source` leads to.
  void send_icmp(HostId from, IcmpError error);

  /// An ICMP echo and its reply: the round trip, or nothing when either is lost or nobody is there.
  [[nodiscard]] std::optional<Nanos> ping(HostId from, const IpAddress& to);

  /// One try of a stream's segment: how long it takes, or nothing when it is lost.
  [[nodiscard]] std::optional<Nanos> segment(HostId from, HostId to, std::size_t octets);
  /// The host that an address leads to.
  [[nodiscard]] std::optional<HostId> host_of(const IpAddress& ip) const;
  [[nodiscard]] Receiver& receiver(HostId host) { return *hosts_[host].receiver; }
  [[nodiscard]] const NetworkCounters& counters() const { return counters_; }

 private:
  struct Attached {
    SiteId site = 0;
    Receiver* receiver = nullptr;
    std::size_t held = 0;  // datagrams that wait for it to go on
  };
  [[nodiscard]] bool cut_off(SiteId from, SiteId to) const;
  Nanos travel(const Path& path);
  /// A packet on its way: where it lies in `packets_`.
  using Place = std::uint32_t;
  Place packet(std::uint64_t number, HostId from, const Endpoint& source, const Endpoint& destination,
               Bytes data);
  void on_its_way(Nanos takes, Place place, HostId to);
  void reach(Place place, HostId to);
  void at_host(Place place, HostId to);
  void arrive(const Packet& packet, HostId to);
  void cut_way(SiteId from, SiteId to, Nanos how_long);
  void lose(const Packet& packet, Loss why);
  /// Nothing when the path loses it.
  std::optional<Nanos> icmp_travel(SiteId from, SiteId to, std::size_t octets);

  EventQueue& queue_;
  Trace& trace_;
  SeededRandom random_;
  SeededRandom icmp_random_;  // apart, so that errors change nothing for datagrams
  std::size_t sites_;
  std::vector<Path> paths_;
  std::vector<Line> doors_;
  std::vector<RefTime> cut_until_;
  std::vector<Attached> hosts_;
  std::map<IpAddress, HostId> routes_;
  std::vector<Witness*> witnesses_;
  std::deque<Packet> packets_;  // their buffers are used again and again
  std::vector<Place> free_;
  std::uint64_t next_packet_ = 1;
  NetworkCounters counters_;
};

}  // namespace flagfall::sim
