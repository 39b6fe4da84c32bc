// The network between the hosts, as decisions: for each packet that enters,
// which host it is for and when it leaves, or why it is dropped. What a packet
// meets goes by the host that it entered from, never by its source address. No
// sockets, no clock: `now` is an argument, chance comes from the seed alone, so
// the n-th packet of a pair meets the same fate in every run with that seed.
// One thread owns it. Nothing allocates after construction but set_link().
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/random.hh"
#include "lab/topology.hh"

namespace flagfall::lab {

enum class Drop : std::uint8_t {
  malformed,  // not an IP packet
  multicast,  // the network carries unicast only
  unknown,    // no host has the destination address
  no_link,    // nothing joins the two hosts
  loss,       // the link's loss
  queue,      // the link's queue was full
  overflow,   // too many packets under way in the whole lab
  host,       // the destination host's interface did not take it
};
inline constexpr std::size_t kDropReasons = 8;
std::string_view name_of(Drop reason);

class Network {
 public:
  explicit Network(const Topology& topology);

  struct Fate {
    std::optional<Drop> drop;
    HostId to = 0;
    MonoTime deadline{};
  };
  /// Decides a packet that entered from host `from` at `now`. Times do not go backwards.
  Fate accept(HostId from, Bytes packet, MonoTime now);

  /// The link of a pair, none when nothing joins it.
  [[nodiscard]] const std::optional<Link>& link(HostId from, HostId to) const { return pair(from, to).link; }
  /// Holds for packets that enter from now on; those under way stay as decided, and are not overtaken.
  void set_link(HostId from, HostId to, const Link& link);

  struct PairCount {
    std::uint64_t packets = 0;  // that were for the pair, dropped ones included
    std::uint64_t lost = 0;     // by its loss, or its full queue
    std::uint64_t reordered = 0;
  };
  [[nodiscard]] const PairCount& count(HostId from, HostId to) const { return pair(from, to).count; }
  [[nodiscard]] std::size_t hosts() const { return hosts_; }

 private:
  struct Pair {
    std::optional<Link> link;
    SeededRandom random{0};
    MonoTime free_at{};        // when the link's rate is done with what it took
    MonoTime last_deadline{};  // of a packet that was not held back
    PairCount count;
  };
  struct HashIp {
    std::size_t operator()(const IpAddress& ip) const;
  };
  [[nodiscard]] const Pair& pair(HostId from, HostId to) const { return pairs_[from * hosts_ + to]; }
  Pair& pair(HostId from, HostId to) { return pairs_[from * hosts_ + to]; }
  [[nodiscard]] std::optional<HostId> nearest(HostId from, const std::vector<HostId>& owners) const;

  std::size_t hosts_;
  std::vector<Pair> pairs_;
  /// Several owners: anycast, the nearest of them gets the packet.
  std::unordered_map<IpAddress, std::vector<HostId>, HashIp> owners_;
};

}  // namespace flagfall::lab
