#include "slave/guard.hh"

#include <algorithm>

namespace flagfall::slave {

Nanos guard_from(std::span<Nanos> lateness) {
  if (lateness.empty()) return kLeastGuard;
  const std::size_t rank = (lateness.size() - 1) * 95 / 100;
  std::ranges::nth_element(lateness, lateness.begin() + static_cast<std::ptrdiff_t>(rank));
  return std::clamp(lateness[rank] * 3 / 2, kLeastGuard, kMostGuard);
}

}  // namespace flagfall::slave
