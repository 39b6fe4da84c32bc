#include "director/composite.hh"

#include <algorithm>
#include <cmath>
#include <vector>

namespace flagfall::director {
namespace {

using Group = std::vector<ServerIndex>;

/// Sites by their best paths, cut where one is more than `fuzz` longer than its group's first.
std::vector<Group> groups_of(std::span<const Path> paths, std::span<const CompositeServer> servers,
                             ServerMask fit, double fuzz, CompositeChoice& out) {
  std::vector<Group> groups;
  std::vector<bool> seen;
  double most = 0;
  for (const Path& path : paths) {
    if (path.site >= seen.size()) seen.resize(path.site + std::size_t{1});
    if (seen[path.site]) continue;  // it has a better border
    seen[path.site] = true;
    Group here;
    for (std::size_t i = 0; i < std::min(servers.size(), kMostServers); ++i) {
      const auto server = static_cast<ServerIndex>(i);
      if (servers[i].site != path.site || (fit & bit(server)) == 0) continue;
      here.push_back(server);
      out.border.at(server) = path.border;
    }
    if (here.empty()) continue;
    if (groups.empty() || path.metric > most) {
      groups.emplace_back();
      most = path.metric * (1 + fuzz);
    }
    groups.back().insert(groups.back().end(), here.begin(), here.end());
  }
  return groups;
}

std::vector<Share> spare(const Group& group, std::span<const CompositeServer> servers) {
  double busiest = 0;
  for (const ServerIndex server : group) busiest = std::max(busiest, servers[server].busy.value_or(0));
  std::vector<Share> out;
  for (const ServerIndex server : group) {
    const double busy = servers[server].busy.value_or(busiest);
    out.push_back({server, servers[server].capacity * std::clamp(1 - busy, 0.0, 1.0)});
  }
  return out;
}

bool any(const std::vector<Share>& shares) {
  return std::ranges::any_of(shares, [](const Share& share) { return share.part > 0; });
}

double most_of(const std::vector<Share>& shares) {
  double most = 0;
  for (const Share& share : shares) most = std::max(most, share.part);
  return most;
}

}  // namespace

std::array<std::uint32_t, kMostServers> spare_weights(std::span<const CompositeServer> servers,
                                                      ServerMask fit) {
  double busiest = 0;
  for (const CompositeServer& server : servers)
    if (server.busy && *server.busy < 1) busiest = std::max(busiest, *server.busy);
  std::vector<Share> shares;
  for (std::size_t i = 0; i < std::min(servers.size(), kMostServers); ++i)
    if (const auto server = static_cast<ServerIndex>(i); (fit & bit(server)) != 0)
      shares.push_back(
          {server, servers[i].capacity * std::clamp(1 - servers[i].busy.value_or(busiest), 0.0, 1.0)});
  if (!any(shares))
    for (Share& share : shares) share.part = servers[share.server].capacity;
  std::array<std::uint32_t, kMostServers> out{};
  const double most = most_of(shares);
  for (const Share& share : shares)
    if (share.part > 0)
      out.at(share.server) =
          std::max(1U, static_cast<std::uint32_t>(std::lround(share.part / most * Choice::kMostWeight)));
  return out;
}

CompositeChoice choose_composite(std::span<const Path> paths, std::span<const CompositeServer> servers,
                                 ServerMask fit, double fuzz, Random& random) {
  CompositeChoice out;
  const std::vector<Group> groups = groups_of(paths, servers, fit, fuzz, out);
  if (groups.empty()) return out;
  Group busy;
  for (const Group& group : groups) {
    const std::vector<Share> shares = spare(group, servers);
    if (out.choice.order.empty() && any(shares)) out.choice.deal(shares, random);
    // Also those of the group that a draw of eight has left out.
    for (const Share& share : shares) {
      if (share.part > 0)
        out.choice.then(share.server);
      else
        busy.push_back(share.server);
    }
  }
  if (out.choice.order.empty()) {
    out.all_busy = true;
    std::vector<Share> shares;
    for (const ServerIndex server : groups.front()) shares.push_back({server, servers[server].capacity});
    if (!any(shares))
      for (Share& share : shares) share.part = 1;
    out.choice.deal(shares, random);
  }
  for (const ServerIndex server : busy) out.choice.then(server);
  return out;
}

}  // namespace flagfall::director
