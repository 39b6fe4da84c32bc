// What becomes of a book's table by what was found: bindings, splits, merges, age, eviction.
#include <algorithm>
#include <cassert>

#include "director/cluster_book.hh"

namespace flagfall::director {
namespace {

/// Of the walk through the table at each call: all of it in 240 calls, a minute at four a second, or of a
/// large one so much that it costs no more than 0.6 ms a second: 2 us a cluster, most of them cache misses
/// (measured).
constexpr std::size_t kCalls = 240, kLeastAtOnce = 16, kMostAtOnce = 64;

/// The part of `prefix` that an address lies in, `depth` bits finer.
Prefix part_of(const Prefix& prefix, std::uint32_t place, unsigned depth) {
  Prefix out = prefix;
  for (unsigned i = 0; i < depth; ++i, ++out.length)
    if ((place >> (31 - i) & 1U) != 0)
      out.ip.octets.at(out.length / 8) =
          static_cast<std::uint8_t>(out.ip.octets.at(out.length / 8) | 0x80U >> (out.length % 8));
  return out;
}

Prefix sibling_of(Prefix prefix) {
  const unsigned last = prefix.length - 1U;
  prefix.ip.octets.at(last / 8) =
      static_cast<std::uint8_t>(prefix.ip.octets.at(last / 8) ^ 0x80U >> (last % 8));
  return prefix;
}

/// Both bound to the same server, by evidence.
bool agree(const Cluster& a, const Cluster& b) {
  return a.bound() && b.bound() && !a.by_hand() && !b.by_hand() && a.order.best() == b.order.best();
}

}  // namespace

Cluster* ClusterBook::around_or_new(const IpAddress& address, unsigned longest) {
  if (Cluster* const c = tree_.around(address, longest)) return c;
  const unsigned length = coarsest(address.family);
  if (longest < length) return nullptr;
  return make({masked(address, length), static_cast<std::uint8_t>(length)}, nullptr);
}

Cluster* ClusterBook::make(const Prefix& prefix, const Cluster* keep) {
  if (!make_room(keep)) return nullptr;
  Cluster& c = tree_.add(prefix);
  c.since = c.renewed = now_;
  seen(c);
  return &c;
}

bool ClusterBook::make_room(const Cluster* keep, std::size_t places) {
  while (tree_.size() + places > options_.most) {
    Cluster* victim = nullptr;
    for (const Rank rank : {Rank::learning, Rank::bound}) {
      victim = tree_.oldest(rank);
      if (victim != nullptr && victim == keep) {
        tree_.touch(*victim, rank);
        victim = tree_.oldest(rank);
        if (victim == keep) victim = nullptr;
      }
      if (victim != nullptr) break;
    }
    if (victim == nullptr) return false;
    ++counters_.evicted;
    drop(*victim);
  }
  return true;
}

void ClusterBook::seen(Cluster& cluster) {
  cluster.asked = now_;
  tree_.touch(cluster, cluster.by_hand() ? Rank::kept : cluster.bound() ? Rank::bound : Rank::learning);
}

void ClusterBook::tell(Cluster& cluster) {
  cluster.told = true;
  changes_.push_back({cluster.binding(), false});
}

void ClusterBook::drop(Cluster& cluster) {
  if (cluster.told) changes_.push_back({cluster.binding(), true});
  tree_.remove(cluster);
}

std::size_t ClusterBook::drop_inside(const Prefix& prefix, bool bound_ones) {
  std::vector<Cluster*> inside;
  tree_.for_each_inside(prefix, [&](Cluster& c) {
    if (!c.by_hand() && (bound_ones || !c.bound())) inside.push_back(&c);
  });
  for (Cluster* const c : inside) drop(*c);
  return inside.size();
}

void ClusterBook::set(Cluster& cluster, const Order& order, const Reason& reason) {
  cluster.order = order;
  cluster.reason = reason;
  cluster.since = cluster.renewed = now_;
  seen(cluster);
  tell(cluster);
}

void ClusterBook::apply(Cluster& cluster, const Finding& finding, const Piece* newest) {
  if (finding.agrees) cluster.renewed = now_;
  const Prefix prefix = cluster.prefix;
  switch (finding.what) {
    case Finding::What::keep:
      return;
    case Finding::What::bind:
      ++counters_.bound;
      set(cluster, finding.order, finding.reason);
      return settle(prefix);
    case Finding::What::rebind:
      ++counters_.rebound;
      set(cluster, finding.order, finding.reason);
      return settle(prefix);
    case Finding::What::split:
      assert(newest != nullptr);
      return split(cluster, finding, *newest);
    case Finding::What::halve:
      return halve(cluster);
  }
}

/// Time has passed, or evidence was moved.
void ClusterBook::review(const Prefix& prefix) {
  Cluster* const c = tree_.find(prefix);
  if (c != nullptr) apply(*c, judge_.find(*c, nullptr, recency()), nullptr);
}

void ClusterBook::split(Cluster& cluster, const Finding& finding, const Piece& newest) {
  const Prefix whole = cluster.prefix;
  const Prefix part = part_of(whole, newest.place, finding.depth);
  Cluster* const c = make(part, &cluster);
  if (c == nullptr) return;
  ++counters_.split;
  c->wins = cluster.wins.take_part(newest, finding.depth);
  c->figures = cluster.figures.take_part(newest, finding.depth);
  set(*c, finding.order, finding.reason);
  review(whole);
  settle(part);
}

void ClusterBook::halve(Cluster& cluster) {
  const Prefix whole = cluster.prefix;
  std::array<Prefix, 2> halves{part_of(whole, 0, 1), part_of(whole, 0x8000'0000U, 1)};
  if (!make_room(&cluster, 2)) return;
  std::array<Cluster*, 2> made{};
  for (std::size_t i = 0; i < 2; ++i) {
    made.at(i) = tree_.find(halves.at(i));
    if (made.at(i) == nullptr) made.at(i) = make(halves.at(i), &cluster);
    assert(made.at(i) != nullptr);
  }
  ++counters_.split;
  for (std::size_t i = 0; i < 2; ++i) {
    Piece like;
    like.place = i == 0 ? 0 : 0x8000'0000U;
    like.known = 32;
    const PieceWindow wins = cluster.wins.take_part(like, 1);
    const PieceWindow figures = cluster.figures.take_part(like, 1);
    made.at(i)->wins.take_in(wins, 0, 0, PieceWindow::kMostWins);
    made.at(i)->figures.take_in(figures, 0, 0, PieceWindow::kMostFigures);
    if (!made.at(i)->told) tell(*made.at(i));
  }
  drop(cluster);
  for (const Prefix& half : halves) review(half);
}

void ClusterBook::settle(const Prefix& prefix) {
  Prefix at = prefix;
  for (;;) {
    Cluster* const c = tree_.find(at);
    if (c == nullptr || !c->bound() || c->by_hand() || at.length <= coarsest(at.ip.family)) return;
    if (fold(*c)) return;
    const Cluster* const merged = merge(*c);
    if (merged == nullptr) return;
    at = merged->prefix;
  }
}

/// Into the cluster around it, when that is bound to the same server.
bool ClusterBook::fold(Cluster& cluster) {
  Cluster* const outer = tree_.around(cluster.prefix.ip, cluster.prefix.length - 1U);
  if (outer == nullptr || !agree(*outer, cluster)) return false;
  ++counters_.merged;
  move_evidence(cluster, *outer);
  drop(cluster);
  return true;
}

/// With its neighbour, when that is bound to the same server: both become the cluster that holds both.
Cluster* ClusterBook::merge(Cluster& cluster) {
  Cluster* const other = tree_.find(sibling_of(cluster.prefix));
  if (other == nullptr || !agree(cluster, *other)) return nullptr;
  const auto length = static_cast<std::uint8_t>(cluster.prefix.length - 1);
  const Prefix both{masked(cluster.prefix.ip, length), length};
  Cluster* outer = tree_.find(both);
  if (outer != nullptr && outer->by_hand()) return nullptr;
  const Prefix first = cluster.prefix;
  const Prefix second = other->prefix;
  // The place of one of the two is free at once: no third has to go.
  const Cluster& better = other->reason.pieces > cluster.reason.pieces ? *other : cluster;
  const Order order = better.order;
  Reason reason = better.reason;
  reason.cause = Cause::merged;
  if (cluster.reason.kind == other->reason.kind) {
    const auto sum = [](std::uint16_t a, std::uint16_t b) {
      return static_cast<std::uint16_t>(std::min(unsigned{a} + b, 0xffffU));
    };
    reason.agreeing = sum(cluster.reason.agreeing, other->reason.agreeing);
    reason.pieces = sum(cluster.reason.pieces, other->reason.pieces);
  }
  if (outer == nullptr) outer = &tree_.add(both);
  ++counters_.merged;
  const MonoTime asked = std::max({outer->asked, cluster.asked, other->asked});
  set(*outer, order, reason);
  outer->asked = asked;
  for (const Prefix& part : {first, second}) {
    Cluster& c = *tree_.find(part);
    move_evidence(c, *outer);
    drop(c);
  }
  return outer;
}

void ClusterBook::forget_old(Cluster& cluster, const Recency& recency) {
  if (recency.now <= recency.remember) return;
  cluster.wins.drop_before(recency.now - recency.remember);
  cluster.figures.drop_before(recency.now - recency.remember);
}

void ClusterBook::move_evidence(Cluster& from, Cluster& into) {
  const unsigned depth = from.prefix.length - into.prefix.length;
  const std::uint32_t path = bits_after(from.prefix.ip, into.prefix.length);
  into.wins.take_in(from.wins, path, depth, PieceWindow::kMostWins);
  into.figures.take_in(from.figures, path, depth, PieceWindow::kMostFigures);
  into.renewed = std::max(into.renewed, from.renewed);
  into.asked = std::max(into.asked, from.asked);
}

void ClusterBook::advance(MonoTime now) {
  if (!enter(now)) return;
  const std::size_t places = tree_.places();
  std::size_t left = std::min(std::clamp(places / kCalls, kLeastAtOnce, kMostAtOnce), places);
  for (; left > 0; --left) {
    walk_ = walk_ + 1 < places ? walk_ + 1 : 0;
    if (Cluster* const c = tree_.at_place(walk_)) look_again(*c);
  }
}

void ClusterBook::look_again(Cluster& cluster) {
  const Recency when = recency();
  forget_old(cluster, when);
  if (cluster.by_hand()) return;
  if (now_ - cluster.asked > options_.forget) {
    ++counters_.aged;
    return drop(cluster);
  }
  if (!cluster.bound()) {
    if (!cluster.figures.empty()) review(cluster.prefix);
    return;
  }
  if (!cluster.wins.empty() || !cluster.figures.empty()) {
    // Servers that were not known when it was bound have their place in the order now.
    const auto now = opinion(cluster, options_, servers_, when);
    if (now && now->order.best() == cluster.order.best() && now->order.count > cluster.order.count) {
      cluster.order = now->order;
      tell(cluster);
    }
  }
  settle(cluster.prefix);
}

}  // namespace flagfall::director
