// flagfall-campaign: random worlds, one seed after the other, until a promise is
// broken. See scripts/campaign.
#include <CLI/CLI.hpp>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>

#include "sim/sample_zone.hh"
#include "sim/scenario.hh"
#include "sim/schedules.hh"

namespace {

using flagfall::sim::kFaultNames;
using flagfall::sim::Outcome;
using flagfall::sim::ScenarioOptions;

struct Totals {
  std::uint64_t worlds = 0, events = 0, asks = 0, races = 0, orders = 0, fired = 0, gave_up = 0, replays = 0,
                echoed = 0;
  std::array<std::uint64_t, kFaultNames.size()> worlds_with{};

  void add(const Outcome& o) {
    ++worlds;
    events += o.events;
    asks += o.judge.asks;
    races += o.judge.races;
    orders += o.judge.orders;
    fired += o.judge.fired;
    gave_up += o.judge.gave_up;
    replays += o.judge.replays_seen;
    echoed += o.judge.echoed;
    for (std::size_t i = 0; i < o.faults.size(); ++i) worlds_with.at(i) += o.faults.at(i) > 0 ? 1 : 0;
  }
  void print(double seconds) const {
    fmt::print("{} worlds in {:.1f} s, {:.0f} events a second\n", worlds, seconds,
               static_cast<double>(events) / seconds);
    fmt::print(
        "{} queries, {} given up with a reason; {} races, {} orders, {} answers fired, {} echoes, {} replays "
        "tried\n",
        asks, gave_up, races, orders, fired, echoed, replays);
    for (std::size_t i = 0; i < kFaultNames.size(); ++i)
      fmt::print("  {:<18} in {:3.0f} % of the worlds\n", kFaultNames.at(i),
                 100.0 * static_cast<double>(worlds_with.at(i)) / static_cast<double>(worlds));
  }
};

struct Arguments {
  std::uint64_t seeds = 100, from = 1;
  double minutes = 0;
  std::optional<std::uint64_t> seed;
  ScenarioOptions world;
  bool trace = false;
  bool schedules = false;
};

int campaign(const Arguments& a) {
  const auto data = flagfall::sim::serve_sample_zone();
  const auto start = std::chrono::steady_clock::now();
  const auto gone = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  Totals totals;
  const std::uint64_t first = a.seed.value_or(a.from);
  const std::uint64_t last = a.seed ? *a.seed : a.from + a.seeds - 1;
  for (std::uint64_t seed = first; seed <= last && (a.minutes <= 0 || gone() < a.minutes * 60); ++seed) {
    ScenarioOptions options = a.world;
    options.seed = seed;
    options.text = a.trace;
    const Outcome o = play(options, data);
    totals.add(o);
    if (a.trace) std::fwrite(o.trace.data(), 1, o.trace.size(), stdout);
    if (a.seed) fmt::print("seed {}: digest {:016x}, {} events\n", seed, o.digest, o.events);
    if (o.broken) {
      fmt::print("seed {}: broken after {:.6f} s: {}\n", seed, static_cast<double>(o.at.count()) * 1e-9,
                 *o.broken);
      fmt::print("replay it with: scripts/campaign --seed {} --trace\n", seed);
      return 1;
    }
  }
  totals.print(gone());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    CLI::App app("Plays random worlds with the daemons' own cores, and stops at the first broken promise.");
    Arguments a;
    app.add_option("--seeds", a.seeds, "How many worlds")->capture_default_str();
    app.add_option("--from", a.from, "The first seed")->capture_default_str();
    app.add_option("--minutes", a.minutes, "Stop after so long (0: when all seeds are done)");
    app.add_option("--seed", a.seed, "This one world only");
    double seconds = static_cast<double>(a.world.length.count()) * 1e-9;
    app.add_option("--seconds", seconds, "How long a world lasts")->capture_default_str();
    app.add_option("--queries", a.world.queries, "How many queries its clients ask")->capture_default_str();
    app.add_flag("--trace", a.trace, "Print everything that happens");
    app.add_flag("--schedules", a.schedules, "Print when the modelled resolvers ask again, as JSON");
    CLI11_PARSE(app, argc, argv);
    if (a.schedules) {
      fmt::print("{}", flagfall::sim::schedules_json());
      return 0;
    }
    a.world.length = flagfall::Nanos(std::llround(seconds * 1e9));
    return campaign(a);
  } catch (const std::exception& e) {
    fmt::print(stderr, "flagfall-campaign: {}\n", e.what());
    return 1;
  }
}
