// Of a service's director: which client groups are answered elsewhere while a server is over its capacity.
#include <algorithm>

#include "director/service_director.hh"

namespace flagfall::director {
namespace {

/// Seconds by each server of an order, where figures of time are known.
void add_costs(ClientGroup& group, const std::vector<Candidate>& candidates) {
  for (std::size_t i = 0; i < group.order.count; ++i) {
    const auto at = std::ranges::find(candidates, group.order.servers.at(i), &Candidate::server);
    if (at == candidates.end() || at->silent) continue;
    const double ping = at->value.at(static_cast<std::size_t>(Kind::ping));
    group.cost.at(i) = ping > 0 ? ping : at->value.at(static_cast<std::size_t>(Kind::tcp_rtt));
  }
}

bool of_the_book(Policy policy) {
  return policy == Policy::race || policy == Policy::ping || policy == Policy::tcp_rtt ||
         policy == Policy::tcp_rate;
}

/// Where a policy's orders stand. The same prefix may be a group of the book, of the paths, or a network.
enum class Table : std::uint8_t { book, paths, none };
Table table_of(Policy policy) {
  if (of_the_book(policy)) return Table::book;
  return policy == Policy::composite ? Table::paths : Table::none;
}

}  // namespace

std::optional<ServiceDirector::Home> ServiceDirector::home_of(const IpAddress& client) const {
  const unsigned finest = client.family == Family::v4 ? std::min(24U, options_.book.finest_v4)
                                                      : std::min(56U, options_.book.finest_v6);
  Home out;
  out.group.prefix = {masked(client, finest), static_cast<std::uint8_t>(finest)};
  Binding bound;
  const bool known = book_.find(client, bound);
  if (known && bound.reason.cause == Cause::by_hand) return std::nullopt;
  const auto look = [&](const std::shared_ptr<const PrefixTable>& table) {
    return table ? table->find(client) : PrefixTable::Found{};
  };
  for (const Policy policy : options_.policies) {
    out.policy = policy;
    if (of_the_book(policy)) {
      if (known && !bound.order.empty()) {
        out.group.prefix = bound.prefix;
        out.group.order = bound.order;
        add_costs(out.group, book_.candidates(bound.prefix));
      } else if (policy == Policy::race) {
        return std::nullopt;  // raced: everybody answers it
      }
    } else if (policy == Policy::composite) {
      Prefix network;
      const PathWord* const word = paths_ && paths_->find(client, network) ? paths_->said(network) : nullptr;
      if (word != nullptr && !word->order.empty()) {
        out.group.prefix = network;
        out.group.order = word->order;
        out.border = word->border;
        for (const PathBook::Candidate& path : paths_->candidates(network))
          for (std::size_t i = 0; i < word->order.count; ++i)
            if (word->order.servers.at(i) == path.server && out.group.cost.at(i) == 0)
              out.group.cost.at(i) = path.metric;
      }
    } else if (policy == Policy::fixed || policy == Policy::geo) {
      // No wider than what has this order throughout.
      const auto found = look(policy == Policy::fixed ? fixed_.table : geo_.table);
      if (found.value == 0) continue;
      const auto length = std::max(out.group.prefix.length, found.scope);
      out.group.prefix = {masked(client, length), length};
      out.group.order = entries_[found.value - 1].order;
    } else if (policy == otherwise_by_) {
      out.group.order = otherwise_.order;
    }
    if (!out.group.order.empty()) return out;
  }
  return std::nullopt;
}

Order ServiceDirector::moved(const Prefix& prefix, const Order& order, Policy policy) const {
  const auto by = away_by_.find(prefix);
  const Move* const move =
      by != away_by_.end() && table_of(by->second) == table_of(policy) ? relief_.away(prefix) : nullptr;
  if (move == nullptr || order.empty()) return order;
  Order out = Order::of(move->to);
  for (const ServerIndex server : order.all()) out.push(server);
  return out;
}

void ServiceDirector::place(const Prefix& prefix, Policy policy) {
  if (of_the_book(policy)) {
    if (Binding bound; book_.at(prefix, bound)) put(bound);
    return;
  }
  if (policy == Policy::composite) {
    const PathWord* const word = paths_ ? paths_->said(prefix) : nullptr;
    if (word != nullptr) put_way(*word);
    return;
  }
  moved_changed_ = true;
  const auto home = home_of(prefix.ip);
  if (relief_.away(prefix) == nullptr || !home)
    erase(moved_, prefix);
  else
    set(moved_, prefix, value_of({moved(prefix, home->group.order, policy), false, {}}));
}

void ServiceDirector::put_way(const PathWord& word) {
  ways_changed_ = true;
  Entry entry{moved(word.prefix, word.order, Policy::composite), false, {}};
  for (std::size_t i = 0; i < entry.order.count; ++i) {
    const auto at = std::ranges::find(word.order.all(), entry.order.servers.at(i)) - word.order.all().begin();
    if (const auto place = static_cast<std::size_t>(at); place < word.order.count)
      entry.ways.at(i) = static_cast<std::uint8_t>(word.border.at(place) + 1);
  }
  set(ways_, word.prefix, value_of(entry));
}

void ServiceDirector::relieve(MonoTime now) {
  if (std::ranges::none_of(options_.capacities, &Capacity::limited)) return;
  std::vector<ServerUse> use;
  for (std::size_t i = 0; i < servers_; ++i) {
    const Capacity& capacity = options_.capacities[i];
    const ServerLoad* const load = fresh_load(loads_[i], options_.load.fresh, now);
    use.push_back({in_use(capacity, load, requests_[i]), capacity.limited(), requests_[i]});
  }
  std::map<Prefix, Policy> seen;
  const Relief relief = relief_.advance(
      use, fit_,
      [&](const IpAddress& client) -> std::optional<ClientGroup> {
        const auto home = home_of(client);
        if (!home) return std::nullopt;
        seen.emplace(home->group.prefix, home->policy);
        return home->group;
      },
      now);
  for (const Move& move : relief.moves) {
    away_by_[move.prefix] = seen.at(move.prefix);
    place(move.prefix, seen.at(move.prefix));
  }
  for (const Move& move : relief.returns)
    if (const auto by = away_by_.find(move.prefix); by != away_by_.end()) {
      const Policy policy = by->second;
      away_by_.erase(by);
      place(move.prefix, policy);
    }
  // A group that another policy decides for now, or another prefix, is none any more.
  for (auto at = away_by_.begin(); at != away_by_.end();) {
    const auto [prefix, policy] = *at;
    const auto by = seen.find(prefix);
    const bool changed = by != seen.end() ? by->second != policy : [&, p = prefix, old = policy] {
      const auto home = home_of(p.ip);
      return home && (home->group.prefix == p ? home->policy != old : home->group.prefix.length <= p.length);
    }();
    at = std::next(at);
    if (!changed) continue;
    relief_.forget(prefix);
    away_by_.erase(prefix);
    place(prefix, policy);
  }
}

}  // namespace flagfall::director
