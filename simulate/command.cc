#include "simulate/command.hh"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "simulate/report.hh"
#include "simulate/run.hh"
#include "simulate/svg.hh"
#include "simulate/words.hh"
#include "simulate/world.hh"

namespace flagfall::simulate {
namespace {

int fail(const std::string& text, int status = 1) {
  std::cerr << "flagfall simulate: " << text << '\n';
  return status;
}

/// What this process has had of memory at most, MiB.
double peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;  // Linux: KiB
}

Result<Outcome> play(const Latencies& world, const Options& options, const std::string& what) {
  if (isatty(STDERR_FILENO) != 1) return run(world, options);
  auto out = run(world, options, [&](double share) {
    std::cerr << fmt::format("\rflagfall simulate: {}{:.0f} % ", what, 100 * share) << std::flush;
  });
  std::cerr << "\r\x1b[K" << std::flush;
  return out;
}

/// The same requests with other delays, and with other errors of clocks.
Result<std::vector<Effect>> play_effects(const Latencies& world, const Words& words) {
  std::vector<Effect> out;
  const auto also = [&](const char* option, const std::string& value, const Options& options) -> Status {
    auto one = play(world, options, fmt::format("{} {}: ", option, value));
    if (!one) return Error{one.error()};
    out.push_back({option, value, std::move(*one)});
    return Ok{};
  };
  for (std::size_t i = 0; i < words.also_delays.size(); ++i) {
    Options options = words.options;
    options.delay = words.also_delays[i];
    if (const Status s = also("delays", words.delays[i], options); !s) return Error{s.error()};
  }
  for (std::size_t i = 0; i < words.also_clock_errors.size(); ++i) {
    Options options = words.options;
    options.clock_error = words.also_clock_errors[i];
    if (const Status s = also("clock-errors", words.clock_errors[i], options); !s) return Error{s.error()};
  }
  return out;
}

int run_command(Words& words) {
  if (const Status good = read_options(words); !good) return fail(good.error(), 2);
  const auto world = make_world(words);
  if (!world) return fail(world.error());
  std::ofstream picture;  // opened before minutes are played
  if (!words.svg.empty()) {
    picture.open(words.svg, std::ios::binary | std::ios::trunc);
    if (!picture) return fail(words.svg + ": cannot be written");
  }
  const auto began = std::chrono::steady_clock::now();
  const auto outcome = play(**world, words.options, "");
  if (!outcome) return fail(outcome.error(), 2);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  const double events_per_second = static_cast<double>(outcome->events) / seconds;
  const double requests_per_second = static_cast<double>(outcome->requests) / seconds;
  const auto effects = play_effects(**world, words);
  if (!effects) return fail(effects.error(), 2);
  if (words.json) {
    nlohmann::json out = to_json(*outcome, words.options);
    out["seconds"] = seconds;
    out["events_per_second"] = events_per_second;
    out["requests_per_second"] = requests_per_second;
    out["peak_memory_mib"] = peak_memory();
    for (const Effect& e : *effects)
      out["effects"][e.option + ' ' + e.value] = to_json(e.outcome, words.options);
    std::cout << out.dump(-1, ' ', true) << '\n';
  } else {
    std::cout << to_text(*outcome, words.options);
    if (!effects->empty()) std::cout << '\n' << effect_text(*outcome, *effects);
    std::cerr << fmt::format("{:.1f} s, {:.0f} requests and {:.0f} events a second, {:.0f} MiB of memory\n",
                             seconds, requests_per_second, events_per_second, peak_memory());
  }
  std::cout.flush();
  if (!std::cout) return fail("the output cannot be written");
  if (words.svg.empty()) return 0;
  picture << svg(*outcome, *effects);
  picture.close();
  return picture ? 0 : fail(words.svg + ": cannot be written");
}

}  // namespace

void add_simulate(CLI::App& app, int& status) {
  CLI::App* sim =
      app.add_subcommand("simulate", "What users would get, with these sites, clients and settings");
  const auto words = std::make_shared<Words>();
  Words& w = *words;
  Options& o = w.options;
  auto* const matrix =
      sim->add_option("--matrix", w.matrix,
                      "Round trips, ms: a row a client place, a column a site; more files: later")
          ->type_name("FILE");
  auto* const places =
      sim->add_option("--places", w.places, "Coordinates of sites and clients")->type_name("FILE");
  sim->add_option("--random-places", w.invented, "Invented ones: 1000x25000 sites and client places")
      ->type_name("SITESxPLACES")
      ->excludes(matrix)
      ->excludes(places);
  auto* const site = sim->add_option("--site", w.site_names, "A column that is a site; otherwise some by lot")
                         ->type_name("NAME")
                         ->needs(matrix);
  sim->add_option("--sites", w.sites, "How many by lot")
      ->needs(matrix)
      ->excludes(site)
      ->check(CLI::Range(std::size_t{1}, kMostSites))
      ->capture_default_str();
  sim->add_option("--policy", w.policies, "In order of preference: race, ping, geo, round-robin")
      ->delimiter(',');
  sim->add_option("--delay", w.delay, "Of a race: auto, or a time")->capture_default_str();
  sim->add_option("--nearest", o.nearest, "Of auto: so many sites are on time; 0: all")
      ->check(CLI::Range(std::size_t{0}, director::kMostServers))
      ->capture_default_str();
  sim->add_option("--most-delay", w.at_most, "Of auto: no longer")->capture_default_str();
  sim->add_option("--delays", w.delays, "Show the effect of these delays, too")->delimiter(',');
  sim->add_option("--clock-error", w.clock_error, "Slaves' clocks, either way")->capture_default_str();
  sim->add_option("--clock-errors", w.clock_errors, "Show the effect of these, too")->delimiter(',');
  sim->add_option("--requests", o.requests, "In all")
      ->check(CLI::Range(1ULL, 1'000'000'000ULL))
      ->capture_default_str();
  sim->add_option("--period", w.period, "Of one slice of the matrix")->capture_default_str();
  sim->add_option("--rounds", o.rounds, "So often all slices come in turn")->check(CLI::Range(1, 1000));
  sim->add_option("--warm-up", w.warm_up, "Before it, it is not steady")->capture_default_str();
  sim->add_option("--networks", o.population.networks, "Client networks (/24) of each place")
      ->check(CLI::Range(1U, kMostNetworks))
      ->capture_default_str();
  sim->add_option("--places-per-16", o.population.places_per_16, "Places that share a /16")
      ->check(CLI::Range(1U, kMostNetworks))
      ->capture_default_str();
  sim->add_option("--resolvers", o.population.resolvers, "Addresses that ask, in a network")
      ->check(CLI::Range(1U, kMostResolvers))
      ->capture_default_str();
  sim->add_option("--zipf", o.population.zipf, "Exponent of the networks' popularity")
      ->check(CLI::Range(0.0, 3.0))
      ->capture_default_str();
  sim->add_option("--sample", o.sample, "Share of bound requests that is raced again")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  sim->add_option("--verdicts", o.book.verdicts, "Agreeing verdicts that bind")->check(CLI::Range(1, 16));
  sim->add_option("--remember", w.remember, "Evidence that is older is forgotten (default 1h)");
  sim->add_option("--coarsest", o.book.coarsest_v4, "Length of the coarsest IPv4 cluster")
      ->check(CLI::Range(0, 24))
      ->capture_default_str();
  sim->add_option("--max-slaves", o.max_slaves, "In one race")
      ->check(CLI::Range(1, 16))
      ->capture_default_str();
  sim->add_option("--mute", o.mute, "Share of resolvers that never tell of closed ports")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  sim->add_option("--told", o.told, "Share of the others' races that are told of")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  sim->add_option("--jitter", o.jitter, "Mean jitter of a packet's way, as a share of it")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  sim->add_option("--seed", o.seed, "The same seed, the same figures")->capture_default_str();
  sim->add_flag("--json", w.json, "One JSON object, nothing else");
  sim->add_option("--svg", w.svg, "Distributions and course of time as a picture, too")->type_name("FILE");
  sim->callback([words, &status] { status = run_command(*words); });
}

}  // namespace flagfall::simulate
