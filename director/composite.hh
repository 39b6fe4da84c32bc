// Policy "composite" of WO 98/26559 (§4.1, Fig. 5C): among the servers whose best path is within `fuzz` of
// the best of all, at random by what each has to spare; if all of those are busy, among the next such group.
// Pure; any thread.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "director/borders.hh"
#include "director/choice.hh"

namespace flagfall::director {

struct CompositeServer {
  SiteIndex site = 0;
  double capacity = 1;         // director::Capacity::weight
  std::optional<double> busy;  // director::busyness(): 1 and more has nothing to spare; absent: not known
  bool operator==(const CompositeServer&) const = default;
};

struct CompositeChoice {
  Choice choice;  // empty: no fit server has a path
  /// By server: the border that its answers shall leave by; only for those in the order.
  std::array<BorderIndex, kMostServers> border{};
  bool all_busy = false;  // nobody had anything to spare; the best group then shares by capacity
};

/// `paths`: best first, as director::paths() gives them. Each site has the best of its borders only. Sites
/// without a fit server are passed over before groups are made, so that none is measured by a path that
/// nobody can take. A server whose load is not known is taken for as busy as the busiest known one of its
/// group, and where none is known, capacities alone decide. Behind the group come the other groups' servers
/// in order, then busy ones.
CompositeChoice choose_composite(std::span<const Path> paths, std::span<const CompositeServer> servers,
                                 ServerMask fit, double fuzz, Random& random);

/// By server: how often each is drawn beside any others, by what it has to spare; all of them by capacity
/// while nobody has anything. A server whose load is not known is taken for the busiest known one that is not
/// full.
std::array<std::uint32_t, kMostServers> spare_weights(std::span<const CompositeServer> servers,
                                                      ServerMask fit);

}  // namespace flagfall::director
