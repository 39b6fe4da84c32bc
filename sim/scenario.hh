// A random world from a seed: sites and paths, masters, slaves, clients, an
// attacker, and the faults that befall them. One call plays it through.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/attacker.hh"
#include "sim/client.hh"
#include "sim/judge.hh"
#include "sim/master_host.hh"
#include "sim/slave_host.hh"

namespace flagfall::sim {

enum class Fault : std::uint8_t {
  slave_killed,
  slave_lost_power,
  master_killed,
  master_lost_power,
  cut,
  clock_stepped,
  clock_wandered,
  chronyd_stopped,
  master_stalled,
  loss,
  duplication,
  reordering,
  send_refused,
  answer_refused,
  asymmetry,
  long_tail,
  narrow_line,
  split,
  slave_paused,
  master_paused,
  frozen,
  clock_walked,
  leap_second,
  flood,
  hogged_line,
  disk_hung,
  disk_full,
  records_away,
  records_lost,
};
inline constexpr std::array<const char*, 29> kFaultNames = {"slave killed",     "slave lost power",
                                                            "master killed",    "master lost power",
                                                            "paths cut",        "clock stepped",
                                                            "clock wandered",   "chronyd stopped",
                                                            "master stalled",   "loss",
                                                            "duplication",      "reordering",
                                                            "send refused",     "answer refused",
                                                            "asymmetric paths", "long-tailed jitter",
                                                            "narrow lines",     "world split",
                                                            "slave paused",     "master paused",
                                                            "machine frozen",   "clock walked",
                                                            "leap second",      "flood",
                                                            "line hogged",      "disk hung",
                                                            "disk full",        "records away",
                                                            "records lost"};

using FaultCounts = std::array<unsigned, kFaultNames.size()>;
inline void count(FaultCounts& counts, Fault fault) {
  ++counts.at(static_cast<std::size_t>(fault));
}
/// Queries and faults begin after so long: clocks are measured and sessions made.
inline constexpr Nanos kWarmUp = std::chrono::seconds(4);

struct ScenarioOptions {
  std::uint64_t seed = 1;
  Nanos length = std::chrono::seconds(60);  // then no more queries; the world runs on until all are settled
  unsigned queries = 1000;
  bool faults = true;
  /// One master with its guard wide open, stubs that ask twice, 5 s apart, and
  /// slaves that may send 20 answers a second, late ones too.
  bool overloaded = false;
  /// Masters without directors, all of which learn who won, from races of two slaves and more and from
  /// clients that wait for 400 ms at least.
  bool attentive = false;
  bool text = false;  // keep the trace as text
  /// The round trips of all pairs of sites, row by row, each way half of it; empty: drawn. Sites are the
  /// masters, the slaves, the clients and the attacker; a matrix is repeated as often as needed.
  std::vector<Nanos> rtt{};

  /// For tests that put a bug in: make other hosts than these.
  template <class H, class O>
  using Maker = std::function<std::unique_ptr<H>(World&, HostId, SiteId, const std::string&, const HostClock&,
                                                 const ChronydQuality&, const O&, Judge&)>;
  using MasterMaker = std::function<std::unique_ptr<MasterHost>(
      World&, HostId, SiteId, const std::string&, const HostClock&, const ChronydQuality&,
      const MasterOptions&, const ServedData&, Judge&)>;
  MasterMaker make_master;
  Maker<SlaveHost, SlaveOptions> make_slave;
};

struct Outcome {
  std::optional<std::string> broken;  // the first broken promise
  Nanos at{};                         // when, since the start; the whole length when none
  std::uint64_t digest = 0;
  std::string trace;
  std::uint64_t events = 0;
  JudgeCounters judge;
  NetworkCounters network;
  Attacker::Counters attacks;
  ClientCounters clients;
  FaultCounts faults{};
};

/// Deterministic: the same options, the same outcome, byte for byte.
Outcome play(const ScenarioOptions& options, const ServedData& data);

}  // namespace flagfall::sim
