// Decides about one raceable query: which slaves race and when, or why the
// master answers by itself. Pure; one object a loop; no allocation.
//
// One fit slave is enough: it is known to be alive, which the zone's own
// records are not. See docs/design/race-of-one.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "common/base/random.hh"
#include "master/beacon_policy.hh"
#include "master/fallback.hh"
#include "master/race_guard.hh"
#include "master/retry_memory.hh"
#include "master/snapshot.hh"
#include "master/start_line.hh"
#include "master/teaching.hh"

namespace flagfall::master {

/// When a burst was read, and how CLOCK_REALTIME stamps are brought over.
struct BurstTimes {
  MonoTime now;
  Nanos real_minus_mono{};
};

struct RaceOptions {
  enum class Timestamp : std::uint8_t { receipt, dequeue } timestamp = Timestamp::receipt;
  Nanos retry_window = std::chrono::seconds(2);
  unsigned max_slaves = 8;       // 1..kMostRunners
  std::size_t most_request = 0;  // octets that fit into an empty order datagram
  GuardOptions guard;
  bool any_shadow = false;  // some service has mode "shadow"
  TeachOptions teach;
  const KnownNetworks* known = nullptr;  // what needs no beacon; outlives the core
};

/// One query for a raced name, over UDP.
struct RaceQuestion {
  IpAddress client;
  Bytes name;  // lower-case wire form
  std::uint16_t type = 0;
  std::uint16_t service = 0;  // index into Snapshot::services
  std::uint8_t address = 0;   // index of the service address that was asked
  bool verified = false;      // came with a valid cookie
  KnownSlaves known{};        // whom the client is bound to: the race is to learn from
  bool recursive = false;     // asks for recursion: a stub or a forwarder
  std::size_t request_size = 0;
  MonoTime received;  // kernel stamp, brought over; see received_at()
};

struct RacePlan : LineUp {
  bool race = false;
  bool shadow = false;                    // with `race`: slaves withhold, the master answers now
  bool beacon = false;                    // with `race`: slaves answer with names of their own
  Fallback why = Fallback::no_fit_slave;  // when not
  bool repeated = false;                  // when not: it was raced a moment ago, so its race cannot be judged
  std::uint8_t echo = kNoEcho;            // place in `runners`
};

/// Now; exact to a microsecond where the machine lets it.
BurstTimes read_times(const Clock& clock);
/// The kernel's stamp on the monotonic scale: `now` for a packet without one, and never in the future.
MonoTime received_at(RealTime stamp, const BurstTimes& times);

class RaceCore {
 public:
  /// `loop` of `loops`: race ids of different loops never meet while `epoch` (random, one a start) is shared.
  RaceCore(const RaceOptions& options, unsigned loop, unsigned loops, std::uint64_t epoch, Random& random);

  RacePlan decide(const Snapshot& snapshot, const RaceQuestion& question, const BurstTimes& times) noexcept;

  [[nodiscard]] RaceGuard& guard() { return guard_; }

 private:
  RaceOptions options_;
  StartLine start_line_;
  RaceGuard guard_;
  /// Shadow races cost their client nothing, so they are not paid for from its budget; but they show what
  /// the same limits would refuse, and bound the orders that a stranger can cause.
  std::optional<RaceGuard> shadow_guard_;
  RetryMemory retries_;
  Teaching teaching_;
  SeededRandom lots_;  // of race_share
  BeaconPolicy beacons_;
};

}  // namespace flagfall::master
