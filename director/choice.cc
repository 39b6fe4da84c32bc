#include "director/choice.hh"

#include <cassert>
#include <cmath>
#include <vector>

namespace flagfall::director {
namespace {

/// Systematic sampling: points at equal distances from a random start fall on each server as often as its
/// part is worth, on average exactly; how often is its weight.
std::vector<Share> drawn(std::span<const Share> shares, double total, Random& random) {
  const double step = total / Order::kMost;
  double point = random.unit() * step;
  double sum = 0;
  std::vector<Share> out;
  for (const Share& share : shares) {
    sum += share.part;
    double hits = 0;
    for (; point < sum; point += step) ++hits;
    if (hits > 0) out.push_back({share.server, hits});
  }
  // Only rounding can have lost all points.
  if (out.empty()) out.push_back({shares.front().server, 1});
  return out;
}

}  // namespace

void Choice::deal(std::span<const Share> shares, Random& random) {
  assert(order.empty());
  std::vector<Share> good;
  double total = 0;
  for (const Share& share : shares) {
    assert(std::isfinite(share.part) && share.part >= 0);
    if (share.part > 0) good.push_back(share);
    total += share.part;
  }
  if (good.empty()) return;
  if (good.size() > Order::kMost) good = drawn(good, total, random);
  std::ranges::stable_sort(good, [](const Share& a, const Share& b) { return a.part > b.part; });
  for (const Share& share : good) {
    order.push(share.server);
    weight.at(share.server) =
        std::max(1U, static_cast<std::uint32_t>(std::lround(share.part / good.front().part * kMostWeight)));
  }
  order.group = order.count;
}

void Choice::then(ServerIndex server) {
  const std::uint8_t before = order.count;
  order.push(server);
  if (order.count > before) weight.at(server) = 1;
}

}  // namespace flagfall::director
