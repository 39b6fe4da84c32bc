// What a simulation is told, and what it found. Values only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.hh"
#include "director/service_director.hh"
#include "simulate/population.hh"
#include "simulate/spread.hh"

namespace flagfall::simulate {

struct Options {
  std::uint64_t seed = 1;
  PopulationOptions population;
  std::uint64_t requests = 2'000'000;
  Nanos period = std::chrono::hours(1);  // of one slice
  unsigned rounds = 1;                   // so often all slices come in turn
  std::vector<director::Policy> policies{director::Policy::race};
  director::BookOptions book;
  double sample = director::ServiceOptions().sample;
  unsigned max_slaves = 8;     // the master's default
  double teach = 0.1;          // the master's default
  std::optional<Nanos> delay;  // none: chosen (delay_for)
  unsigned nearest = 0;        // then so many sites of a service must be on time; 0: all
  Nanos most_delay = std::chrono::milliseconds(150);   // and never more
  Nanos clock_error = std::chrono::microseconds(300);  // of a slave's instant, either way
  double jitter = 0.02;                   // of each packet's way: exponential, its mean as a share of the way
  double mute = 0.1;                      // resolvers whose host tells nothing of closed ports
  double told = 0.9;                      // of the others' races: the errors are made and arrive
  Nanos warm_up = std::chrono::hours(1);  // before it, it is not steady
};

/// To the oracle's. None: there were no requests, or they took it no time.
inline std::optional<double> ratio_of(double ms, double oracle) {
  return oracle > 0 ? std::optional(ms / oracle) : std::nullopt;
}

/// One way of choosing, over all requests.
struct Choosing {
  std::string name;
  Spread ms;
};

struct SliceFigures {
  double requests = 0, races = 0;
  double all_ms = 0, all_oracle = 0;      // sums
  double bound_ms = 0, bound_oracle = 0;  // of bound requests

  [[nodiscard]] std::optional<double> ratio() const { return ratio_of(bound_ms, bound_oracle); }
  [[nodiscard]] std::optional<double> ratio_all() const { return ratio_of(all_ms, all_oracle); }
};

struct Outcome {
  std::uint64_t requests = 0, races = 0, steady_requests = 0, steady_races = 0;
  std::uint64_t bound = 0;    // answered by what is known
  std::uint64_t unraced = 0;  // neither that nor raced: the guard refused, or nothing was to be raced
  std::uint64_t verdicts = 0, late_orders = 0;
  std::uint64_t orders = 0, answers = 0, errors = 0;  // packets of races
  std::uint64_t events = 0;
  Spread all, bound_only, oracle_of_bound, regret;
  std::vector<Choosing> others;  // the oracle first
  std::vector<SliceFigures> slices;
  std::uint64_t at_best = 0,
                near_best = 0;  // bound requests: the oracle's server; or within 10 % or 1 ms of it
  // By network that was bound: from its first request.
  Spread seconds_to_bind, races_to_bind;
  std::uint64_t networks = 0, networks_bound = 0;
  std::uint64_t rebound = 0, split = 0, merged = 0;
  std::uint64_t flaps = 0,
                flaps_worse = 0;  // changes of a bound network's server; to a slower one at that time
  std::size_t clusters = 0;
  std::size_t services = 0, sites = 0, places = 0;
  std::vector<Nanos> delays;  // by service
  std::string best_single;
  std::vector<std::string> site_names;
  double virtual_seconds = 0;

  [[nodiscard]] std::optional<double> ratio() const {
    return ratio_of(bound_only.sum(), oracle_of_bound.sum());
  }
  [[nodiscard]] std::optional<double> ratio_all() const {
    return ratio_of(all.mean(), others.front().ms.mean());
  }
  [[nodiscard]] double races_per_1000() const {
    return steady_requests == 0
               ? 0
               : 1000.0 * static_cast<double>(steady_races) / static_cast<double>(steady_requests);
  }
};

/// The outcome of the same requests with another value of one option.
struct Effect {
  std::string option, value;  // "delays", "25ms": as it was asked for
  Outcome outcome;
};

}  // namespace flagfall::simulate
