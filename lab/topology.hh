// What a lab is: hosts, the links between them, the management network. Plain
// values; topology_file.hh reads them from TOML.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/time.hh"

namespace flagfall::lab {

/// A host's position in Topology::hosts.
using HostId = std::size_t;

/// One direction of the path between two hosts.
struct Link {
  /// Every packet takes at least this long.
  Nanos delay{0};
  /// And up to this much more: uniform between nothing and `jitter`, drawn per packet.
  Nanos jitter{0};
  /// Share of packets that vanish, 0 to 1.
  double loss = 0;
  /// Bits per second, of IP packets; 0: as fast as they come.
  std::uint64_t rate = 0;
  /// Octets that may wait for the link's rate; a packet that finds more waiting is dropped.
  std::uint64_t queue = std::uint64_t{256} * 1024;
  /// Share of packets, 0 to 1, that are held back by `reorder_by` while those behind them pass.
  double reorder = 0;
  Nanos reorder_by = std::chrono::milliseconds(1);

  bool operator==(const Link&) const = default;
};

struct Host {
  std::string name;
  std::vector<IpAddress> addresses;
  /// On the management network.
  std::optional<IpAddress> management;
};

/// A link that the file names; the later of two for one pair holds.
struct LinkBetween {
  HostId from = 0;
  HostId to = 0;
  Link link;
};

struct Topology {
  std::string lab;
  std::uint64_t seed = 1;
  /// Of every host's interface, octets.
  unsigned mtu = 1500;
  /// Packets that may be under way at once.
  std::size_t in_flight = 65536;
  std::vector<Host> hosts;
  /// For pairs that no link names; without it they cannot reach each other.
  std::optional<Link> default_link;
  std::vector<LinkBetween> links;
  /// The management network's prefix, when there is one.
  std::optional<Prefix> management;

  [[nodiscard]] std::optional<HostId> find(std::string_view host) const;
};

}  // namespace flagfall::lab
