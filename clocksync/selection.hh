// Which of several servers to believe: the intersection algorithm (Marzullo;
// RFC 5905 §11.2.1). Each claims that the offset lies in an interval; the largest
// number of them that can all be right, if a majority, is. Pure.
//
// Without the RFC's rule that the middles, too, lie in what is common: our bounds
// are bounds, and a server at hand claims so little that it often misses the middle
// of what another claims from far away.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "common/base/time.hh"

namespace flagfall::clocksync {

inline constexpr std::size_t kMostServers = 16;

/// One server's claim, all at one moment: offset +- bound.
struct Claim {
  Nanos offset{};
  Nanos bound{};
};

struct Agreement {
  /// What the truth lies in, if the majority does not lie.
  Nanos low{};
  Nanos high{};
  /// Entry i: claim i overlaps that; the others are falsetickers.
  std::array<bool, kMostServers> truechimer{};
  std::size_t count = 0;  // of truechimers
};

/// None when no majority agrees, and for no claims at all. At most kMostServers claims, offsets within
/// 2^62 ns of zero.
std::optional<Agreement> agree(std::span<const Claim> claims);

}  // namespace flagfall::clocksync
