#include "director/opinion.hh"

#include <algorithm>

#include "director/figures.hh"
#include "director/pairwise.hh"

namespace flagfall::director {
namespace {

std::uint16_t small(std::size_t n) {
  return static_cast<std::uint16_t>(std::min<std::size_t>(n, 0xffff));
}

/// Median margin of one server's wins, where it is known.
double median_margin(std::span<const Piece> wins, ServerIndex winner) {
  std::vector<float> margins;
  for (const Piece& p : wins)
    if (p.compares() && p.server == winner && p.value > 0) margins.push_back(p.value);
  if (margins.empty()) return 0;
  const auto middle = margins.begin() + static_cast<std::ptrdiff_t>(margins.size() / 2);
  std::ranges::nth_element(margins, middle);
  return *middle;
}

bool any(std::span<const Piece> pieces, Kind kind) {
  return std::ranges::any_of(pieces, [kind](const Piece& p) { return p.kind == kind; });
}

Order with_first(ServerIndex first, const Order& rest) {
  Order out = Order::of(first);
  for (const ServerIndex s : rest.all()) out.push(s);
  return out;
}

}  // namespace

std::optional<Opinion> race_opinion(std::span<const Piece> wins, const BookOptions& options,
                                    const Recency& recency) {
  const Pairwise pairs(wins, recency);
  const auto* const leader = pairs.leader(options.verdicts, options.share);
  if (leader == nullptr) return std::nullopt;
  Opinion out{with_first(leader->server, pairs.order()), {}};
  out.reason.kind = Kind::race;
  out.reason.agreeing = small(leader->wins);
  out.reason.pieces = small(leader->races);
  out.reason.advantage = median_margin(wins, leader->server);
  return out;
}

std::optional<Opinion> figure_opinion(Kind kind, std::span<const Piece> pieces, const BookOptions& options,
                                      std::size_t servers, const Recency& recency) {
  const Figures figures(kind, pieces, options.verdicts);
  const auto* const best = figures.best();
  if (best == nullptr) return std::nullopt;
  if (figures.rows().size() < servers) {
    const auto answered =
        std::ranges::count_if(figures.rows(), [](const Figures::Row& r) { return !r.silent(); });
    const auto first = std::ranges::find(pieces, kind, &Piece::kind);
    if (answered < 2 || first->at + static_cast<Tick>(options.patience / kTick) > recency.now)
      return std::nullopt;
  }
  Opinion out{figures.order(), {}};
  out.reason.kind = kind;
  out.reason.pieces = small(best->pieces);
  out.reason.agreeing = out.reason.pieces;
  if (out.order.count > 1) {
    const auto* const next = figures.row(out.order.servers[1]);
    out.reason.agreeing = small(Figures::agreeing(kind, pieces, best->server, *next));
    out.reason.advantage = figures.advantage(*best, *next);
  }
  return out;
}

std::optional<Opinion> opinion(const Cluster& cluster, const BookOptions& options, std::size_t servers,
                               const Recency& recency) {
  std::optional<Opinion> out;
  for (const Kind kind : options.kinds) {
    const std::span<const Piece> pieces = kind == Kind::race ? cluster.wins.all() : cluster.figures.all();
    if (!out) {
      out = kind == Kind::race ? race_opinion(pieces, options, recency)
                               : figure_opinion(kind, pieces, options, servers, recency);
      if (!out && cluster.bound() && kind == cluster.reason.kind && any(pieces, kind)) return std::nullopt;
      continue;
    }
    const Order more = kind == Kind::race ? Pairwise(pieces, recency).order()
                                          : Figures(kind, pieces, options.verdicts).order();
    for (const ServerIndex s : more.all()) out->order.push(s);
  }
  return out;
}

}  // namespace flagfall::director
