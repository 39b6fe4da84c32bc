// A service has 64 servers at most (director/order.hh). More sites than that are split into services by
// region, each of which directs its own; a client network asks the service whose middle is nearest to it, as
// a name that GeoIP or anycast resolves would make it. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "simulate/latencies.hh"

namespace flagfall::simulate {

struct Regions {
  std::vector<std::vector<std::size_t>> sites;  // by region; 64 at most in each
  std::vector<std::size_t> middle;  // by region: the site with the least mean round trip to the others

  [[nodiscard]] std::size_t of_place(const Latencies& world, std::size_t place) const;
};

/// Halves the farthest apart until each fits.
Regions split_regions(const Latencies& world);

}  // namespace flagfall::simulate
