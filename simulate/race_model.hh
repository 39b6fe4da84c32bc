// What happens to a race's packets: when each slave sends, whose answer is first, which losers' errors come
// back, and so what the master's rules make of it. One object a simulation.
#pragma once

#include <cmath>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/base/random.hh"
#include "common/base/token_bucket.hh"
#include "common/race/finished_race.hh"
#include "master/race_core.hh"
#include "master/verdict.hh"
#include "simulate/latencies.hh"
#include "simulate/options.hh"

namespace flagfall::simulate {

/// One race's part of the world.
struct Course {
  std::size_t slice = 0, place = 0;
  std::optional<std::size_t> master;   // a site; none: ways to the slaves are not known
  std::span<const std::size_t> sites;  // by slave
  Nanos delay{};
  bool mute = false;  // its host tells nothing
  Endpoint client;
  MonoTime now;
};

struct Ran {
  std::size_t winner = 0;  // a slave
  double ms = 0;           // from the request until the winner's round trip is over: what the client pays
  unsigned late = 0, errors = 0;
  race::FinishedRace race;
};

class RaceModel {
 public:
  RaceModel(const Options& options, std::size_t sites, std::uint64_t seed);
  /// Clocks are set anew, each wrong by up to the clock error.
  void set_clocks();
  [[nodiscard]] Ran run(const Latencies& world, const master::RacePlan& plan, const Course& course);

 private:
  [[nodiscard]] double way(double ms) { return ms * (1 - jitter_ * std::log(1 - dice_.unit())); }
  [[nodiscard]] bool tells(const IpAddress& host, MonoTime now);

  double jitter_, told_;
  double clock_ms_;
  SeededRandom dice_;
  std::vector<double> offset_;  // by site, ms
  TokenBucket errors_;
  std::unordered_map<std::uint32_t, MonoTime> hosts_;  // when their bucket of errors is full again
};

}  // namespace flagfall::simulate
