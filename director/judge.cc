#include "director/judge.hh"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "director/figures.hh"
#include "director/pairwise.hh"
#include "director/significance.hh"

namespace flagfall::director {
namespace {

using What = Finding::What;

/// What a race is worth as a contradiction in which the bound server is not to be seen at all. It may not
/// have been asked to run; that it never is for six races is no chance either.
constexpr double kAbsent = 0.5;
/// Share of likely verdicts that are wrong: of 504 that scripts/bench verdicts compared with the answers that
/// its clients got, none was; that is less than this with 99 % confidence.
constexpr double kWrongLikely = 0.01;

Finding finding(What what, Cause cause, const Opinion& opinion) {
  Finding out{.what = what, .order = opinion.order, .reason = opinion.reason};
  out.reason.cause = cause;
  return out;
}

/// The newest races in a row of one server, in which the bound one did not come before it. Races that only
/// others ran in are between them: in a race of two the bound server's rivals take turns.
struct Streak {
  ServerIndex server = 0;
  std::vector<Piece> pieces;  // newest first
  double weight = 0;
  unsigned won = 0;
  unsigned before_ran = 0;  // earlier ones of both
  unsigned before_won = 0;  // by the bound one
};

Streak streak_of(ServerIndex server, ServerIndex bound, std::span<const Piece> wins) {
  Streak out{.server = server, .pieces = {}};
  bool goes_on = true;
  for (std::size_t i = wins.size(); i-- > 0;) {
    const Piece& p = wins[i];
    // Who won before both says nothing about the two.
    if (p.tie || !p.ran(server) || (p.server != server && p.server != bound)) continue;
    goes_on = goes_on && p.server != bound;
    if (goes_on) {
      out.weight += p.ran(bound) ? 1 : kAbsent;
      ++out.won;
      out.pieces.push_back(p);
    } else if (p.ran(bound)) {
      ++out.before_ran;
      if (p.server == bound) ++out.before_won;
    }
  }
  return out;
}

/// ln P(these races of a streak by chance), where the bound server loses a race with the probability `lost`.
double log_chance(std::span<const Piece> streak, ServerIndex bound, double lost) {
  double sum = 0;
  for (const Piece& p : streak)
    sum += std::log(lost + (p.certain ? 0 : kWrongLikely)) * (p.ran(bound) ? 1 : kAbsent);
  return sum;
}

/// Whose streak speaks the loudest, of those with `verdicts` wins in it.
std::optional<Streak> challenger(ServerIndex bound, std::span<const Piece> wins, const BookOptions& options) {
  ServerMask winners = 0;
  for (const Piece& p : wins)
    if (!p.tie) winners |= bit(p.server);
  std::optional<Streak> best;
  for (ServerMask left = winners & ~bit(bound); left != 0; left &= left - 1) {
    Streak streak = streak_of(static_cast<ServerIndex>(std::countr_zero(left)), bound, wins);
    if (streak.won < options.verdicts) continue;
    if (!best || streak.weight > best->weight) best = std::move(streak);
  }
  return best;
}

}  // namespace

std::size_t Judge::rank(Kind kind) const {
  return static_cast<std::size_t>(std::ranges::find(options_.kinds, kind) - options_.kinds.begin());
}

unsigned Judge::deepest(const Cluster& cluster, const Piece& newest) const {
  const unsigned finest = cluster.prefix.ip.family == Family::v4 ? options_.finest_v4 : options_.finest_v6;
  if (cluster.prefix.length >= finest) return 0;
  return std::min<unsigned>(finest - cluster.prefix.length, newest.known);
}

std::optional<Finding> Judge::part(const Cluster& cluster, const Piece* newest,
                                   const Recency& recency) const {
  if (newest == nullptr || rank(newest->kind) == options_.kinds.size()) return std::nullopt;
  // What is trusted less than what the cluster is bound by does not tear it apart.
  if (cluster.bound() && rank(newest->kind) > rank(cluster.reason.kind)) return std::nullopt;
  const bool race = newest->kind == Kind::race;
  const PartQuestion q{race ? cluster.wins.all() : cluster.figures.all(),
                       *newest,
                       cluster.order,
                       deepest(cluster, *newest),
                       options_,
                       recency};
  const auto found = race ? differing_wins(q) : differing_figures(q);
  if (!found) return std::nullopt;
  Finding out = finding(What::split, Cause::split, {found->order, found->reason});
  out.depth = found->depth;
  return out;
}

bool Judge::contested(const Cluster& cluster, const Recency& recency) const {
  const auto wins = cluster.wins.all();
  if (wins.size() < PieceWindow::kMostWins || rank(Kind::race) == options_.kinds.size()) return false;
  const unsigned finest = cluster.prefix.ip.family == Family::v4 ? options_.finest_v4 : options_.finest_v6;
  if (cluster.prefix.length >= finest) return false;
  const Pairwise pairs(wins, recency);
  const auto* const first =
      cluster.bound() ? pairs.row(cluster.order.best()) : pairs.leader(options_.verdicts, options_.share);
  if (first != nullptr && first->won >= options_.share * first->ran) return false;
  return places_matter(wins);
}

bool Judge::may_overturn(const Cluster& cluster, const Opinion& opinion, const Recency& recency) const {
  const Kind kind = opinion.reason.kind;
  if (rank(kind) < rank(cluster.reason.kind)) return true;
  const ServerIndex bound = cluster.order.best();
  if (kind == Kind::race) {
    if (kind != cluster.reason.kind) return true;
    const Pairwise pairs(cluster.wins.all(), recency);
    const double ours = pairs.before(bound, opinion.order.best());
    const double theirs = pairs.before(opinion.order.best(), bound);
    const auto n = static_cast<unsigned>(ours + theirs);
    // Squared: the same races are looked at again and again.
    return n > 0 && log_tail(static_cast<unsigned>(theirs), n, 0.5) <= 2 * kLogChance;
  }
  const Figures figures(kind, cluster.figures.all(), options_.verdicts);
  const auto* const ours = figures.row(bound);
  const auto* const theirs = figures.row(opinion.order.best());
  if (ours == nullptr) return false;
  if (!ours->silent() && std::min(ours->pieces, theirs->pieces) < options_.verdicts) return false;
  return figures.clearly_better(*theirs, *ours, options_);
}

Finding Judge::against_races(const Cluster& cluster, const Piece& newest, const Recency& recency) const {
  const ServerIndex bound = cluster.order.best();
  const auto wins = cluster.wins.all();
  const auto streak = challenger(bound, wins, options_);
  if (!streak) return {};
  // What it won before, by what is remembered or by what the binding itself says; of a binding without
  // figures as much as binds.
  double ran = streak->before_ran;
  double won = streak->before_won;
  if (ran < std::max<unsigned>(cluster.reason.pieces, 1)) {
    const bool told = cluster.reason.kind == Kind::race && cluster.reason.pieces > 0;
    ran = told ? cluster.reason.pieces : options_.verdicts;
    won = told ? std::min(cluster.reason.agreeing, cluster.reason.pieces) : options_.verdicts;
  }
  const auto enough = [&](std::span<const Piece> races) {
    return races.size() >= options_.verdicts &&
           log_chance(races, bound, 1 - rate(won, ran)) <= kLogStreakChance;
  };
  if (!enough(streak->pieces)) return {};

  Opinion now{Order::of(streak->server), {}};
  // Whom it is bound to comes last: its path may be cut, while the others' are only longer.
  const Order compared = Pairwise(wins, recency).order();
  for (const Order& known : {compared, cluster.order})
    for (const ServerIndex s : known.all())
      if (s != bound) now.order.push(s);
  now.order.push(bound);
  now.reason.agreeing = static_cast<std::uint16_t>(streak->won);
  now.reason.pieces = now.reason.agreeing;
  const PartQuestion q{wins, newest, cluster.order, deepest(cluster, newest), options_, recency};
  const auto depth = part_of_streak(q, streak->pieces, enough);
  if (!depth) return finding(What::rebind, Cause::rebound, now);
  Finding out = finding(What::split, Cause::split, now);
  out.depth = *depth;
  return out;
}

Finding Judge::of_learning(const Cluster& cluster, const Piece* newest, const Recency& recency) const {
  if (auto out = part(cluster, newest, recency)) return *out;
  if (const auto now = opinion(cluster, options_, servers_, recency))
    return finding(What::bind, Cause::bound, *now);
  if (contested(cluster, recency)) return {.what = What::halve};
  return {};
}

Finding Judge::of_bound(const Cluster& cluster, const Piece* newest, const Recency& recency) const {
  const ServerIndex bound = cluster.order.best();
  const bool by_race = cluster.reason.kind == Kind::race && rank(Kind::race) < options_.kinds.size();
  if (newest != nullptr && newest->kind == Kind::race && by_race) {
    if (newest->server == bound && newest->losers != 0) return {.agrees = true};  // mostly, and cheap
  }
  if (auto out = part(cluster, newest, recency)) return *out;
  if (newest != nullptr && newest->kind == Kind::race && by_race) {
    if (Finding out = against_races(cluster, *newest, recency); out.what != What::keep) return out;
  }
  const auto now = opinion(cluster, options_, servers_, recency);
  if (now && now->order.best() == bound) {
    const bool more_trusted = rank(now->reason.kind) < rank(cluster.reason.kind);
    Finding out = finding(more_trusted ? What::bind : What::keep, Cause::bound, *now);
    out.agrees = newest != nullptr;
    return out;
  }
  if (now && may_overturn(cluster, *now, recency)) return finding(What::rebind, Cause::rebound, *now);
  if (newest != nullptr && contested(cluster, recency)) return {.what = What::halve};
  return {};
}

Finding Judge::find(const Cluster& cluster, const Piece* newest, const Recency& recency) const {
  if (cluster.by_hand() || (newest != nullptr && newest->tie)) return {};
  return cluster.bound() ? of_bound(cluster, newest, recency) : of_learning(cluster, newest, recency);
}

}  // namespace flagfall::director
