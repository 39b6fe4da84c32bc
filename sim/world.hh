// The world: virtual time, the network, and the hosts in it. One seed makes it;
// every part draws from a stream of randomness of its own, so that a change in
// one leaves the others as they were.
#pragma once

#include <memory>
#include <string>

#include "common/base/hash.hh"
#include "sim/event_queue.hh"
#include "sim/host_clock.hh"
#include "sim/network.hh"
#include "sim/streams.hh"
#include "sim/trace.hh"

namespace flagfall::sim {

/// Where every world starts: 2026-09-21 14:13:20 UTC, far from a leap second.
inline constexpr RefTime kStart = RefTime(std::chrono::seconds(1'790'000'000));

/// Reference time (UTC as POSIX counts it) beside the world's, which has no leap seconds.
struct TimeScale {
  Nanos shift{};                  // reference minus the world's, before the leap
  RefTime leap = RefTime::max();  // by the world's time
  Nanos leap_by =
      -std::chrono::seconds(1);  // inserted: the second before midnight comes twice; +1 s: it is left out

  [[nodiscard]] bool leaps() const { return leap != RefTime::max(); }
  [[nodiscard]] RefTime reference(RefTime world) const {
    return world + shift + (world >= leap ? leap_by : Nanos(0));
  }
  /// The inverse; of a time that comes twice, the second one.
  [[nodiscard]] RefTime world(RefTime reference) const {
    const RefTime after = reference - shift - leap_by;
    return after >= leap ? after : reference - shift;
  }
};

struct World {
  World(std::uint64_t world_seed, std::size_t sites, bool text)
      : seed(world_seed),
        queue(kStart),
        trace(kStart, text),
        network(queue, trace, fork("network"), sites),
        streams(queue, network, trace, fork("streams")) {}

  /// A seed for one part of the world.
  [[nodiscard]] std::uint64_t fork(std::string_view part) const {
    SeededRandom random(seed);
    const SeededHash hash(random);
    return hash.finish(hash.mix(hash.start(), as_bytes(part)));
  }
  [[nodiscard]] RefTime now() const { return queue.now(); }

  std::uint64_t seed;
  TimeScale scale;  // to be set before there are hosts
  EventQueue queue;
  Trace trace;
  Network network;
  Streams streams;
};

}  // namespace flagfall::sim
