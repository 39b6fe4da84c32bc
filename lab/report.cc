#include "lab/report.hh"

#include <spdlog/fmt/fmt.h>

#include <nlohmann/json.hpp>

namespace flagfall::lab {

namespace {

double micros(Nanos ns) {
  return static_cast<double>(ns.count()) / 1000;
}

}  // namespace

std::string report_text(const ForwarderStats& stats) {
  std::string out = fmt::format("packets: {} entered, {} delivered\n", stats.entered, stats.delivered);
  std::string drops;
  for (std::size_t i = 0; i < kDropReasons; ++i)
    if (stats.drops[i] != 0)
      drops +=
          fmt::format("{}{} {}", drops.empty() ? "" : ", ", stats.drops[i], name_of(static_cast<Drop>(i)));
  out += "dropped: " + (drops.empty() ? "none" : drops) + "\n";
  out += fmt::format("late by: p50 {:.1f} us, p99 {:.1f} us, max {:.1f} us\n",
                     micros(stats.excess.quantile(0.5)), micros(stats.excess.quantile(0.99)),
                     micros(stats.excess.max()));
  return out;
}

std::string report_json(const ForwarderStats& stats, std::size_t under_way, const Network& network,
                        const Topology& topology) {
  nlohmann::json drops = nlohmann::json::object();
  for (std::size_t i = 0; i < kDropReasons; ++i)
    drops[std::string(name_of(static_cast<Drop>(i)))] = stats.drops[i];
  nlohmann::json links = nlohmann::json::array();
  for (HostId from = 0; from < network.hosts(); ++from)
    for (HostId to = 0; to < network.hosts(); ++to) {
      const Network::PairCount& count = network.count(from, to);
      if (count.packets == 0) continue;
      links.push_back({{"from", topology.hosts[from].name},
                       {"to", topology.hosts[to].name},
                       {"packets", count.packets},
                       {"lost", count.lost},
                       {"reordered", count.reordered}});
    }
  const nlohmann::json report = {{"lab", topology.lab},
                                 {"entered", stats.entered},
                                 {"delivered", stats.delivered},
                                 {"under_way", under_way},
                                 {"drops", drops},
                                 {"excess_us",
                                  {{"p50", micros(stats.excess.quantile(0.5))},
                                   {"p99", micros(stats.excess.quantile(0.99))},
                                   {"max", micros(stats.excess.max())}}},
                                 {"links", links}};
  return report.dump();
}

}  // namespace flagfall::lab
