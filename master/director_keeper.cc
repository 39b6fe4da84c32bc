#include "master/director_keeper.hh"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <thread>
#include <tuple>
#include <variant>

#include "director/store/record_text.hh"

namespace flagfall::master {
namespace {

using director::Cause;
using director::Store;
using director::StoredChange;
using director::StoredChanges;

/// Records of one turn of restoring: some milliseconds of work.
constexpr std::size_t kTurn = 20'000;
/// Changes that wait here while the store is full; then all is written anew once it has room.
constexpr std::size_t kMostWaiting = 1'000'000;
constexpr std::size_t kMostHeldBack = 10'000;

}  // namespace

bool DirectorKeeper::restore(Nanos patience) {
  if (!store_) return true;
  const MonoTime until = clock_.mono() + patience;
  while (!store_->restored() && clock_.mono() < until) {
    take();
    if (!store_->restored()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return store_->restored();
}

RealTime DirectorKeeper::later(RealTime t) {
  latest_ = std::max(t, latest_ + Nanos(1));
  return latest_;
}

void DirectorKeeper::take() {
  const StoredChanges got = store_->take(kTurn);
  for (const StoredChange& change : got.bindings) latest_ = std::max(latest_, change.binding.renewed);
  for (const director::StoredDrain& drain : got.drains) latest_ = std::max(latest_, drain.since);
  // What has changed since, and the store has not been told yet, is newer: for other masters, too.
  using About = std::tuple<std::string_view, Prefix, bool>;
  const auto about = [](const director::StoredBinding& b) { return About{b.service, b.prefix, b.by_hand()}; };
  std::map<About, StoredChange*> ours;
  if (!got.bindings.empty())
    for (StoredChange& change : waiting_.bindings) ours.insert_or_assign(about(change.binding), &change);
  for (const StoredChange& change : got.bindings) {
    const auto at = ours.find(about(change.binding));
    if (at == ours.end()) {
      apply(change);
    } else {
      RealTime& renewed = at->second->binding.renewed;
      renewed = later(renewed);
    }
  }
  for (const director::StoredDrain& drain : got.drains) {
    const auto last = std::find_if(waiting_.drains.rbegin(), waiting_.drains.rend(),
                                   [&](const auto& waits) { return waits.server == drain.server; });
    if (last != waiting_.drains.rend()) {
      last->since = later(last->since);
    } else if (!desk_.drain(drain.server, !drain.gone)) {
      ++foreign_;
    } else if (drain.gone) {
      drains_.erase(drain.server);
    } else {
      drains_.insert_or_assign(drain.server, drain);
    }
  }
}

void DirectorKeeper::apply(const StoredChange& change) {
  const director::StoredBinding& b = change.binding;
  const auto& services = desk_.config().services;
  const auto at = std::ranges::find(services, b.service, &ServiceConfig::name);
  const auto s = static_cast<std::size_t>(at - services.begin());
  if (at == services.end() || desk_.of(s) == nullptr) {
    ++foreign_;
    return;
  }
  if (!b.by_hand()) held_back_.erase({s, b.prefix});
  if (unbound_.contains({s, b.prefix})) return;
  director::ServiceDirector& director = *desk_.of(s);
  const MonoTime now = clock_.mono();
  if (change.gone) {
    if (director.forget(b.prefix, b.by_hand(), now)) taken_.insert({s, b.prefix, b.by_hand(), true});
    if (b.by_hand())
      for (const StoredChange& learned : held_back(s, b.prefix)) apply(learned);
    return;
  }
  director::Binding out;
  out.prefix = b.prefix;
  for (const std::string& name : b.servers)
    if (const auto server = desk_.server(s, name)) out.order.push(*server);
  if (out.order.empty()) {
    ++foreign_;
    return;
  }
  out.order.group = static_cast<std::uint8_t>(std::clamp<unsigned>(b.group, 1, out.order.count));
  out.reason = {.cause = b.by_hand() ? Cause::by_hand : Cause::restored,
                .kind = b.kind,
                .agreeing = b.agreeing,
                .pieces = b.pieces,
                .advantage = b.advantage};
  const RealTime real = clock_.real();
  const auto age = [&](RealTime t) { return std::max(real - t, Nanos(0)); };
  out.since = now - age(b.since);
  out.renewed = now - age(b.renewed);
  if (director.restore(out, now)) {
    taken_.insert({s, b.prefix, b.by_hand(), false});
  } else if (!b.by_hand() && director.book().within_word(b.prefix) && held_back_.size() < kMostHeldBack) {
    held_back_.emplace(Key{s, b.prefix}, change);
  }
}

std::vector<StoredChange> DirectorKeeper::held_back(std::size_t service, const Prefix& prefix) {
  std::vector<StoredChange> out;
  auto at =
      held_back_.lower_bound({service, prefix});  // the parts are the next ones, with other families between
  while (at != held_back_.end() && at->first.first == service) {
    const IpAddress& part = at->first.second.ip;
    if (prefix.contains(part)) {
      out.push_back(std::move(at->second));
      at = held_back_.erase(at);
    } else if (part.family == prefix.ip.family) {
      break;
    } else {
      ++at;
    }
  }
  return out;
}

StoredChange DirectorKeeper::stored(std::size_t service, const director::Change& change) const {
  const director::Binding& b = change.binding;
  const MonoTime now = clock_.mono();
  const RealTime real = clock_.real();
  StoredChange out;
  out.gone = change.gone;
  out.binding.service = desk_.config().services[service].name;
  out.binding.prefix = b.prefix;
  for (const director::ServerIndex server : b.order.all())
    out.binding.servers.push_back(desk_.name(service, server));
  out.binding.group = std::max<unsigned>(b.order.group, 1);
  out.binding.cause = b.reason.cause;
  out.binding.kind = b.reason.kind;
  out.binding.agreeing = b.reason.agreeing;
  out.binding.pieces = b.reason.pieces;
  out.binding.advantage = b.reason.advantage;
  out.binding.since = real - (now - b.since);
  out.binding.renewed = change.gone ? real : real - (now - b.renewed);
  return out;
}

void DirectorKeeper::queue_all() {
  if (std::exchange(overflowed_, false)) {
    // Some of it is gone, and in no table; the rest is.
    std::erase_if(waiting_.bindings, [](const StoredChange& c) { return !c.gone; });
    std::erase_if(waiting_.drains, [](const director::StoredDrain& d) { return !d.gone; });
  }
  again_.clear();
  for (std::size_t s = 0; s < desk_.config().services.size(); ++s) {
    if (desk_.of(s) == nullptr) continue;
    desk_.of(s)->book().for_each([&](const director::Binding& b) {
      if (!b.order.empty()) again_.emplace_back(s, b.prefix);
    });
  }
  drains_again_ = true;
}

StoredChanges DirectorKeeper::part() {
  constexpr std::size_t kMost = Store::kMostPut / 2;
  StoredChanges out;
  for (; !again_.empty() && out.bindings.size() < kMost; again_.pop_front()) {
    const auto& [s, prefix] = again_.front();
    director::Binding b;
    if (desk_.of(s)->book().at(prefix, b) && !b.order.empty()) out.bindings.push_back(stored(s, {b, false}));
  }
  // With their own times: another master may have taken one back since.
  if (std::exchange(drains_again_, false))
    for (const auto& [server, drain] : drains_) out.drains.push_back(drain);
  const auto add = [&](auto& to, auto& from) {
    const auto n = static_cast<std::ptrdiff_t>(std::min(from.size(), kMost - std::min(kMost, to.size())));
    to.insert(to.end(), std::move_iterator(from.begin()), std::move_iterator(from.begin() + n));
    from.erase(from.begin(), from.begin() + n);
  };
  add(out.bindings, waiting_.bindings);
  add(out.drains, waiting_.drains);
  return out;
}

void DirectorKeeper::tick() {
  for (std::size_t s = 0; s < desk_.config().services.size(); ++s) {
    if (desk_.of(s) == nullptr) continue;
    for (const director::Change& change : desk_.of(s)->take_changes()) {
      if (!store_) continue;
      overflowed_ = overflowed_ || waiting_.size() >= kMostWaiting;
      if (overflowed_) continue;
      // What came from the store is there already, until it goes.
      const bool hand = change.binding.reason.cause == Cause::by_hand;
      if (const auto at = taken_.find({s, change.binding.prefix, hand, change.gone}); at != taken_.end()) {
        taken_.erase(at);
        continue;
      }
      if (!hand) held_back_.erase({s, change.binding.prefix});  // this is newer
      if (!change.gone && change.binding.reason.cause == Cause::restored) continue;
      if (!change.gone && change.binding.order.empty()) continue;  // learning: nothing to remember
      waiting_.bindings.push_back(stored(s, change));
      RealTime& renewed = waiting_.bindings.back().binding.renewed;
      renewed = later(renewed);
    }
  }
  if (!store_) return;
  taken_.clear();
  take();
  if (store_->needs_all() || (overflowed_ && store_->ready())) queue_all();
  while ((!again_.empty() || drains_again_ || !waiting_.empty()) && store_->ready()) store_->put(part());
  if (waiting_.empty()) unbound_.clear();
}

void DirectorKeeper::unbound(std::size_t service, const Prefix& prefix) {
  if (!store_) return;
  using What = director::RecordKey::What;
  for (const What what : {What::by_hand, What::learned}) {
    const director::RecordKey key{what, desk_.config().services[service].name, prefix};
    waiting_.bindings.push_back(gone_record(key, later(clock_.real())));
  }
  for (const StoredChange& learned : held_back(service, prefix))
    waiting_.bindings.push_back(gone_record(key_of(learned.binding), later(clock_.real())));
  unbound_.emplace(service, prefix);
}

void DirectorKeeper::drained(const std::string& server, bool drained, const std::string& by) {
  if (!store_) return;
  director::StoredDrain drain{.server = server, .by = by, .since = later(clock_.real()), .gone = !drained};
  if (drained) {
    drains_.insert_or_assign(server, drain);
  } else {
    drains_.erase(server);
  }
  waiting_.drains.push_back(std::move(drain));
}

}  // namespace flagfall::master
