// The master's state as the JSON of GET /status (docs/admin.md), and as one line.
// Reads counters that the request loops write. Control thread only.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "clocksync/clock_source.hh"
#include "master/config.hh"
#include "master/delay_control.hh"
#include "master/loops.hh"
#include "master/race_keeper.hh"
#include "master/slave_state.hh"
#include "master/slave_stats.hh"
#include "master/snapshot.hh"
#include "master/snapshot_builder.hh"

namespace flagfall::master {

/// Views of everything that status tells.
struct StatusSource {
  const Config& config;
  const SnapshotBuilder& builder;
  const DelayControl& delays;
  const Snapshot& snapshot;  // the last one published
  const clocksync::ClockSource& clock;
  const std::vector<const SlaveState*>& slaves;
  const std::vector<std::pair<std::string, std::uint64_t>>& control;  // the hub's counters
  const std::vector<SlaveStats>& stats;                               // by slave index
  const Loops& loops;
  const std::vector<Endpoint>& listen;
  const RaceKeeper& races;
  MonoTime now;
  MonoTime started;
  Nanos real_minus_mono{};
  const nlohmann::json& statistics;  // how their keeping goes
};

/// Why the clock forbids races at `now`; empty: it does not.
std::string clock_why_not(const clocksync::RefMap& clock, Nanos max_error, MonoTime now);

nlohmann::json status_json(const StatusSource& source);
/// "3 of 3 slaves fit, clock within 0.41 ms, 1200 races"
std::string status_line(const StatusSource& source);

}  // namespace flagfall::master
