// The listener's book: which slaves' probes arrived, from which address, how far
// and how long they travelled; and what follows for the service. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "check/finding.hh"
#include "check/probe_packet.hh"

namespace flagfall::check {

class Arrivals {
 public:
  struct Seen {
    Endpoint from;     // as the packet had it
    unsigned ttl = 0;  // 0: not known
    RealTime at;
    std::size_t size = 0;
  };
  /// The line to print for the first of its kind, source and size; empty for those that follow.
  std::string add(const Probe& probe, const Seen& seen);
  /// A datagram that was no probe of ours.
  void stranger(const std::string& why) { ++strangers_[why]; }

  [[nodiscard]] bool empty() const { return slaves_.empty(); }
  /// Every slave of `expected` has sent all that its plan says, or nothing more can be missing.
  [[nodiscard]] bool complete(const std::set<std::string>& expected) const;
  void judge(const std::set<std::string>& expected, Findings& out) const;
  /// {"sources": [{"slave": "fra", "source": "192.0.2.1:53", "arrives": true}]}: for `flagfall check
  /// --verified` at a master, whose POST /sources takes the same.
  [[nodiscard]] std::string verified_json() const;

 private:
  struct Group {
    std::set<std::uint16_t> numbers;  // duplicates count once
    std::uint64_t duplicates = 0;
    std::uint16_t count = 0;
    std::set<IpAddress> others;  // addresses that it came from, other than the one it left from
    unsigned least_ttl = 0, most_ttl = 0;
    Nanos least_way = Nanos::max();
    [[nodiscard]] double share() const;
  };
  using Size = bool;  // true: the large one
  struct Slave {
    std::uint64_t run = 0;
    std::vector<Endpoint> plan;
    std::map<Family, std::map<Size, Group>> own;
    std::map<Endpoint, std::map<Size, Group>> service;
  };
  static void judge_slave(const std::string& name, const Slave& slave, Findings& out);
  static void judge_source(const std::string& name, const Slave& slave, const Endpoint& source,
                           Findings& out);
  [[nodiscard]] static bool arrives(const Slave& slave, const Endpoint& source);

  std::map<std::string, Slave> slaves_;
  std::map<std::string, std::uint64_t> strangers_;
};

/// What a master may be told: slaves by name, and of each the service addresses that its packets arrive from.
using Verified = std::map<std::string, std::map<Endpoint, bool>>;
/// From verified_json(). Total.
Result<Verified> parse_verified(std::string_view text);

}  // namespace flagfall::check
