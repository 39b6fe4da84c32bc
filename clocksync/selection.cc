#include "clocksync/selection.hh"

#include <algorithm>
#include <cassert>

namespace flagfall::clocksync {
namespace {

struct Edge {
  Nanos at{};
  int type = 0;  // -1 an interval begins, 0 its middle, 1 it ends
};

using Edges = std::span<const Edge>;

/// Where, coming from one side, `wanted` intervals overlap for the first time;
/// middles passed on the way are added to `outside`. None when they never do.
template <class Iterator>
std::optional<Nanos> reach(Iterator first, Iterator last, int begins, std::size_t wanted,
                           std::size_t& outside) {
  std::size_t open = 0;
  for (; first != last; ++first) {
    if (first->type == begins) {
      if (++open >= wanted) return first->at;
    } else if (first->type == 0) {
      ++outside;
    } else {
      --open;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<Agreement> agree(std::span<const Claim> claims) {
  assert(claims.size() <= kMostServers);
  std::array<Edge, 3 * kMostServers> storage{};
  std::size_t used = 0;
  for (const Claim& claim : claims) {
    const Nanos bound = std::max(claim.bound, Nanos(0));
    storage.at(used++) = {claim.offset - bound, -1};
    storage.at(used++) = {claim.offset, 0};
    storage.at(used++) = {claim.offset + bound, 1};
  }
  const auto edges = std::span(storage).first(used);
  std::sort(edges.begin(), edges.end(),
            [](const Edge& a, const Edge& b) { return a.at != b.at ? a.at < b.at : a.type < b.type; });

  // As few liars as possible; each may have its middle outside, nobody else.
  for (std::size_t liars = 0; 2 * liars < claims.size(); ++liars) {
    std::size_t outside = 0;
    const auto low = reach(edges.begin(), edges.end(), -1, claims.size() - liars, outside);
    const auto high = reach(edges.rbegin(), edges.rend(), 1, claims.size() - liars, outside);
    if (!low || !high || *low > *high || outside > liars) continue;
    Agreement out{*low, *high, {}, 0};
    for (std::size_t i = 0; i < claims.size(); ++i) {
      const Nanos bound = std::max(claims[i].bound, Nanos(0));
      out.truechimer.at(i) = claims[i].offset - bound <= *high && claims[i].offset + bound >= *low;
      if (out.truechimer.at(i)) ++out.count;
    }
    return out;
  }
  return std::nullopt;
}

}  // namespace flagfall::clocksync
