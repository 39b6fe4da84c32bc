#include "clocksync/selection.hh"

#include <algorithm>
#include <cassert>

namespace flagfall::clocksync {
namespace {

struct Edge {
  Nanos at{};
  int type = 0;  // -1 an interval begins, 1 it ends
};

using Edges = std::span<const Edge>;

/// Where, coming from one side, `wanted` intervals overlap for the first time. None when they never do.
template <class Iterator>
std::optional<Nanos> reach(Iterator first, Iterator last, int begins, std::size_t wanted) {
  std::size_t open = 0;
  for (; first != last; ++first) {
    if (first->type != begins)
      --open;
    else if (++open >= wanted)
      return first->at;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Agreement> agree(std::span<const Claim> claims) {
  assert(claims.size() <= kMostServers);
  std::array<Edge, 2 * kMostServers> storage{};
  std::size_t used = 0;
  for (const Claim& claim : claims) {
    const Nanos bound = std::max(claim.bound, Nanos(0));
    storage.at(used++) = {claim.offset - bound, -1};
    storage.at(used++) = {claim.offset + bound, 1};
  }
  const auto edges = std::span(storage).first(used);
  std::sort(edges.begin(), edges.end(),
            [](const Edge& a, const Edge& b) { return a.at != b.at ? a.at < b.at : a.type < b.type; });

  // As few liars as possible.
  for (std::size_t liars = 0; 2 * liars < claims.size(); ++liars) {
    const auto low = reach(edges.begin(), edges.end(), -1, claims.size() - liars);
    const auto high = reach(edges.rbegin(), edges.rend(), 1, claims.size() - liars);
    if (!low || !high || *low > *high) continue;
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
