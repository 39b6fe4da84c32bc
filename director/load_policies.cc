#include "director/load_policies.hh"

#include <bit>
#include <cassert>
#include <cmath>
#include <utility>
#include <vector>

namespace flagfall::director {
namespace {

std::vector<ServerIndex> servers_of(ServerMask mask) {
  std::vector<ServerIndex> out;
  for (; mask != 0; mask &= mask - 1) out.push_back(static_cast<ServerIndex>(std::countr_zero(mask)));
  return out;
}

/// More is better.
double merit(Policy policy, const ServerLoad& load) {
  switch (policy) {
    case Policy::least_connections:
      return -load.open_connections;
    case Policy::most_free_memory:
      return load.free_memory;
    case Policy::most_free_swap:
      return load.free_swap;
    case Policy::most_idle_cpu:
      return load.cpu_idle;
    case Policy::race:
    case Policy::ping:
    case Policy::tcp_rtt:
    case Policy::tcp_rate:
    case Policy::round_robin:
    case Policy::weighted:
    case Policy::fixed:
    case Policy::geo:
    case Policy::composite:
      break;
  }
  assert(false && "not a policy of load reports");
  return 0;
}

/// What a near tie may lie behind the best: a share of its figure, and one connection, so that 0 and 1 are
/// alike.
double slack(Policy policy, double best, double near) {
  const double share = std::abs(best) * near;
  return policy == Policy::least_connections ? std::max(share, 1.0) : share;
}

}  // namespace

Choice choose_by_load(Policy policy, ServerMask fit, std::span<const std::optional<ServerLoad>> loads,
                      const LoadOptions& options, MonoTime now, Random& random) {
  std::vector<std::pair<double, ServerIndex>> known;
  std::vector<ServerIndex> unknown;
  for (const ServerIndex server : servers_of(fit)) {
    const ServerLoad* const load =
        server < loads.size() ? fresh_load(loads[server], options.fresh, now) : nullptr;
    if (load != nullptr)
      known.emplace_back(merit(policy, *load), server);
    else
      unknown.push_back(server);
  }
  Choice out;
  if (known.empty()) return out;
  std::ranges::stable_sort(known, [](const auto& a, const auto& b) { return a.first > b.first; });
  const double least = known.front().first - slack(policy, known.front().first, options.near);
  std::vector<Share> group;
  for (const auto& [figure, server] : known)
    if (figure >= least) group.push_back({server, 1});
  out.deal(group, random);
  for (const auto& [figure, server] : known) out.then(server);
  for (const ServerIndex server : unknown) out.then(server);
  return out;
}

Choice choose_weighted(ServerMask fit, std::span<const double> weights, Random& random) {
  const std::vector<ServerIndex> servers = servers_of(fit);
  std::vector<Share> shares;
  bool any = false;
  for (const ServerIndex server : servers) {
    shares.push_back({server, server < weights.size() ? weights[server] : 1});
    any = any || shares.back().part > 0;
  }
  if (!any)
    for (Share& share : shares) share.part = 1;
  Choice out;
  out.deal(shares, random);
  for (const ServerIndex server : servers) out.then(server);
  return out;
}

Choice choose_in_turn(ServerMask fit, std::uint64_t turn) {
  const std::vector<ServerIndex> servers = servers_of(fit);
  Choice out;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const ServerIndex server = servers[(turn % servers.size() + i) % servers.size()];
    out.then(server);
  }
  for (const ServerIndex server : out.order.all()) out.weight.at(server) = 1;
  out.order.group = out.order.count;
  return out;
}

}  // namespace flagfall::director
