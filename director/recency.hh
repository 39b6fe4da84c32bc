// How much a piece of evidence weighs by its age and certainty.
#pragma once

#include "director/piece.hh"

namespace flagfall::director {

/// A likely verdict beside a certain one. One client's word and late ICMP errors are likely ones
/// (docs/design/who-won.md); of 244 in `scripts/bench verdicts` none was wrong, but nothing excludes that one
/// is: four of them say as much as three certain ones.
inline constexpr double kLikelyWeight = 0.75;

struct Recency {
  Tick now = 0;
  Tick remember = 1;

  /// From 1 down to 0 in a straight line, at the age when it is forgotten.
  [[nodiscard]] double weight(const Piece& piece) const {
    const double age = piece.at < now ? static_cast<double>(now - piece.at) : 0;
    const double left = 1 - age / static_cast<double>(remember);
    return (piece.certain ? 1 : kLikelyWeight) * std::max(left, 0.0);
  }
  [[nodiscard]] static double certainty(const Piece& piece) { return piece.certain ? 1 : kLikelyWeight; }
};

}  // namespace flagfall::director
