// What collectors at a slave measure, as it travels in session messages
// (docs/protocol.md §3.8, §3.9): values and their limits. Pure; the bytes are session.cc's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/time.hh"

namespace flagfall::wire {

inline constexpr std::size_t kMaxPings = 512;  // of one message
inline constexpr std::size_t kMaxPaths = 512;
inline constexpr std::size_t kMaxLoads = 16;
inline constexpr std::size_t kMaxChecks = 64;
/// Shares travel in millionths.
inline constexpr std::uint32_t kWhole = 1'000'000;
/// Octets, octets a second, connections: more is absurd (2^50, a petabyte).
inline constexpr std::uint64_t kMaxAmount = std::uint64_t{1} << 50;
/// No path on Earth has a longer round trip that anybody waits for.
inline constexpr Nanos kMostRoundTrip = std::chrono::seconds(60);
inline constexpr Nanos kLeastPingWait = std::chrono::milliseconds(10);
inline constexpr Nanos kMostPingWait = std::chrono::seconds(60);

/// Master -> slave: ping these, and say what came within the time given.
struct PingOrder {
  Nanos within = std::chrono::seconds(1);  // kLeastPingWait to kMostPingWait
  std::vector<IpAddress> addresses;
};

struct PingResult {
  enum class Fate : std::uint8_t {
    answered = 0,
    silent = 1,   // asked, and no answer
    refused = 2,  // not asked: the slave's own limits, no way there, or no address of one host
  };
  IpAddress address;
  Fate fate = Fate::silent;
  Nanos round_trip{};  // above 0 when answered, else 0
  Nanos age{};         // since it was measured: the slave's memory may have answered
};

/// What the kernel knows of the TCP connections between this host's servers and one client network.
struct TcpPath {
  Prefix client;           // IPv4 from /8, IPv6 from /16 on
  Nanos smoothed{};        // median of the connections' smoothed round trips
  Nanos least{};           // the least round trip of any; at most `smoothed`
  std::uint64_t rate = 0;  // median delivery rate in octets/s, of what the network limited; 0: not known
  std::uint32_t retransmitted = 0;  // share of octets sent again, in millionths
  std::uint32_t connections = 0;    // at least 1
};

/// What a machine, or the cgroup of a server, has left. What is absent is not known.
struct Load {
  std::string name;                          // "machine", or the cgroup's
  std::optional<std::uint64_t> connections;  // open TCP connections
  std::optional<std::uint64_t> free_memory;  // octets
  std::optional<std::uint64_t> free_swap;    // octets
  std::optional<std::uint32_t> idle_cpu;     // share of what it may use, in millionths
};

enum class Health : std::uint8_t { unknown = 0, up = 1, down = 2 };

/// One check of a content server, by the slave's thresholds.
struct Check {
  std::string name;
  std::optional<IpAddress> answer;  // the content address that it speaks for; absent: all of the slave's
  Health state = Health::unknown;
  Nanos since{};    // how long it has been so
  std::string why;  // one line: what the last probe that counts against it said
};

/// Slave -> master. `loads` and `checks` are complete whenever one of them is not empty.
struct Evidence {
  std::vector<PingResult> pings;
  std::vector<TcpPath> paths;
  std::vector<Load> loads;
  std::vector<Check> checks;
  [[nodiscard]] bool empty() const {
    return pings.empty() && paths.empty() && loads.empty() && checks.empty();
  }
};

}  // namespace flagfall::wire
