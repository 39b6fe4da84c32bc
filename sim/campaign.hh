// Many worlds, one a seed, on several cores. Worlds share nothing but what they
// serve, which is immutable. Seeds are begun in their order, and after a broken
// promise no later one is begun: so the lowest broken seed is the same however
// many threads there are.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/scenario.hh"

namespace flagfall::sim {

struct CampaignOptions {
  std::uint64_t from = 1, seeds = 100;
  unsigned jobs = 1;
  Nanos budget{};         // begin no world after so long; 0: none is too late
  ScenarioOptions world;  // its seed and text are the campaign's own
};

/// Sums over worlds.
struct CampaignTotals {
  std::uint64_t worlds = 0, events = 0, asks = 0, races = 0, orders = 0, fired = 0, gave_up = 0, replays = 0,
                echoed = 0, verdicts = 0, certain = 0, told = 0, survived = 0, misled = 0, compared = 0,
                beacons = 0, followed = 0, by_beacons = 0;
  std::array<std::uint64_t, kFaultNames.size()> worlds_with{};
  Attacker::Counters attacks;
  NetworkCounters network;
  double cpu_seconds = 0;  // of all threads

  void add(const Outcome& outcome);
  [[nodiscard]] double share(std::size_t fault) const;
  /// Each of them in fewer than a fifth of the worlds.
  [[nodiscard]] std::vector<std::size_t> rare_faults() const;
  /// For one core, by the time that the worlds had it.
  [[nodiscard]] double events_per_second() const {
    return cpu_seconds > 0 ? static_cast<double>(events) / cpu_seconds : 0;
  }
};

struct BrokenWorld {
  std::uint64_t seed = 0;
  std::string what;
  Nanos at{};
};

struct CampaignResult {
  CampaignTotals totals;
  std::optional<BrokenWorld> broken;  // the lowest seed
  double seconds = 0;                 // by the wall clock
};

/// A core that crashes in this thread does so in the world of this seed.
void now_playing(std::uint64_t seed);
/// From now on a crash (a failed assertion, too) names the seed on stderr before the process ends.
void name_seeds_of_crashes();

/// `progress` is called now and then, from the calling thread.
CampaignResult run_campaign(const CampaignOptions& options, const ServedData& data,
                            const std::function<void(const CampaignTotals&)>& progress);

}  // namespace flagfall::sim
