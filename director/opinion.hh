// What the recent evidence of one cluster says, whoever it is bound to. Pure.
#pragma once

#include <optional>
#include <span>

#include "director/book_options.hh"
#include "director/cluster.hh"
#include "director/recency.hh"

namespace flagfall::director {

struct Opinion {
  Order order;
  Reason reason;  // all but its cause
};

/// Races: who has `verdicts` wins and this `share` of the races it ran in.
std::optional<Opinion> race_opinion(std::span<const Piece> wins, const BookOptions& options,
                                    const Recency& recency);

/// Figures: the best one, when all of the service's servers have one (or were silent), or at least two have
/// and the first of them is older than `patience`.
std::optional<Opinion> figure_opinion(Kind kind, std::span<const Piece> pieces, const BookOptions& options,
                                      std::size_t servers, const Recency& recency);

/// Of the first kind that has one. The evidence of a kind that is trusted less says nothing while there is
/// some of the kind that made the binding. Servers that the deciding kind does not know come behind, by the
/// other kinds.
std::optional<Opinion> opinion(const Cluster& cluster, const BookOptions& options, std::size_t servers,
                               const Recency& recency);

}  // namespace flagfall::director
