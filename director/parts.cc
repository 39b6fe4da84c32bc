#include "director/parts.hh"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <numeric>

#include "director/figures.hh"
#include "director/significance.hh"

namespace flagfall::director {
namespace {

constexpr unsigned kDepths = 33;
constexpr double kDeviations = 3;

/// Races of a part.
struct Tally {
  std::array<std::int8_t, kMostServers> by_server{};  // by winner; a window holds fewer than 128
  // Of those in which the newest one's winner ran.
  int ran = 0;
  int won = 0;
  double weight = 0;  // of certainty

  void add(const Tally& other, int times) {
    for (std::size_t i = 0; i < by_server.size(); ++i)
      by_server.at(i) = static_cast<std::int8_t>(by_server.at(i) + times * other.by_server.at(i));
    ran += times * other.ran;
    won += times * other.won;
    weight += times * other.weight;
  }
  [[nodiscard]] bool of_one_mind(double share) const {
    return std::ranges::max(by_server) >= share * std::accumulate(by_server.begin(), by_server.end(), 0);
  }
};
static_assert(PieceWindow::kMostWins < 128);

std::array<Tally, kDepths> tallies(const PartQuestion& q) {
  std::array<Tally, kDepths> out{};  // by bits shared with the newest piece
  for (const Piece& p : q.pieces) {
    if (!p.compares()) continue;
    Tally& t = out.at(shared_bits(p, q.newest));
    ++t.by_server.at(p.server);
    if (!p.ran(q.newest.server)) continue;
    ++t.ran;
    t.weight += Recency::certainty(p);
    if (p.server == q.newest.server) ++t.won;
  }
  return out;
}

Order put_first(ServerIndex first, const Order& rest) {
  Order out = Order::of(first);
  for (const ServerIndex s : rest.all()) out.push(s);
  return out;
}

}  // namespace

std::optional<Part> differing_wins(const PartQuestion& q) {
  const ServerIndex winner = q.newest.server;
  if (!q.order.empty() && q.order.best() == winner) return std::nullopt;
  const auto by_depth = tallies(q);
  Tally in;
  for (const Tally& t : by_depth) in.add(t, 1);
  Tally outside;
  for (unsigned depth = 1; depth <= q.deepest; ++depth) {
    in.add(by_depth.at(depth - 1), -1);
    outside.add(by_depth.at(depth - 1), 1);
    if (in.won < static_cast<int>(q.options.verdicts)) return std::nullopt;
    if (in.won < q.options.share * in.ran) continue;
    const double chance = log_tail(static_cast<unsigned>(in.won), static_cast<unsigned>(in.ran),
                                   rate(outside.won, outside.ran));
    // Finer parts are more to choose from; over all depths these chances sum up to 1.6 of the first.
    const double most = std::min(kLogChance - 2 * std::log(depth),
                                 outside.of_one_mind(q.options.share) ? 0.0 : kLogOddChance);
    if (chance * in.weight / in.ran > most) continue;
    Part out{depth, put_first(winner, q.order), {}};
    out.reason.agreeing = static_cast<std::uint16_t>(in.won);
    out.reason.pieces = static_cast<std::uint16_t>(in.ran);
    return out;
  }
  return std::nullopt;
}

std::optional<Part> differing_figures(const PartQuestion& q) {
  if (q.order.empty()) return std::nullopt;
  const Kind kind = q.newest.kind;
  const ServerIndex bound = q.order.best();
  std::vector<Piece> in;
  std::vector<Piece> outside;
  for (unsigned depth = 1; depth <= q.deepest; ++depth) {
    in.clear();
    outside.clear();
    for (const Piece& p : q.pieces)
      if (p.kind == kind) (shared_bits(p, q.newest) >= depth ? in : outside).push_back(p);
    if (in.size() < std::size_t{2} * q.options.verdicts) return std::nullopt;
    if (outside.size() < std::size_t{2} * q.options.verdicts) continue;
    const Figures here(kind, in, q.options.verdicts);
    const Figures there(kind, outside, q.options.verdicts);
    const auto* const ours = here.row(bound);
    const auto* const best = here.best();
    if (ours == nullptr || best == nullptr || best == ours) continue;
    const auto* const ours_there = there.row(bound);
    const auto* const best_there = there.row(best->server);
    if (ours_there == nullptr || best_there == nullptr) continue;
    if (std::min({ours->pieces, best->pieces, ours_there->pieces, best_there->pieces}) < q.options.verdicts)
      continue;
    if (!here.clearly_better(*best, *ours, q.options) ||
        there.clearly_better(*best_there, *ours_there, q.options))
      continue;
    const unsigned agreeing = Figures::agreeing(kind, in, best->server, *ours);
    if (agreeing < q.options.share * best->pieces) continue;
    Part out{depth, here.order(), {}};
    for (const ServerIndex s : q.order.all()) out.order.push(s);
    out.reason.kind = kind;
    out.reason.agreeing = static_cast<std::uint16_t>(agreeing);
    out.reason.pieces = static_cast<std::uint16_t>(best->pieces);
    out.reason.advantage = here.advantage(*best, *ours);
    return out;
  }
  return std::nullopt;
}

std::optional<unsigned> part_of_streak(const PartQuestion& q, std::span<const Piece> streak,
                                       const std::function<bool(std::span<const Piece>)>& enough) {
  const ServerIndex bound = q.order.best();
  unsigned shared = q.deepest;
  for (const Piece& p : streak)
    if (p.ran(bound)) shared = std::min(shared, shared_bits(p, q.newest));
  std::vector<Piece> inside;
  for (unsigned depth = 1; depth <= shared; ++depth) {
    const auto outside = std::ranges::count_if(q.pieces, [&](const Piece& p) {
      return p.compares() && p.server == bound && shared_bits(p, q.newest) < depth;
    });
    if (outside < static_cast<std::ptrdiff_t>(q.options.verdicts)) continue;
    inside.clear();
    std::ranges::copy_if(streak, std::back_inserter(inside),
                         [&](const Piece& p) { return shared_bits(p, q.newest) >= depth; });
    // Finer parts have no more of it.
    return enough(inside) ? std::optional(depth) : std::nullopt;
  }
  return std::nullopt;
}

bool places_matter(std::span<const Piece> wins) {
  std::vector<std::pair<std::uint32_t, ServerIndex>> by_place;
  std::array<unsigned, kMostServers> won{};
  for (const Piece& p : wins) {
    if (!p.compares()) continue;
    by_place.emplace_back(p.place, p.server);
    ++won.at(p.server);
  }
  if (by_place.size() < 2) return false;
  std::ranges::sort(by_place);
  const auto n = static_cast<double>(by_place.size());
  double alike = 0;  // chance that two agree
  for (const unsigned w : won) alike += w / n * (w / n);
  // Of one place alone nothing is learned about places.
  unsigned pairs = 0;
  unsigned agree = 0;
  for (std::size_t i = 1; i < by_place.size(); ++i) {
    ++pairs;
    if (by_place[i].second == by_place[i - 1].second) ++agree;
  }
  if (by_place.front().first == by_place.back().first || alike >= 1) return false;
  return agree - pairs * alike >= kDeviations * std::sqrt(pairs * alike * (1 - alike));
}

}  // namespace flagfall::director
