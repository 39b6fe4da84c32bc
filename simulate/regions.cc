#include "simulate/regions.hh"

#include <algorithm>
#include <limits>
#include <numeric>

#include "director/order.hh"

namespace flagfall::simulate {
namespace {

double apart(const Latencies& world, std::size_t a, std::size_t b) {
  return a == b ? 0 : world.between(0, a, b).value_or(0);
}

std::size_t farthest(const Latencies& world, const std::vector<std::size_t>& among, std::size_t from) {
  return *std::ranges::max_element(among, {}, [&](std::size_t s) { return apart(world, from, s); });
}

std::size_t middle_of(const Latencies& world, const std::vector<std::size_t>& among) {
  return *std::ranges::min_element(among, {}, [&](std::size_t s) {
    return std::accumulate(among.begin(), among.end(), 0.0,
                           [&](double sum, std::size_t other) { return sum + apart(world, s, other); });
  });
}

}  // namespace

Regions split_regions(const Latencies& world) {
  Regions out;
  std::vector<std::vector<std::size_t>> left(1);
  left.front().resize(world.sites());
  std::iota(left.front().begin(), left.front().end(), std::size_t{0});
  while (!left.empty()) {
    std::vector<std::size_t> group = std::move(left.back());
    left.pop_back();
    if (group.size() <= director::kMostServers) {
      out.middle.push_back(middle_of(world, group));
      out.sites.push_back(std::move(group));
      continue;
    }
    const std::size_t one = farthest(world, group, group.front());
    const std::size_t other = farthest(world, group, one);
    std::ranges::stable_sort(group, {},
                             [&](std::size_t s) { return apart(world, s, one) - apart(world, s, other); });
    const auto half = group.begin() + static_cast<std::ptrdiff_t>(group.size() / 2);
    left.emplace_back(half, group.end());
    left.emplace_back(group.begin(), half);
  }
  return out;
}

std::size_t Regions::of_place(const Latencies& world, std::size_t place) const {
  std::size_t best = 0;
  double least = std::numeric_limits<double>::max();
  for (std::size_t r = 0; r < middle.size(); ++r) {
    const double ms = world.rtt(0, place, middle[r]);
    if (ms >= least) continue;
    least = ms;
    best = r;
  }
  return best;
}

}  // namespace flagfall::simulate
