#include "director/service_director.hh"

#include <algorithm>
#include <bit>
#include <cassert>
#include <tuple>
#include <utility>

namespace flagfall::director {
namespace {

/// Entries in use at once; beyond it only the best server of an order is kept apart.
constexpr std::size_t kMostEntries = 65'535;
/// Servers of an order that a table tells apart: with more, a million bindings could have a million orders.
constexpr std::size_t kTold = 3;
/// Between two looks at the servers' reports, which come every two seconds.
constexpr Nanos kLook = std::chrono::milliseconds(500);
/// Clusters whose bindings are in question at once.
constexpr std::size_t kMostDoubts = 4096;

/// Of which kind a policy's evidence is; none: it looks at something else.
std::optional<Kind> evidence_of(Policy policy) {
  switch (policy) {
    case Policy::race:
      return Kind::race;
    case Policy::ping:
      return Kind::ping;
    case Policy::tcp_rtt:
      return Kind::tcp_rtt;
    case Policy::tcp_rate:
      return Kind::tcp_rate;
    case Policy::least_connections:
    case Policy::most_free_memory:
    case Policy::most_free_swap:
    case Policy::most_idle_cpu:
    case Policy::round_robin:
    case Policy::weighted:
    case Policy::fixed:
    case Policy::geo:
    case Policy::composite:
      return std::nullopt;
  }
  return std::nullopt;
}

BookOptions with_kinds(ServiceOptions options) {
  options.book.kinds.clear();
  for (const Policy policy : options.policies)
    if (const auto kind = evidence_of(policy)) options.book.kinds.push_back(*kind);
  return options.book;
}

Order cut(const Order& order, std::size_t most) {
  Order out;
  for (const ServerIndex server : order.all())
    if (out.count < most) out.push(server);
  out.group = std::min(order.group, out.count);
  return out;
}

/// Behind the best one, before all others: who is in question is raced against (master/teaching.hh).
Order with_next(const Order& order, ServerIndex next) {
  if (order.empty() || order.group > 1) return order;
  Order out = Order::of(order.best());
  out.push(next);
  for (const ServerIndex server : order.all()) out.push(server);
  return out;
}

std::uint64_t key_of(const Entry& entry) {
  std::uint64_t key = entry.doubt ? 1 : 0;
  key = key * 67 + entry.order.group;
  for (const ServerIndex server : entry.order.all()) key = key * 67 + server + 1U;
  for (const std::uint8_t way : entry.ways) key = key * 67 + way;
  return key;
}

}  // namespace

ServiceDirector::ServiceDirector(ServiceOptions options, std::size_t servers, Random& random)
    : options_(std::move(options)),
      servers_(servers),
      book_(with_kinds(options_), servers, random),
      relief_(options_.shed),
      requests_(servers),
      alarm_(servers),
      loads_(servers),
      lots_(random.next()) {
  assert(servers_ >= 1 && servers_ <= kMostServers);
  options_.capacities.resize(servers_);
  if (has(Policy::composite) && options_.paths.network.borders() > 0)
    paths_ = std::make_unique<PathBook>(options_.paths, options_.book, random);
  ways_changed_ = paths_ != nullptr;
  for (std::size_t i = 0; i < servers_; ++i) fit_ |= bit(static_cast<ServerIndex>(i));
  publish();
}

bool ServiceDirector::has(Policy policy) const {
  return std::ranges::find(options_.policies, policy) != options_.policies.end();
}

void ServiceDirector::asked(const IpAddress& client, std::uint32_t queries, MonoTime now) {
  book_.asked(client, now);
  relief_.asked(client, queries, now);
  if (paths_) paths_->asked(client, now);
}

void ServiceDirector::ping_through(BorderIndex border, const Measure& measure, MonoTime now) {
  if (paths_) paths_->ping(border, measure, now);
}

void ServiceDirector::win(const Win& win, MonoTime now) {
  Binding bound;
  const bool known = book_.find(win.client, bound) && !bound.order.empty();
  book_.win(win, now);
  if (!known || win.within_error || win.winner >= servers_ || bound.reason.cause == Cause::by_hand) return;
  Binding after;
  if (!book_.find(win.client, after)) return;
  if (after.prefix != bound.prefix) {
    // The part that contradicted is a cluster of its own now.
    if (doubted_.erase(bound.prefix) > 0 && book_.at(bound.prefix, bound)) put(bound);
    return;
  }
  const ServerIndex best = bound.order.best();
  const auto at = doubted_.find(bound.prefix);
  // Races of a network in doubt come fast, and would speak for all.
  const ServerMask ran = win.losers | bit(win.winner);
  if (at == doubted_.end() && (ran & bit(best)) != 0 && ran != bit(best)) {
    const double often = view_->sample_of(best);
    alarm_.raced(best, bound.prefix, win.winner != best, often > 0 ? options_.sample / often : 1, now);
  }
  if (win.winner == best) {
    // To win against others says nothing of who won before.
    if (at == doubted_.end()) return;
    const ServerMask left = at->second.by & ~win.losers;
    if (left == at->second.by) return;
    if (left == 0) {
      doubted_.erase(at);
    } else {
      at->second.by = left;
      at->second.challenger = static_cast<ServerIndex>(std::countr_zero(left));
    }
  } else if (at != doubted_.end()) {
    const bool same = at->second.challenger == win.winner;
    at->second = {now + options_.doubt, at->second.by | bit(win.winner), win.winner};
    if (same) return;
  } else if (doubted_.size() < kMostDoubts) {
    doubted_.emplace(bound.prefix, Doubt{now + options_.doubt, bit(win.winner), win.winner});
  }
  put(after);
}

void ServiceDirector::fill(Filled& out, const PrefixOrders& entries) {
  PrefixTableEditor editor;
  std::vector<std::uint32_t> values;
  for (const auto& [prefix, order] : entries) {
    if (order.empty()) continue;
    values.push_back(value_of({order, false, {}}));
    ++uses_[values.back() - 1];
    editor.set(prefix, values.back());
  }
  for (const std::uint32_t value : out.values) release(value);
  out = {editor.publish(), std::move(values)};
  changed_ = true;
}

void ServiceDirector::reconfigure(ServiceOptions options) {
  options_.policies = std::move(options.policies);
  options_.capacities = std::move(options.capacities);
  options_.capacities.resize(servers_);
  options_.load = options.load;
  options_.sample = options.sample;
  options_.book.verdicts = options.book.verdicts;
  options_.book.share = options.book.share;
  options_.book.remember = options.book.remember;
  options_.book.forget = options.book.forget;
  options_.book.hysteresis = options.book.hysteresis;
  options_.book.least_gain = options.book.least_gain;
  book_.reconfigure(with_kinds(options_));
  changed_ = true;
}

void ServiceDirector::set_fixed(const PrefixOrders& entries) {
  fill(fixed_, entries);
}
void ServiceDirector::set_geo(const PrefixOrders& entries) {
  fill(geo_, entries);
}

void ServiceDirector::set_fit(ServerMask fit) {
  changed_ = changed_ || fit != fit_;
  fit_ = fit;
}

void ServiceDirector::load(ServerIndex server, const ServerLoad& load) {
  assert(server < servers_);
  loads_[server] = load;
}

void ServiceDirector::served(ServerIndex server, double requests) {
  requests_.at(server) = requests;
}

std::pair<Choice, Policy> ServiceDirector::choose(MonoTime now) {
  std::vector<double> weights;
  for (const Capacity& c : options_.capacities) weights.push_back(c.weight);
  for (const Policy policy : options_.policies) {
    Choice choice;
    if (by_load(policy)) choice = choose_by_load(policy, fit_, loads_, options_.load, now, lots_);
    if (policy == Policy::weighted) choice = choose_weighted(fit_, weights, lots_);
    if (policy == Policy::round_robin) choice = choose_in_turn(fit_, 0);
    if (!choice.order.empty()) return {choice, policy};
  }
  return {};
}

bool ServiceDirector::bind(const Prefix& prefix, ServerIndex server, MonoTime now) {
  assert(server < servers_);
  return book_.bind(prefix, Order::of(server), now);
}

bool ServiceDirector::unbind(const Prefix& prefix, MonoTime now) {
  return book_.unbind(prefix, now);
}

std::uint32_t ServiceDirector::value_of(const Entry& entry) {
  // A group is told whole: it is what requests are shared by.
  const std::size_t told_apart = std::max<std::size_t>(kTold, entry.order.group);
  const std::size_t used = entries_.size() - free_.size();
  Entry told{cut(entry.order, used < kMostEntries ? told_apart : 1), entry.doubt, entry.ways};
  for (std::size_t i = told.order.count; i < told.ways.size(); ++i) told.ways.at(i) = 0;
  auto& same = values_[key_of(told)];
  for (const std::uint32_t value : same)
    if (entries_[value - 1] == told) return value;
  entries_changed_ = true;
  if (free_.empty()) {
    entries_.push_back(told);
    uses_.push_back(0);
    same.push_back(static_cast<std::uint32_t>(entries_.size()));
  } else {
    same.push_back(free_.back());
    free_.pop_back();
    entries_[same.back() - 1] = told;
  }
  return same.back();
}

void ServiceDirector::set(PrefixTableEditor& table, const Prefix& prefix, std::uint32_t value) {
  const std::uint32_t before = table.get(prefix);
  if (before == value) return;
  ++uses_[value - 1];
  if (before != 0) release(before);
  table.set(prefix, value);
}

void ServiceDirector::erase(PrefixTableEditor& table, const Prefix& prefix) {
  const std::uint32_t before = table.get(prefix);
  if (before == 0) return;
  release(before);
  table.erase(prefix);
}

void ServiceDirector::release(std::uint32_t value) {
  if (--uses_[value - 1] == 0) released_.push_back(value);
}

/// After a publish(), when no table of ours has what was released before it. Older views have entries of
/// their own.
void ServiceDirector::reclaim() {
  std::ranges::sort(released_);
  released_.erase(std::unique(released_.begin(), released_.end()), released_.end());
  for (const std::uint32_t value : released_) {
    if (uses_[value - 1] > 0) continue;
    const auto same = values_.find(key_of(entries_[value - 1]));
    std::erase(same->second, value);
    if (same->second.empty()) values_.erase(same);
    free_.push_back(value);
  }
  released_.clear();
}

void ServiceDirector::put(const Binding& binding) {
  const auto at = doubted_.find(binding.prefix);
  Order order = moved(binding.prefix, binding.order, Policy::race);
  if (at != doubted_.end()) order = with_next(order, at->second.challenger);
  const std::uint32_t value = value_of({order, at != doubted_.end(), {}});
  set(bindings_, binding.prefix, value);
  if (binding.reason.cause == Cause::by_hand) {
    set(by_hand_, binding.prefix, value);
  } else {
    erase(by_hand_, binding.prefix);
  }
  bindings_changed_ = true;
}

void ServiceDirector::apply(const Change& change) {
  const Binding& b = change.binding;
  if (change.gone || b.reason.cause == Cause::rebound || b.reason.cause == Cause::by_hand)
    doubted_.erase(b.prefix);
  if (change.gone || b.reason.cause == Cause::by_hand) {
    relief_.forget(b.prefix);
    away_by_.erase(b.prefix);
  }
  if (!change.gone) return put(b);  // one that is learning, too: around it may lie another's binding
  erase(bindings_, b.prefix);
  erase(by_hand_, b.prefix);
  bindings_changed_ = true;
}

std::vector<CompositeServer> ServiceDirector::spare(MonoTime now) const {
  std::vector<CompositeServer> out;
  for (std::size_t i = 0; i < servers_; ++i) {
    const Capacity& capacity = options_.capacities[i];
    const ServerLoad* const load = fresh_load(loads_[i], options_.load.fresh, now);
    out.push_back({.capacity = capacity.weight, .busy = busyness(capacity, load, requests_[i])});
  }
  return out;
}

void ServiceDirector::follow_paths(MonoTime now) {
  if (!paths_) return;
  auto servers = spare(now);
  const View::Weights weights = spare_weights(servers, fit_);
  changed_ = changed_ || weights != spare_;
  spare_ = weights;
  paths_->set(fit_, std::move(servers));
  for (const PathWord& word : paths_->advance(now)) {
    if (!word.gone) {
      put_way(word);
      continue;
    }
    ways_changed_ = true;
    erase(ways_, word.prefix);
    if (const auto by = away_by_.find(word.prefix); by != away_by_.end() && by->second == Policy::composite) {
      relief_.forget(word.prefix);
      away_by_.erase(by);
    }
  }
}

bool ServiceDirector::advance(MonoTime now) {
  book_.advance(now);
  for (const Change& change : book_.take_changes()) {
    apply(change);
    changes_.push_back(change);
  }
  for (auto at = doubted_.begin(); at != doubted_.end();) {
    if (at->second.until > now) {
      ++at;
      continue;
    }
    const Prefix prefix = at->first;
    at = doubted_.erase(at);
    if (Binding bound; book_.at(prefix, bound)) put(bound);
  }
  if (changed_ || now - chosen_ >= kLook) {
    chosen_ = now;
    const auto next = choose(now);
    changed_ = changed_ || next.first != otherwise_ || next.second != otherwise_by_;
    std::tie(otherwise_, otherwise_by_) = next;
  }
  changed_ = alarm_.advance(now) || changed_;
  follow_paths(now);
  relieve(now);
  if (!changed_ && !bindings_changed_ && !ways_changed_ && !moved_changed_) return false;
  publish();
  return true;
}

std::vector<Change> ServiceDirector::take_changes() {
  return std::exchange(changes_, {});
}

void ServiceDirector::publish() {
  auto view = std::make_shared<View>();
  std::size_t t = 0;
  if (bindings_changed_) bindings_table_ = bindings_.publish();
  if (ways_changed_) ways_table_ = ways_.publish();
  if (moved_changed_) moved_table_ = moved_.publish();
  if (by_hand_.size() > 0) view->tables.at(t++) = by_hand_.publish();
  bool book_done = false;
  bool moved_done = moved_.size() == 0;
  const auto add_moved = [&] {
    if (!std::exchange(moved_done, true)) view->tables.at(t++) = moved_table_;
  };
  for (const Policy policy : options_.policies) {
    if (evidence_of(policy) && !std::exchange(book_done, true)) {
      view->book = t;
      view->tables.at(t++) = bindings_table_;
    }
    if (policy == Policy::composite && ways_table_) {
      view->paths = t;
      view->tables.at(t++) = ways_table_;
    }
    if (policy == Policy::fixed || policy == Policy::geo) add_moved();
    if (policy == Policy::fixed && fixed_.table) view->tables.at(t++) = fixed_.table;
    if (policy == Policy::geo && geo_.table) view->tables.at(t++) = geo_.table;
    // One that looks at the servers alone has an opinion about everybody, or about nobody.
    if (policy == otherwise_by_ && !otherwise_.order.empty()) break;
  }
  add_moved();
  view->otherwise = otherwise_.order;
  view->weights = otherwise_.weight;
  view->spare = spare_;
  if (std::exchange(entries_changed_, false))
    published_entries_ = std::make_shared<const std::vector<Entry>>(entries_);
  view->entries = published_entries_;
  view->races = has(Policy::race);
  view->sample = options_.sample;
  view->alarmed = alarm_.raised();
  if (options_.sample > 0) view->alarm_sample = std::max(options_.sample, options_.alarm_sample);
  view->fit = fit_;
  view_ = std::move(view);
  changed_ = bindings_changed_ = ways_changed_ = moved_changed_ = false;
  reclaim();
}

Explanation ServiceDirector::explain(const IpAddress& address) const {
  Explanation out;
  out.decision = view_->decide(address);
  out.known = book_.find(address, out.cluster);
  if (out.known) out.candidates = book_.candidates(out.cluster.prefix);
  if (Prefix network; paths_ && paths_->find(address, network)) out.paths = paths_->candidates(network);
  if (const auto home = home_of(address))
    if (const Move* const move = relief_.away(home->group.prefix)) out.shed = *move;
  const auto look = [&](const std::shared_ptr<const PrefixTable>& table) {
    const auto found = table ? table->find(address) : PrefixTable::Found{};
    return found.value == 0 ? Order{} : entries_[found.value - 1].order;
  };
  for (const Policy policy : options_.policies) {
    PolicyWord word{policy, {}, {}};
    if (const auto kind = evidence_of(policy)) {
      if (out.known && out.cluster.reason.kind == *kind) word.order = out.cluster.order;
      word.why = word.order.empty() ? "no opinion yet" : to_text(out.cluster.reason);
    } else if (policy == Policy::composite) {
      word.order = look(ways_table_);
      word.why = word.order.empty() ? "no path yet" : "the nearest by what they have to spare";
    } else if (policy == Policy::fixed || policy == Policy::geo) {
      word.order = look(policy == Policy::fixed ? fixed_.table : geo_.table);
      word.why = word.order.empty() ? "no entry" : "its entry";
    } else {
      if (policy == otherwise_by_) word.order = otherwise_.order;
      word.why = word.order.empty() ? "no opinion" : "by lot of equal ones";
    }
    out.words.push_back(std::move(word));
  }
  return out;
}

}  // namespace flagfall::director
