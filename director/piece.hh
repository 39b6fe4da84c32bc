// One piece of evidence as a cluster keeps it: 24 octets. Values only.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

#include "common/base/ip.hh"
#include "director/evidence.hh"

namespace flagfall::director {

/// Time since a cluster book's start in sixteenths of a second: 8 years fit.
using Tick = std::uint32_t;
inline constexpr Nanos kTick = std::chrono::milliseconds(1000) / 16;

struct Piece {
  std::uint32_t place = 0;  // the address's bits after the cluster's prefix, from the top; 0 where not known
  float value = 0;          // of a race the margin in seconds, 0: not known
  ServerMask losers = 0;    // of a race
  Tick at = 0;
  ServerIndex server = 0;  // of a race the winner
  std::uint8_t known = 0;  // bits of `place`
  Kind kind = Kind::race;
  bool certain : 1 = false;
  bool tie : 1 = false;
  bool silent : 1 = false;

  [[nodiscard]] bool ran(ServerIndex who) const { return who == server || (losers & bit(who)) != 0; }
  /// A race that compares somebody.
  [[nodiscard]] bool compares() const { return !tie && losers != 0; }
  /// For every kind: less is better, silence is worst.
  [[nodiscard]] double badness() const {
    if (silent) return std::numeric_limits<double>::infinity();
    return more_is_better(kind) ? -static_cast<double>(value) : static_cast<double>(value);
  }
};
static_assert(sizeof(Piece) == 24);

/// The 32 bits of an address behind its first `length`, zeros behind its end.
constexpr std::uint32_t bits_after(const IpAddress& ip, unsigned length) {
  std::uint64_t out = 0;
  for (unsigned i = 0; i < 5; ++i) {
    const std::size_t at = length / 8 + i;
    out = out << 8U | (at < ip.octets.size() ? ip.octets.at(at) : 0U);
  }
  return static_cast<std::uint32_t>(out >> (8U - length % 8));
}

/// How many bits behind the cluster's prefix two pieces are known to share.
constexpr unsigned shared_bits(const Piece& a, const Piece& b) {
  return std::min(
      {static_cast<unsigned>(std::countl_zero(a.place ^ b.place)), unsigned{a.known}, unsigned{b.known}});
}

}  // namespace flagfall::director
