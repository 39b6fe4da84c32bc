#include "director/cluster_book.hh"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace flagfall::director {
namespace {

/// So much may a call's time lie before the last one's: events of several threads. More is refused.
constexpr Nanos kBackwards = std::chrono::seconds(1);
/// Within this nothing about who was asked last changes.
constexpr Nanos kSameTime = std::chrono::seconds(1);
/// Longer than this nothing on the Internet takes, nor is faster.
constexpr double kLongest = 3600, kShortest = 1e-7, kFastest = 1e13, kSlowest = 1e-3;

BookOptions bounded(BookOptions o) {
  o.coarsest_v4 = std::min(o.coarsest_v4, 32U);
  o.coarsest_v6 = std::min(o.coarsest_v6, 128U);
  o.finest_v4 = std::clamp(o.finest_v4, o.coarsest_v4, 32U);
  o.finest_v6 = std::clamp(o.finest_v6, o.coarsest_v6, 128U);
  o.verdicts = std::clamp<unsigned>(o.verdicts, 1, PieceWindow::kMostOfOne);
  o.share = std::clamp(o.share, 0.5, 1.0);
  o.remember = std::max(o.remember, kTick);
  return o;
}

}  // namespace

ClusterBook::ClusterBook(BookOptions options, std::size_t servers, Random& random)
    : options_(bounded(std::move(options))),
      servers_(servers),
      judge_(options_, servers),
      tree_(options_.coarsest_v4, options_.coarsest_v6, options_.most, random) {
  assert(servers >= 1 && servers <= kMostServers);
}

bool ClusterBook::enter(MonoTime now) {
  if (!start_) {
    start_ = now;
    now_ = now;
  }
  if (now + kBackwards < now_) {
    ++counters_.refused;
    return false;
  }
  now_ = std::max(now_, now);
  return true;
}

Tick ClusterBook::tick(MonoTime t) const {
  return static_cast<Tick>(std::clamp<std::int64_t>((t - *start_) / kTick, 0, 0xffff'ffff));
}

Recency ClusterBook::recency() const {
  return {tick(now_), static_cast<Tick>(std::clamp<std::int64_t>(options_.remember / kTick, 1, 0xffff'ffff))};
}

unsigned ClusterBook::coarsest(Family family) const {
  return family == Family::v4 ? options_.coarsest_v4 : options_.coarsest_v6;
}

bool ClusterBook::sane(const Win& win) const {
  const ServerMask known = servers_ == kMostServers ? ~ServerMask{0} : (ServerMask{1} << servers_) - 1;
  return win.winner < servers_ && (win.losers & ~known) == 0 && (win.losers & bit(win.winner)) == 0 &&
         (!win.margin || (*win.margin >= Nanos(0) && *win.margin <= std::chrono::hours(1)));
}

bool ClusterBook::sane(const Measure& m) const {
  if (m.server >= servers_ || m.kind == Kind::race || static_cast<std::size_t>(m.kind) >= kKindNames.size())
    return false;
  if (m.about.length > m.about.ip.size() * 8 || masked(m.about.ip, m.about.length) != m.about.ip)
    return false;
  if (m.silent) return true;
  return more_is_better(m.kind) ? m.value >= kSlowest && m.value <= kFastest
                                : m.value >= kShortest && m.value <= kLongest;
}

bool ClusterBook::sane(const Prefix& prefix, const Order& order) const {
  if (prefix.length > prefix.ip.size() * 8 || masked(prefix.ip, prefix.length) != prefix.ip) return false;
  if (order.empty() || order.count > Order::kMost || order.group < 1 || order.group > order.count)
    return false;
  ServerMask seen = 0;
  for (const ServerIndex s : order.all()) {
    if (s >= servers_ || (seen & bit(s)) != 0) return false;
    seen |= bit(s);
  }
  return true;
}

void ClusterBook::asked(const IpAddress& client, MonoTime now) {
  if (!enter(now)) return;
  Cluster* const c = around_or_new(client, 128);
  if (c == nullptr || now_ - c->asked < kSameTime) return;
  seen(*c);
}

void ClusterBook::win(const Win& win, MonoTime now) {
  if (!enter(now)) return;
  Cluster* const c = sane(win) ? around_or_new(win.client, 128) : nullptr;
  constexpr auto kRace = static_cast<std::size_t>(Kind::race);
  if (c == nullptr) {
    ++counters_.refused;
    ++counters_.not_taken[kRace];
    return;
  }
  ++counters_.taken[kRace];
  ++(win.within_error ? counters_.ties : counters_.wins);
  Piece piece;
  piece.place = bits_after(win.client, c->prefix.length);
  piece.known =
      static_cast<std::uint8_t>(std::min<std::size_t>(32, win.client.size() * 8 - c->prefix.length));
  if (win.margin) piece.value = std::chrono::duration<float>(*win.margin).count();
  piece.losers = win.losers;
  piece.at = tick(now_);
  piece.server = win.winner;
  piece.certain = win.certainty == race::Certainty::certain;
  piece.tie = win.within_error;
  const Recency when = recency();
  forget_old(*c, when);
  c->wins.add_win(piece);
  apply(*c, judge_.find(*c, &piece, when), &piece);
}

void ClusterBook::measure(const Measure& m, MonoTime now) {
  if (!enter(now)) return;
  Cluster* const c = sane(m) ? around_or_new(m.about.ip, m.about.length) : nullptr;
  const auto kind = static_cast<std::size_t>(m.kind);
  if (c == nullptr) {
    ++counters_.refused;
    if (kind < counters_.not_taken.size()) ++counters_.not_taken.at(kind);
    return;
  }
  ++counters_.taken.at(kind);
  ++counters_.measures;
  Piece piece;
  piece.place = bits_after(m.about.ip, c->prefix.length);
  piece.known = static_cast<std::uint8_t>(std::min(32, m.about.length - c->prefix.length));
  piece.value = m.silent ? 0 : static_cast<float>(m.value);
  piece.at = tick(now_);
  piece.server = m.server;
  piece.kind = m.kind;
  piece.certain = true;
  piece.silent = m.silent;
  const Recency when = recency();
  forget_old(*c, when);
  c->figures.add_figure(piece);
  apply(*c, judge_.find(*c, &piece, when), &piece);
}

bool ClusterBook::bind(const Prefix& prefix, const Order& order, MonoTime now) {
  if (!enter(now)) return false;
  Cluster* c = nullptr;
  if (sane(prefix, order)) {
    c = tree_.find(prefix);
    if (c == nullptr) c = make(prefix, nullptr);
  }
  if (c == nullptr) {
    ++counters_.refused;
    return false;
  }
  set(*c, order, {.cause = Cause::by_hand});
  drop_inside(prefix);
  return true;
}

bool ClusterBook::unbind(const Prefix& prefix, MonoTime now) {
  if (!enter(now)) return false;
  const std::size_t parts = drop_inside(prefix);
  Cluster* const c = tree_.find(prefix);
  if (c != nullptr) drop(*c);
  return c != nullptr || parts > 0;
}

bool ClusterBook::forget(const Prefix& prefix, bool by_hand, MonoTime now) {
  if (!enter(now)) return false;
  Cluster* const c = tree_.find(prefix);
  if (c == nullptr || !c->bound() || c->by_hand() != by_hand) return false;
  drop(*c);
  return true;
}

bool ClusterBook::restore(const Binding& binding, MonoTime now) {
  if (!enter(now)) return false;
  if (!sane(binding.prefix, binding.order)) {
    ++counters_.refused;
    return false;
  }
  const bool hand = binding.reason.cause == Cause::by_hand;
  // It comes before what is learned, whichever is newer.
  if (!hand && within_word(binding.prefix)) return false;
  Cluster* c = tree_.find(binding.prefix);
  if (c == nullptr) c = make(binding.prefix, nullptr);
  if (c == nullptr) {
    ++counters_.refused;
    return false;
  }
  Reason reason = binding.reason;
  reason.cause = hand ? Cause::by_hand : Cause::restored;
  if (!std::isfinite(reason.advantage)) reason.advantage = 0;
  c->order = binding.order;
  c->reason = reason;
  c->since = std::min(binding.since, now_);
  c->renewed = std::min(binding.renewed, now_);
  seen(*c);
  tell(*c);
  // Of what is only being learned there, somebody knows more. At a start there is nothing to look through.
  if (hand || tree_.oldest(Rank::learning) != nullptr) drop_inside(binding.prefix, hand);
  return true;
}

void ClusterBook::reconfigure(BookOptions options) {
  options.coarsest_v4 = options_.coarsest_v4;
  options.coarsest_v6 = options_.coarsest_v6;
  options.finest_v4 = options_.finest_v4;
  options.finest_v6 = options_.finest_v6;
  options.most = options_.most;
  options_ = bounded(std::move(options));  // the judge looks at these
}

std::vector<Change> ClusterBook::take_changes() {
  std::vector<Change> out;
  out.swap(changes_);
  return out;
}

}  // namespace flagfall::director
