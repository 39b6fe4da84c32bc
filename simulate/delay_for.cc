#include "simulate/delay_for.hh"

#include <algorithm>
#include <limits>

namespace flagfall::simulate {
namespace {

/// One way to the last of the sites that shall be on time, ms.
std::optional<double> needed(const Latencies& world, std::size_t slice, const std::vector<std::size_t>& sites,
                             std::size_t master, unsigned nearest) {
  std::vector<double> ways;
  for (const std::size_t site : sites) {
    const auto rtt = site == master ? 0 : world.between(slice, master, site);
    if (!rtt) return std::nullopt;
    ways.push_back(*rtt / 2);
  }
  std::ranges::sort(ways);
  return ways[(nearest == 0 ? ways.size() : std::min<std::size_t>(nearest, ways.size())) - 1];
}

}  // namespace

Contact contact_of(const Latencies& world, const std::vector<std::size_t>& sites, unsigned nearest) {
  Contact out{.master = sites.front()};
  double least = std::numeric_limits<double>::max();
  for (const std::size_t site : sites) {
    const auto ms = needed(world, 0, sites, site, nearest);
    if (!ms) return {.master = sites.front()};
    if (*ms < least) {
      least = *ms;
      out = {.master = site, .known = true};
    }
  }
  return out;
}

Nanos delay_for(const Latencies& world, std::size_t slice, const std::vector<std::size_t>& sites,
                const Contact& contact, const DelayWish& wish) {
  if (wish.fixed) return *wish.fixed;
  if (!contact.known) return wish.at_most;
  const double ms = needed(world, slice, sites, contact.master, wish.nearest).value_or(0) * kMargin + 1;
  return std::min(Nanos(static_cast<std::int64_t>(ms * 1e6)), wish.at_most);
}

}  // namespace flagfall::simulate
