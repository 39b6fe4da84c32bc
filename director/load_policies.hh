// The policies that look at the servers and not at the client: by load reports, by turns, by weights. Pure:
// reports, the servers that are fit and `now` come in, a choice goes out. Who answers deals requests within
// its group. Any thread.
#pragma once

#include <optional>
#include <span>

#include "director/capacity.hh"
#include "director/choice.hh"
#include "director/policy.hh"

namespace flagfall::director {

struct LoadOptions {
  /// A report counts for so long. Reports come every two seconds; four may be lost.
  Nanos fresh = std::chrono::seconds(10);
  /// Servers within this share of the best are as good: the reports are seconds old, and everybody goes where
  /// they point until the next ones.
  double near = 0.1;
};

/// Servers by what they report: fewest connections, or most free memory or swap, or most idle processors
/// (`policy` is one of those). The best and its near ties are the group, all alike. Servers without a fresh
/// report come last, after the ones that are known to be worse. Empty when none has one. `loads`: by server;
/// servers beyond its end are unknown.
Choice choose_by_load(Policy policy, ServerMask fit, std::span<const std::optional<ServerLoad>> loads,
                      const LoadOptions& options, MonoTime now, Random& random);

/// All that are fit, in proportion to their weights (0: only when all others are down). `weights`: by server,
/// finite, 0 at least; missing ones are 1.
Choice choose_weighted(ServerMask fit, std::span<const double> weights, Random& random);

/// All that are fit, alike, in an order that begins with another at each `turn`: who answers one request with
/// this takes the first; who deals many takes the whole group.
Choice choose_in_turn(ServerMask fit, std::uint64_t turn);

}  // namespace flagfall::director
