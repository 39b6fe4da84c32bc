#include "simulate/command.hh"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "common/config/types.hh"
#include "simulate/report.hh"
#include "simulate/run.hh"
#include "simulate/svg.hh"

namespace flagfall::simulate {
namespace {

struct Words {
  std::vector<std::string> matrix;
  std::string places;
  std::string invented;
  std::vector<std::string> site_names;
  std::size_t sites = 10;
  std::vector<std::string> policies{"race"};
  std::string delay = "auto";
  std::string at_most = "150ms";
  std::string period = "1h";
  std::string warm_up = "1h";
  std::vector<std::string> delays, clock_errors;
  std::string clock_error = "0.3ms";
  std::string remember;
  bool json = false;
  std::string svg;
  Options options;
};

int fail(const std::string& text, int status = 1) {
  std::cerr << "flagfall simulate: " << text << '\n';
  return status;
}

Result<std::vector<std::size_t>> choose_sites(const Words& words, const Matrix& matrix) {
  std::vector<std::size_t> out;
  for (const std::string& name : words.site_names) {
    const auto at = std::ranges::find(matrix.columns, name);
    if (at == matrix.columns.end())
      return Error{fmt::format("--site {}: the matrix has no such column", name)};
    const auto column = static_cast<std::size_t>(at - matrix.columns.begin());
    if (std::ranges::find(out, column) == out.end()) out.push_back(column);
  }
  if (!out.empty()) return out;
  out.resize(matrix.columns.size());
  std::iota(out.begin(), out.end(), std::size_t{0});
  // Of a matrix of sites by clients all columns are sites; of one of all by all, so many by lot.
  if (matrix.rows != matrix.columns) return out;
  SeededRandom lots(words.options.seed ^ 0x5173'5000U);
  const std::size_t many = std::min(words.sites, out.size() - 1);
  for (std::size_t i = 0; i < many; ++i) std::swap(out[i], out[i + lots.next() % (out.size() - i)]);
  out.resize(many);
  return out;
}

/// A count from 1 to `most`; 0: it is none.
std::size_t count_of(std::string_view text, std::size_t most) {
  std::size_t value = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && at == text.data() + text.size() && value <= most ? value : 0;
}

Result<Places> invent(const Words& words) {
  const std::string_view text = words.invented;
  const auto x = text.find('x');
  const std::size_t sites = count_of(text.substr(0, x), kMostSites);
  const std::size_t clients = x == std::string_view::npos ? 0 : count_of(text.substr(x + 1), kMostPlaces);
  if (sites == 0 || clients == 0)
    return Error{fmt::format("--random-places {}: write SITESxPLACES, such as 1000x25000", text)};
  SeededRandom lots(words.options.seed ^ 0x91ace5U);
  return random_places(sites, clients, lots);
}

Result<std::unique_ptr<Latencies>> make_world(const Words& words) {
  std::optional<Places> places;
  if (!words.places.empty()) {
    auto read = load_places(words.places);
    if (!read) return Error{read.error()};
    places = std::move(*read);
  }
  if (!words.matrix.empty()) {
    auto matrix = load_matrix(words.matrix);
    if (!matrix) return Error{matrix.error()};
    const auto sites = choose_sites(words, *matrix);
    if (!sites) return Error{sites.error()};
    return of_matrix(std::move(*matrix), *sites, places ? &*places : nullptr);
  }
  if (!words.invented.empty()) {
    auto some = invent(words);
    if (!some) return Error{some.error()};
    places = std::move(*some);
  }
  if (!places) return Error{"write where sites and clients are: --matrix, --places or --random-places"};
  return of_places(std::move(*places), {.seed = words.options.seed});
}

Result<Nanos> duration(const std::string& option, const std::string& text) {
  const auto value = config::parse_duration(text);
  if (!value || *value < Nanos(0) || *value > std::chrono::hours(24 * 365))
    return Error{fmt::format("{} {}: a time such as 25ms, 10s or 1h", option, text)};
  return *value;
}

Status read_options(Words& words) {
  Options& o = words.options;
  const auto set = [&](const char* option, const std::string& text, Nanos& out) -> Status {
    const auto value = duration(option, text);
    if (!value) return Error{value.error()};
    out = *value;
    return Ok{};
  };
  if (Status s = set("--period", words.period, o.period); !s) return s;
  if (o.period <= Nanos(0)) return Error{"--period: longer than nothing"};
  if (Status s = set("--warm-up", words.warm_up, o.warm_up); !s) return s;
  if (Status s = set("--most-delay", words.at_most, o.most_delay); !s) return s;
  if (Status s = set("--clock-error", words.clock_error, o.clock_error); !s) return s;
  if (!words.remember.empty())
    if (Status s = set("--remember", words.remember, o.book.remember); !s) return s;
  if (words.delay != "auto") {
    const auto value = duration("--delay", words.delay);
    if (!value) return Error{value.error()};
    o.delay = *value;
  }
  o.policies.clear();
  for (const std::string& name : words.policies) {
    const auto* const at = std::ranges::find(director::kPolicyNames, name);
    const auto policy = static_cast<director::Policy>(at - director::kPolicyNames.begin());
    using director::Policy;
    if (at == director::kPolicyNames.end() || (policy != Policy::race && policy != Policy::ping &&
                                               policy != Policy::geo && policy != Policy::round_robin))
      return Error{fmt::format("--policy {}: there are race, ping, geo and round-robin", name)};
    o.policies.push_back(policy);
  }
  return Ok{};
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

int run_command(Words& words) {
  if (const Status good = read_options(words); !good) return fail(good.error(), 2);
  auto world = make_world(words);
  if (!world) return fail(world.error());
  const auto began = std::chrono::steady_clock::now();
  auto outcome = play(**world, words.options, "");
  if (!outcome) return fail(outcome.error(), 2);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  const double events_per_second = static_cast<double>(outcome->events) / seconds;
  const double requests_per_second = static_cast<double>(outcome->requests) / seconds;
  std::vector<Named> effects;
  const auto also = [&](const std::vector<std::string>& values, const char* option, auto change) -> Status {
    for (const std::string& text : values) {
      const auto value = duration(option, text);
      if (!value) return Error{value.error()};
      Options options = words.options;
      change(options, *value);
      const std::string what = fmt::format("{} {}", option + 2, text);
      auto one = play(**world, options, what + ": ");
      if (!one) return Error{one.error()};
      effects.push_back({what, std::move(*one)});
    }
    return Ok{};
  };
  if (const Status s = also(words.delays, "--delays", [](Options& o, Nanos v) { o.delay = v; }); !s)
    return fail(s.error(), 2);
  if (const Status s =
          also(words.clock_errors, "--clock-errors", [](Options& o, Nanos v) { o.clock_error = v; });
      !s)
    return fail(s.error(), 2);
  if (!words.svg.empty()) {
    std::ofstream file(words.svg, std::ios::binary | std::ios::trunc);
    file << svg(*outcome);
    file.close();
    if (!file) return fail(words.svg + ": cannot be written");
  }
  if (words.json) {
    nlohmann::json out = to_json(*outcome, words.options);
    out["seconds"] = seconds;
    out["events_per_second"] = events_per_second;
    out["requests_per_second"] = requests_per_second;
    out["peak_memory_mib"] = peak_memory();
    for (const auto& [what, one] : effects) out["effects"][what] = to_json(one, words.options);
    std::cout << out.dump(-1, ' ', true) << '\n';
  } else {
    std::cout << to_text(*outcome, words.options);
    if (!effects.empty()) {
      effects.insert(effects.begin(), {"as above", std::move(*outcome)});
      std::cout << '\n' << effect_text(effects);
    }
    std::cerr << fmt::format("{:.1f} s, {:.0f} requests and {:.0f} events a second, {:.0f} MiB of memory\n",
                             seconds, requests_per_second, events_per_second, peak_memory());
  }
  std::cout.flush();
  return std::cout ? 0 : fail("the output cannot be written");
}

}  // namespace

void add_simulate(CLI::App& app, int& status) {
  CLI::App* sim =
      app.add_subcommand("simulate", "What users would get, with these sites, clients and settings");
  const auto words = std::make_shared<Words>();
  Words& w = *words;
  Options& o = w.options;
  sim->add_option("--matrix", w.matrix,
                  "Round trips, ms: a row a client place, a column a site; more files: later")
      ->type_name("FILE");
  sim->add_option("--places", w.places, "Coordinates of sites and clients")->type_name("FILE");
  sim->add_option("--random-places", w.invented, "Invented ones: 1000x25000 sites and client places")
      ->type_name("SITESxPLACES");
  sim->add_option("--site", w.site_names, "A column that is a site; otherwise some by lot")
      ->type_name("NAME");
  sim->add_option("--sites", w.sites, "How many by lot")->check(CLI::Range(1, 4096))->capture_default_str();
  sim->add_option("--policy", w.policies, "In order of preference: race, ping, geo, round-robin")
      ->delimiter(',');
  sim->add_option("--delay", w.delay, "Of a race: auto, or a time")->capture_default_str();
  sim->add_option("--nearest", o.nearest, "Of auto: so many sites are on time; 0: all")
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
      ->capture_default_str();
  sim->add_option("--places-per-16", o.population.places_per_16, "Places that share a /16")
      ->capture_default_str();
  sim->add_option("--resolvers", o.population.resolvers, "Addresses that ask, in a network")
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
