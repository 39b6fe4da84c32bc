// flagfall-campaign: random worlds, one a seed, on all cores, until a promise is
// broken. See scripts/campaign.
#include <unistd.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <thread>

#include "sim/campaign.hh"
#include "sim/sample_zone.hh"
#include "sim/scenario.hh"
#include "sim/schedules.hh"

namespace {

using flagfall::sim::BrokenWorld;
using flagfall::sim::CampaignOptions;
using flagfall::sim::CampaignResult;
using flagfall::sim::CampaignTotals;
using flagfall::sim::kFaultNames;
using flagfall::sim::Outcome;

struct Arguments {
  CampaignOptions campaign;
  std::optional<std::uint64_t> seed;
  bool trace = false, json = false, schedules = false;
};

void print_broken(const BrokenWorld& b) {
  fmt::print("seed {}: broken after {:.6f} s: {}\n", b.seed, static_cast<double>(b.at.count()) * 1e-9,
             b.what);
  fmt::print("replay it with: scripts/campaign --seed {} --trace\n", b.seed);
}

void print_totals(const CampaignResult& r) {
  const CampaignTotals& t = r.totals;
  fmt::print("{} worlds in {:.1f} s, {} events, {:.0f} events a second and core\n", t.worlds, r.seconds,
             t.events, t.events_per_second());
  fmt::print(
      "{} queries, {} given up with a reason; {} races, {} orders, {} answers fired, {} echoes, {} replays "
      "tried\n",
      t.asks, t.gave_up, t.races, t.orders, t.fired, t.echoed, t.replays);
  fmt::print(
      "{} verdicts, {} of them certain ({} misled); {} answers of directors; {} bindings "
      "and drains survived restarts; masters that share compared {} times\n",
      t.verdicts, t.certain, t.misled, t.told, t.survived, t.compared);
  fmt::print("{} beacons, {} look-ups of clients answered, {} verdicts by them\n", t.beacons, t.followed,
             t.by_beacons);
  const auto& a = t.attacks;
  fmt::print(
      "attacks: {} queries spoofed, {} datagrams of floods, {} replayed, {} changed, {} made up, {} answers "
      "and {} ICMP errors forged, {} beacons looked up, {} connections\n",
      a.spoofed, a.flooded, a.replayed, a.changed, a.made_up, a.answers, a.errors, a.beacons, a.pestered);
  const auto& n = t.network;
  fmt::print("network: {} datagrams, {} doubled, {} held back", n.sent, n.duplicated, n.reordered);
  for (std::size_t i = 0; i < n.lost.size(); ++i)
    fmt::print(", {} {}", n.lost.at(i), flagfall::sim::kLossNames.at(i));
  fmt::print("; {} of {} ICMP errors arrived; {} segments sent again\n", n.icmp_arrived, n.icmp_sent,
             n.retransmitted);
  for (std::size_t i = 0; i < kFaultNames.size(); ++i)
    fmt::print("  {:<18} in {:3.0f} % of the worlds{}\n", kFaultNames.at(i), 100 * t.share(i),
               t.share(i) < 0.2 ? ": LESS THAN A FIFTH" : "");
}

void print_json(const CampaignResult& r) {
  const CampaignTotals& t = r.totals;
  nlohmann::json out = {{"worlds", t.worlds},
                        {"seconds", r.seconds},
                        {"cpu_seconds", t.cpu_seconds},
                        {"events", t.events},
                        {"queries", t.asks},
                        {"given_up", t.gave_up},
                        {"races", t.races},
                        {"orders", t.orders},
                        {"fired", t.fired},
                        {"echoed", t.echoed},
                        {"replays", t.replays},
                        {"verdicts", t.verdicts},
                        {"certain", t.certain},
                        {"misled", t.misled},
                        {"beacons", t.beacons},
                        {"beacon_look_ups", t.followed},
                        {"beacon_verdicts", t.by_beacons},
                        {"directed", t.told},
                        {"survived", t.survived},
                        {"compared", t.compared},
                        {"attacks",
                         {{"spoofed", t.attacks.spoofed},
                          {"flooded", t.attacks.flooded},
                          {"replayed", t.attacks.replayed},
                          {"changed", t.attacks.changed},
                          {"made_up", t.attacks.made_up},
                          {"forged_answers", t.attacks.answers},
                          {"forged_errors", t.attacks.errors},
                          {"beacons", t.attacks.beacons},
                          {"connections", t.attacks.pestered}}},
                        {"events_per_second", t.events_per_second()},
                        {"broken", nullptr}};
  for (std::size_t i = 0; i < kFaultNames.size(); ++i) out["faults"][kFaultNames.at(i)] = t.share(i);
  out["rare_faults"] = nlohmann::json::array();
  for (const std::size_t i : t.rare_faults()) out["rare_faults"].push_back(kFaultNames.at(i));
  if (r.broken)
    out["broken"] = {{"seed", r.broken->seed},
                     {"at_seconds", static_cast<double>(r.broken->at.count()) * 1e-9},
                     {"what", r.broken->what}};
  fmt::print("{}\n", out.dump());
}

int campaign(const Arguments& a) {
  const auto data = flagfall::sim::serve_sample_zone();
  const bool terminal = isatty(STDERR_FILENO) == 1;
  // First: whoever ends this process leaves the seeds behind.
  fmt::print("seeds from {} on\n", a.campaign.from);
  (void)std::fflush(stdout);
  flagfall::sim::name_seeds_of_crashes();
  const CampaignResult r = run_campaign(a.campaign, data, [&](const CampaignTotals& t) {
    if (terminal)
      fmt::print(stderr, "\r{} of {} worlds, {:.0f} events a second and core ", t.worlds, a.campaign.seeds,
                 t.events_per_second());
  });
  if (terminal) fmt::print(stderr, "\r\033[K");
  if (r.broken) print_broken(*r.broken);
  // Worlds after the broken one may or may not have been played: their sums would differ from run to run.
  if (!r.broken) print_totals(r);
  if (a.json) print_json(r);
  return r.broken ? 1 : 0;
}

/// One world, and at wish all that happens in it.
int replay(const Arguments& a, std::uint64_t seed) {
  const auto data = flagfall::sim::serve_sample_zone();
  flagfall::sim::ScenarioOptions world = a.campaign.world;
  world.seed = seed;
  world.text = a.trace;
  const Outcome o = play(world, data);
  (void)std::fwrite(o.trace.data(), 1, o.trace.size(), stdout);
  fmt::print("seed {}: digest {:016x}, {} events\n", seed, o.digest, o.events);
  if (o.broken) print_broken({seed, *o.broken, o.at});
  return o.broken ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    CLI::App app("Plays random worlds with the daemons' own cores, and stops at the first broken promise.");
    Arguments a;
    CampaignOptions& c = a.campaign;
    c.jobs = std::max(std::thread::hardware_concurrency(), 1U);
    double minutes = 0;
    double seconds = static_cast<double>(c.world.length.count()) * 1e-9;
    app.add_option("--seeds", c.seeds, "How many worlds")
        ->capture_default_str()
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}));
    auto* const from = app.add_option("--from", c.from, "The first seed")->capture_default_str();
    const auto any = [&](std::int64_t /*times*/) {
      c.from = flagfall::SystemRandom().next() % 1'000'000'000;
    };
    auto* const fresh =
        app.add_flag_function("--new", any, "Seeds that were hardly ever played")->excludes(from);
    app.add_option("--minutes", minutes, "Begin no world after so long (0: play all seeds)")
        ->check(CLI::Range(0.0, 1e6));
    app.add_option("--jobs", c.jobs, "How many worlds at a time")
        ->check(CLI::Range(1, 1024))
        ->default_str("one a core");
    app.add_option("--seconds", seconds, "How long a world lasts")
        ->capture_default_str()
        ->check(CLI::Range(10.0, 86'400.0));
    app.add_option("--queries", c.world.queries, "How many queries its clients ask")
        ->capture_default_str()
        ->check(CLI::Range(1, 1'000'000));
    auto* const seed =
        app.add_option("--seed", a.seed, "This one world only")->excludes(from)->excludes(fresh);
    app.add_flag("--trace", a.trace, "Print everything that happens in it")->needs(seed);
    app.add_flag("--json", a.json, "End with one line of JSON")->excludes(seed);
    const auto others = app.get_options([&](const CLI::Option* o) { return o != app.get_help_ptr(); });
    auto* const schedules =
        app.add_flag("--schedules", a.schedules, "Print when the modelled resolvers ask again, as JSON");
    for (CLI::Option* const other : others) schedules->excludes(other);
    CLI11_PARSE(app, argc, argv);
    if (a.schedules) {
      fmt::print("{}", flagfall::sim::schedules_json());
      return 0;
    }
    c.world.length = flagfall::Nanos(std::llround(seconds * 1e9));
    c.budget = flagfall::Nanos(std::llround(minutes * 60e9));
    return a.seed ? replay(a, *a.seed) : campaign(a);
  } catch (const std::exception& e) {
    fmt::print(stderr, "flagfall-campaign: {}\n", e.what());
    return 1;
  }
}
