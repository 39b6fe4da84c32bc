#include "simulate/report.hh"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/units.hh"
#include "tools/text_table.hh"

namespace flagfall::simulate {
namespace {

double per_1000(std::uint64_t n, std::uint64_t of) {
  return of == 0 ? 0 : 1000.0 * static_cast<double>(n) / static_cast<double>(of);
}

double share(std::uint64_t n, std::uint64_t of) {
  return of == 0 ? 0 : static_cast<double>(n) / static_cast<double>(of);
}

std::string words(const std::optional<double>& ratio) {
  return ratio ? fmt::format("{:.3f}", *ratio) : "-";
}

nlohmann::json json(const std::optional<double>& ratio) {
  return ratio ? nlohmann::json(*ratio) : nlohmann::json();
}

std::vector<std::string> row(const std::string& name, const Spread& s, double oracle) {
  if (s.count() <= 0) return {name, "-", "-", "-", "-", "-"};
  return {name,
          fmt::format("{:.2f}", s.mean()),
          fmt::format("{:.1f}", s.quantile(0.5)),
          fmt::format("{:.1f}", s.quantile(0.9)),
          fmt::format("{:.1f}", s.quantile(0.99)),
          words(ratio_of(s.mean(), oracle))};
}

std::pair<double, double> delays(const Outcome& o) {
  const auto [least, most] = std::ranges::minmax(o.delays);
  return {in_ms(least), in_ms(most)};
}

/// Answers and orders of races beyond the one answer that each request takes, and hosts' errors.
double extra_packets(const Outcome& o) {
  return o.requests == 0 ? 0
                         : static_cast<double>(o.orders + o.answers - o.races + o.errors) /
                               static_cast<double>(o.requests);
}

std::optional<double> worst_slice(const Outcome& o) {
  std::optional<double> worst;
  for (const SliceFigures& s : o.slices) worst = std::max(worst, s.ratio());  // none is less than any
  return worst;
}

nlohmann::json spread_json(const Spread& s) {
  return {{"mean", s.mean()},       {"p10", s.quantile(0.1)},  {"p50", s.quantile(0.5)},
          {"p90", s.quantile(0.9)}, {"p99", s.quantile(0.99)}, {"count", s.count()}};
}

}  // namespace

std::string to_text(const Outcome& o, const Options& options) {
  const double oracle = o.others.front().ms.mean();
  const auto [least, most] = delays(o);
  std::string out = fmt::format(
      "{} sites{}, {} client networks at {} places, {} requests in {:.1f} hours\n"
      "delay {}; clocks within {:g} ms; seed {}\n\n",
      o.sites, o.services > 1 ? fmt::format(" in {} services by region", o.services) : "",
      o.places * options.population.networks, o.places, o.requests, o.virtual_seconds / 3600,
      most > least ? fmt::format("{:.1f} to {:.1f} ms", least, most) : fmt::format("{:.1f} ms", least),
      in_ms(options.clock_error), options.seed);
  std::vector<std::vector<std::string>> table{
      {"latency, ms", ">mean", ">p50", ">p90", ">p99", ">of the oracle"}};
  table.push_back(row("flagfall, bound requests", o.bound_only, o.oracle_of_bound.mean()));
  table.push_back(row("flagfall, all, races' delay too", o.all, oracle));
  for (const Choosing& c : o.others)
    table.push_back(
        row(c.name == "best single site" ? c.name + " (" + o.best_single + ")" : c.name, c.ms, oracle));
  out += tools::text_table(table);
  const auto line = [&](const char* what, const std::string& figure) {
    out += fmt::format("{:<26}{}\n", what, figure);
  };
  out += '\n';
  line("regret of all, ms", fmt::format("mean {:.2f}, p99 {:.1f}", o.regret.mean(), o.regret.quantile(0.99)));
  line("worst slice, bound", words(worst_slice(o)) + " of the oracle");
  line("at the best server", fmt::format("{:.1f} % of bound requests; within 10 % or 1 ms {:.1f} %",
                                         100 * share(o.at_best, o.bound), 100 * share(o.near_best, o.bound)));
  line("races per 1,000",
       fmt::format("{:.1f} in all, {:.1f} in steady state (after {:g} h); {:.1f} neither raced nor bound",
                   per_1000(o.races, o.requests), o.races_per_1000(), in_s(options.warm_up) / 3600,
                   per_1000(o.unraced, o.requests)));
  line("verdicts", fmt::format("{:.1f} % of races; {:.2f} % of orders late", 100 * share(o.verdicts, o.races),
                               100 * share(o.late_orders, o.orders)));
  line("extra packets", fmt::format("{:.3f} a request", extra_packets(o)));
  line("time to bind",
       fmt::format("{} of {} networks; median {:.0f} s and {:.0f} races, p95 {:.0f} s and {:.0f}",
                   o.networks_bound, o.networks, o.seconds_to_bind.quantile(0.5),
                   o.races_to_bind.quantile(0.5), o.seconds_to_bind.quantile(0.95),
                   o.races_to_bind.quantile(0.95)));
  line("flaps", fmt::format("{} changes of a network's server, {} to a slower one", o.flaps, o.flaps_worse));
  line("clusters",
       fmt::format("{}; {} rebound, {} split, {} merged", o.clusters, o.rebound, o.split, o.merged));
  return out;
}

nlohmann::json to_json(const Outcome& o, const Options& options) {
  nlohmann::json others = nlohmann::json::object();
  for (const Choosing& c : o.others) others[c.name] = spread_json(c.ms);
  nlohmann::json slices = nlohmann::json::array();
  for (const SliceFigures& s : o.slices)
    slices.push_back({{"requests", s.requests},
                      {"races", s.races},
                      {"ratio", json(s.ratio())},
                      {"ratio_all", json(s.ratio_all())}});
  nlohmann::json delay_ms = nlohmann::json::array();
  for (const Nanos d : o.delays) delay_ms.push_back(in_ms(d));
  return {{"seed", options.seed},
          {"sites", o.sites},
          {"services", o.services},
          {"places", o.places},
          {"networks", o.networks},
          {"requests", o.requests},
          {"hours", o.virtual_seconds / 3600},
          {"delay_ms", delay_ms},
          {"clock_error_ms", in_ms(options.clock_error)},
          {"ratio", json(o.ratio())},
          {"ratio_all", json(o.ratio_all())},
          {"ratio_worst_slice", json(worst_slice(o))},
          {"races_per_1000", o.races_per_1000()},
          {"races_per_1000_all", per_1000(o.races, o.requests)},
          {"unraced", o.unraced},
          {"bound", spread_json(o.bound_only)},
          {"all", spread_json(o.all)},
          {"others", others},
          {"best_single", o.best_single},
          {"site_names", o.site_names},
          {"regret_ms", spread_json(o.regret)},
          {"at_best", share(o.at_best, o.bound)},
          {"near_best", share(o.near_best, o.bound)},
          {"verdicts", share(o.verdicts, o.races)},
          {"late_orders", share(o.late_orders, o.orders)},
          {"extra_packets", extra_packets(o)},
          {"networks_bound", o.networks_bound},
          {"seconds_to_bind", spread_json(o.seconds_to_bind)},
          {"races_to_bind", spread_json(o.races_to_bind)},
          {"flaps", o.flaps},
          {"flaps_worse", o.flaps_worse},
          {"clusters", o.clusters},
          {"rebound", o.rebound},
          {"split", o.split},
          {"merged", o.merged},
          {"slices", slices},
          {"events", o.events}};
}

std::string effect_text(const Outcome& outcome, const std::vector<Effect>& effects) {
  std::vector<std::vector<std::string>> table{{"effect of", ">bound", ">all", ">races per 1,000", ">verdicts",
                                               ">orders late", ">at the best", ">flaps"}};
  const auto line = [&](const std::string& what, const Outcome& o) {
    table.push_back({what, words(o.ratio()), words(o.ratio_all()), fmt::format("{:.1f}", o.races_per_1000()),
                     fmt::format("{:.0f} %", 100 * share(o.verdicts, o.races)),
                     fmt::format("{:.1f} %", 100 * share(o.late_orders, o.orders)),
                     fmt::format("{:.1f} %", 100 * share(o.at_best, o.bound)), std::to_string(o.flaps)});
  };
  line("as above", outcome);
  for (const Effect& e : effects) line(e.option + ' ' + e.value, e.outcome);
  return tools::text_table(table);
}

}  // namespace flagfall::simulate
