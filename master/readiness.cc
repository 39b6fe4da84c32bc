#include "master/readiness.hh"

#include <fmt/format.h>

#include <algorithm>

namespace flagfall::master {
namespace {

bool is_udp(const ServiceConfig& service) {
  return !service.udp.listen.empty();
}

/// Somebody other than the zone.
bool answers(const ServiceConfig& service, const RacedService& now, bool directed) {
  if (is_udp(service)) return !now.alone.empty();
  return directed ? !now.nobody_fit : !now.v4.empty() || !now.v6.empty();
}

}  // namespace

Readiness readiness(const Config& config, const Snapshot& published, const DirectorDesk& desk,
                    const SnapshotBuilder& builder, const std::vector<const SlaveState*>& slaves,
                    const std::vector<bool>& delegated) {
  Readiness out;
  std::size_t needing = 0;
  for (std::size_t s = 0; s < config.services.size() && s < published.services.size(); ++s) {
    const ServiceConfig& service = config.services[s];
    const RacedService& now = published.services[s];
    if (service.mode == ServiceConfig::Mode::shadow || delegated.at(s)) continue;
    ++needing;
    const bool directed = desk.of(s) != nullptr;
    if (answers(service, now, directed)) continue;
    std::vector<std::string> why;
    for (const SlaveConfig& slave : service.slaves) {
      const auto state = std::ranges::find(slaves, slave.name, &SlaveState::name);
      std::string because = directed ? desk.why_not(slave.name) : std::string();
      if (because.empty() && (!directed || is_udp(service)))
        because = state == slaves.end() ? "has not connected" : builder.why_not(**state, service);
      why.push_back(slave.name + " " + (because.empty() ? "can answer nothing" : because));
    }
    out.ready = false;
    out.lines.push_back(fmt::format("service {} has no fit slave: {}", service.name, fmt::join(why, "; ")));
  }
  if (out.ready) out.lines.push_back(fmt::format("ready: {} services have fit slaves", needing));
  return out;
}

}  // namespace flagfall::master
