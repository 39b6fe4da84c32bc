// Client networks of which a verdict is known, for each service: what tells the
// request loops whose races need no beacon. A fixed table of hashes; the control
// thread writes, the loops read, nobody locks. What a full set pushes out, and what is
// older than an hour, is unknown again: it costs a client one more look-up.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "common/base/hash.hh"
#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "master/race_guard.hh"
#include "master/race_observer.hh"

namespace flagfall::master {

class KnownNetworks final : public RaceObserver {
 public:
  /// A path changes its rank within hours, rarely within minutes.
  static constexpr Nanos kFor = std::chrono::hours(1);

  /// A client network is as the guard has it. `room`: networks at once, about.
  KnownNetworks(unsigned prefix_v4, unsigned prefix_v6, Random& random, std::size_t room = 65536);

  /// The network that a client is in. Any thread.
  [[nodiscard]] IpAddress network(const IpAddress& client) const noexcept;
  /// Any thread.
  [[nodiscard]] bool knows(std::uint16_t service, const IpAddress& client, MonoTime now) const noexcept;
  /// Control thread.
  void learn(std::uint16_t service, const IpAddress& client, MonoTime now) noexcept;
  void finished(const race::FinishedRace& race) override;

 private:
  static constexpr std::size_t kWays = 4;
  [[nodiscard]] std::uint64_t key(std::uint16_t service, const IpAddress& client) const noexcept;

  unsigned prefix_v4_;
  unsigned prefix_v6_;
  SeededHash hash_;
  std::vector<std::atomic<std::uint64_t>> slots_;  // a key, its low 16 bits replaced by the minute; 0: free
};

}  // namespace flagfall::master
