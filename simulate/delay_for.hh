// Where a service's master stands and how long its races wait, as `flagfall tune` would have it: the delay
// covers the way from the master to all sites that shall be on time, and a margin. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "common/base/time.hh"
#include "simulate/latencies.hh"

namespace flagfall::simulate {

struct DelayWish {
  std::optional<Nanos> fixed;
  unsigned nearest = 0;  // so many sites on time; 0: all
  Nanos at_most{};
};

struct Contact {
  std::size_t master = 0;  // a site
  bool known = false;      // ways between sites are known; otherwise every order is on time
};

/// Jitter and queues beside the median way: 99 of 100 orders are on time where the mean jitter is 2 %.
inline constexpr double kMargin = 1.1;

/// The site from which the wished number of `sites` is reached soonest.
Contact contact_of(const Latencies& world, const std::vector<std::size_t>& sites, unsigned nearest);
Nanos delay_for(const Latencies& world, std::size_t slice, const std::vector<std::size_t>& sites,
                const Contact& contact, const DelayWish& wish);

}  // namespace flagfall::simulate
