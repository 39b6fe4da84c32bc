// Does a part of a cluster differ from the rest of it? Asked when a piece of evidence has come that does not
// agree with the cluster: only the parts around that address are looked at, the coarsest first. Pure.
#pragma once

#include <functional>
#include <optional>
#include <span>

#include "director/book_options.hh"
#include "director/opinion.hh"

namespace flagfall::director {

/// A part that is to be a cluster of its own, and whom it is to be bound to.
struct Part {
  unsigned depth = 0;  // bits behind the cluster's prefix that it shares with the newest piece
  Order order;
  Reason reason;
};

struct PartQuestion {
  std::span<const Piece> pieces;
  const Piece& newest;
  const Order& order;  // the cluster's; empty: learning
  unsigned deepest;    // as far as the finest length
  const BookOptions& options;
  const Recency& recency;
};

/// The newest piece's winner has `verdicts` wins and the `share` inside, and so many would come less than
/// once in 500 times if the inside were like the outside.
std::optional<Part> differing_wins(const PartQuestion& q);

/// Inside, another server is clearly better than the cluster's; outside it is not; both have `verdicts`
/// pieces on either side, and `share` of the other's pieces inside agree.
std::optional<Part> differing_figures(const PartQuestion& q);

/// The coarsest part with all of the contradicting pieces in which the bound server ran, that has `verdicts`
/// wins of that server outside, and `enough` of the contradiction inside: what has changed has changed there,
/// as far as anybody knows.
std::optional<unsigned> part_of_streak(const PartQuestion& q, std::span<const Piece> streak,
                                       const std::function<bool(std::span<const Piece>)>& enough);

/// No leader, but who wins depends on the place: neighbours in the address order agree more often than pieces
/// by lot would (a join count, Moran 1948), by three standard deviations.
bool places_matter(std::span<const Piece> wins);

}  // namespace flagfall::director
