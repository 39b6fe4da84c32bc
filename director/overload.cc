#include "director/overload.hh"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <queue>
#include <tuple>

namespace flagfall::director {
namespace {

/// A figure of use below this says more about an idle machine than about requests.
constexpr double kBusy = 0.5;

std::size_t place_of(const Order& order, ServerIndex server) {
  return static_cast<std::size_t>(std::ranges::find(order.all(), server) - order.all().begin());
}

std::optional<ServerIndex> first_fit(const Order& order, ServerMask fit) {
  for (const ServerIndex server : order.all())
    if ((fit & bit(server)) != 0) return server;
  return std::nullopt;
}

}  // namespace

void Shedder::look(std::span<const ServerUse> servers, MonoTime now) {
  assert(servers.size() <= kMostServers);
  servers_.resize(servers.size());
  for (std::size_t i = 0; i < servers.size(); ++i) {
    Server& s = servers_[i];
    s.now = servers[i];
    if (!(s.now.requests >= 0) || !std::isfinite(s.now.requests)) s.now.requests = 0;
    if (s.now.use && (!(*s.now.use >= 0) || !std::isfinite(*s.now.use))) s.now.use.reset();
    s.projected = s.now.use.value_or(0);
    if (s.now.use && s.now.requests > 0 && (!s.learned || *s.now.use >= kBusy)) {
      s.unit = *s.now.use / s.now.requests;
      s.learned = s.learned || *s.now.use >= kBusy;
    } else if (!s.learned) {
      s.unit = 0;
    }
    const bool calm = !s.now.limited || (s.now.use && *s.now.use < options_.calm);
    if (!calm) s.calm_since.reset();
    if (calm && !s.calm_since) s.calm_since = now;
  }
  // Who has served nobody yet is taken to be as slow as the slowest.
  double most = 0;
  for (const Server& s : servers_) most = std::max(most, s.unit);
  for (Server& s : servers_)
    if (s.unit == 0) s.unit = most;
}

ServerMask Shedder::serving(const ClientGroup& group, ServerMask fit) const {
  if (const auto moved = away_.find(group.prefix); moved != away_.end()) return bit(moved->second.to);
  ServerMask out = 0;
  for (const ServerIndex server : group.order.all().first(group.order.group)) out |= bit(server) & fit;
  if (out != 0) return out;
  const auto server = first_fit(group.order, fit);
  return server ? bit(*server) : 0;
}

bool Shedder::has_room(ServerIndex server, double requests) const {
  if (server >= servers_.size()) return false;
  const Server& s = servers_[server];
  if (!s.now.limited) return true;
  return s.now.use && s.projected + requests * s.unit <= options_.fill;
}

void Shedder::shift(ServerMask from, ServerIndex to, double requests) {
  const double part = requests / std::popcount(from);
  for (ServerMask left = from; left != 0; left &= left - 1)
    if (const auto i = static_cast<std::size_t>(std::countr_zero(left)); i < servers_.size())
      servers_[i].projected -= part * servers_[i].unit;
  if (to < servers_.size()) servers_[to].projected += requests * servers_[to].unit;
}

void Shedder::check_away(ServerMask fit, std::span<const ClientGroup> groups, Relief& out) {
  present_.clear();
  for (const ClientGroup& group : groups)
    if (away_.contains(group.prefix)) present_[group.prefix] = &group;
  for (auto at = away_.begin(); at != away_.end();) {
    const Move& move = at->second;
    const auto present = present_.find(at->first);
    const ClientGroup* const group = present == present_.end() ? nullptr : present->second;
    const auto home = group != nullptr ? first_fit(group->order, fit) : std::optional(move.from);
    const bool holds = (fit & bit(move.to)) != 0 && (fit & bit(move.from)) != 0 && home == move.from &&
                       (group == nullptr || group->order.has(move.to));
    if (holds) {
      ++at;
      continue;
    }
    // Rebound, or a server of the two is gone: the order holds again, and what is over then sheds anew.
    out.returns.push_back({at->first, move.to, home.value_or(move.from)});
    if (group != nullptr && home) shift(bit(move.to), *home, group->requests);
    ++counters_.returned;
    at = away_.erase(at);
  }
}

bool Shedder::best_target(const ClientGroup& group, ServerIndex from, ServerMask fit, Candidate& out) const {
  const std::size_t here = place_of(group.order, from);
  const double now = here < group.order.count ? group.cost.at(here) : 0;
  bool found = false;
  for (std::size_t i = 0; i < group.order.count; ++i) {
    const ServerIndex to = group.order.servers.at(i);
    if (to == from || (fit & bit(to)) == 0 || !has_room(to, group.requests)) continue;
    const bool guessed = !(now > 0) || !(group.cost.at(i) > 0);
    const double loss = guessed ? static_cast<double>(i) - static_cast<double>(here) : group.cost.at(i) - now;
    if (!found || std::tuple(guessed, loss) < std::tuple(out.guessed, out.loss)) {
      out = {&group, to, guessed, loss};
      found = true;
    }
  }
  return found;
}

void Shedder::shed(ServerIndex server, ServerMask fit, std::span<const ClientGroup> groups, MonoTime now,
                   Relief& out) {
  Server& over = servers_[server];
  if (!over.now.limited || !over.now.use || over.projected <= 1) return;
  if (over.shed && now - *over.shed < options_.settle) return;
  if (over.unit == 0) {  // over, and nobody asks anybody: it is not the requests
    ++counters_.stuck;
    return;
  }
  // The least loss on top; of equal ones the largest group, so that few move.
  const auto worse = [](const Candidate& a, const Candidate& b) {
    return std::tuple(a.guessed, a.loss, -a.group->requests, a.group->prefix) >
           std::tuple(b.guessed, b.loss, -b.group->requests, b.group->prefix);
  };
  std::priority_queue<Candidate, std::vector<Candidate>, decltype(worse)> queue(worse);
  Candidate next;
  for (const ClientGroup& group : groups)
    if (group.requests > 0 && std::isfinite(group.requests) && (serving(group, fit) & bit(server)) != 0 &&
        best_target(group, server, fit, next))
      queue.push(next);
  while (over.projected > 1 && !queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    if (!has_room(best.to, best.group->requests)) {  // others have come there since
      if (best_target(*best.group, server, fit, next)) queue.push(next);
      continue;
    }
    const auto before = away_.find(best.group->prefix);
    const ServerIndex home = before != away_.end() ? before->second.from : server;
    if (before == away_.end() && away_.size() >= options_.most) break;
    shift(serving(*best.group, fit), best.to, best.group->requests);
    over.shed = now;
    if (best.to == home) {
      out.returns.push_back({best.group->prefix, server, home});
      away_.erase(before);
      ++counters_.returned;
      continue;
    }
    out.moves.push_back({best.group->prefix, server, best.to});
    away_[best.group->prefix] = {best.group->prefix, home, best.to};
    present_[best.group->prefix] = best.group;
    ++counters_.moved;
  }
  if (over.projected > 1) ++counters_.stuck;
}

void Shedder::take_back(ServerIndex server, MonoTime now, Relief& out) {
  Server& home = servers_[server];
  if (!home.calm_since || now - *home.calm_since < options_.rest) return;
  if (home.shed && now - *home.shed < options_.rest) return;
  if (home.took_back && now - *home.took_back < options_.settle) return;
  // Who loses most by being away comes first.
  std::vector<std::pair<double, const Move*>> absent;
  for (const auto& [prefix, move] : away_) {
    if (move.from != server) continue;
    const auto present = present_.find(prefix);
    double loss = std::numeric_limits<double>::infinity();  // silent: it costs nothing, and is forgotten
    if (present != present_.end()) {
      const ClientGroup& group = *present->second;
      loss = group.cost.at(std::min(place_of(group.order, move.to), Order::kMost - 1)) -
             group.cost.at(std::min(place_of(group.order, move.from), Order::kMost - 1));
    }
    absent.emplace_back(loss, &move);
  }
  std::ranges::stable_sort(absent, [](const auto& a, const auto& b) { return a.first > b.first; });
  double budget = options_.back * std::max(home.now.requests, 1.0);
  std::size_t silent = absent.size() / 20 + 16;
  std::vector<Prefix> back;
  bool some = false;
  for (const auto& [loss, move] : absent) {
    const auto present = present_.find(move->prefix);
    const double requests = present == present_.end() ? 0 : present->second->requests;
    if (requests == 0 ? silent == 0 : some && requests > budget) continue;
    // Not so many that it would have to shed them again.
    if (home.now.limited && home.projected + requests * home.unit > options_.fill) continue;
    if (requests == 0)
      --silent;
    else
      some = true;
    budget -= requests;
    shift(bit(move->to), server, requests);
    out.returns.push_back({move->prefix, move->to, server});
    back.push_back(move->prefix);
    ++counters_.returned;
  }
  for (const Prefix& prefix : back) away_.erase(prefix);
  if (!back.empty()) home.took_back = now;
}

Relief Shedder::advance(std::span<const ServerUse> servers, ServerMask fit,
                        std::span<const ClientGroup> groups, MonoTime now) {
  Relief out;
  look(servers, now);
  check_away(fit, groups, out);
  std::vector<ServerIndex> all;
  for (std::size_t i = 0; i < servers_.size(); ++i) all.push_back(static_cast<ServerIndex>(i));
  std::ranges::stable_sort(
      all, [&](ServerIndex a, ServerIndex b) { return servers_[a].projected > servers_[b].projected; });
  for (const ServerIndex server : all) shed(server, fit, groups, now, out);
  for (const ServerIndex server : all)
    if ((fit & bit(server)) != 0) take_back(server, now, out);
  return out;
}

}  // namespace flagfall::director
