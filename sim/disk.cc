#include "sim/disk.hh"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace flagfall::sim {
namespace {

/// As sqlite_store.cc has them: of one transaction, and what it takes a record.
constexpr std::size_t kBatch = 8000;
constexpr Nanos kRecord = std::chrono::microseconds(13);

/// Sets or removes it; what was there before.
template <class Table, class Record>
std::optional<Record> exchange(Table& table, const typename Table::key_type& key, const Record& record,
                               bool gone) {
  const auto at = table.find(key);
  std::optional<Record> before;
  if (at != table.end()) before = at->second;
  if (gone) {
    table.erase(key);
  } else {
    table.insert_or_assign(key, record);
  }
  return before;
}

/// For the reader of a trace.
std::string text_of(const director::StoredChange& change) {
  const director::StoredBinding& b = change.binding;
  return fmt::format("{} {} {} {}", b.by_hand() ? "bound by hand" : "learned", b.service, to_string(b.prefix),
                     change.gone ? "gone" : director::join_names(b.servers));
}
std::string text_of(const director::StoredDrain& drain) {
  return fmt::format("{} {}drained", drain.server, drain.gone ? "not " : "");
}

void trace(Host& host, std::string_view what, const director::StoredChanges& changes) {
  World& world = host.world();
  if (!world.trace.wanted()) return;
  const auto line = [&](const auto& record) {
    world.trace.line(world.now(), "{}: {}: {}", host.name(), what, text_of(record));
  };
  std::ranges::for_each(changes.bindings, line);
  std::ranges::for_each(changes.drains, line);
}

template <class Table, class Records>
void put_back(Table& table, const Records& records) {
  for (auto at = records.rbegin(); at != records.rend(); ++at) {
    if (at->second) {
      table.insert_or_assign(at->first, *at->second);
    } else {
      table.erase(at->first);
    }
  }
}

}  // namespace

void Disk::write(const director::StoredChanges& changes, RefTime now) {
  while (!last_.empty() && last_.front().when < now - kUnwritten) last_.pop_front();
  Written& done = last_.emplace_back();
  done.when = now;
  for (const director::StoredChange& c : changes.bindings) {
    const Key k = key(key_of(c.binding));
    done.bindings.emplace_back(k, exchange(bindings_, k, c, c.gone));
  }
  for (const director::StoredDrain& d : changes.drains) {
    const Key k = key(key_of(d));
    done.drains.emplace_back(k, exchange(drains_, k, d, d.gone));
  }
}

void Disk::lose_power(RefTime now, Random& random) {
  while (!last_.empty() && last_.front().when < now - kUnwritten) last_.pop_front();
  for (std::size_t n = random.next() % (last_.size() + 1); n > 0; --n) {
    put_back(bindings_, last_.back().bindings);
    put_back(drains_, last_.back().drains);
    last_.pop_back();
  }
  last_.clear();  // the rest is on the disk
}

director::StoredChanges Disk::content() const {
  director::StoredChanges out;
  for (const auto& [key, change] : bindings_) out.bindings.push_back(change);
  for (const auto& [key, drain] : drains_) out.drains.push_back(drain);
  return out;
}

void Disk::hang(RefTime now, Nanos how_long) {
  troubles_.add(now, how_long);
  hangs_until_ = std::max(hangs_until_, now + how_long);
}

void Disk::fill(RefTime now, Nanos how_long) {
  troubles_.add(now, how_long);
  full_until_ = std::max(full_until_, now + how_long);
}

KeptStore::KeptStore(Host& host, Disk& disk, const Options& options, Random& random)
    : host_(host), disk_(disk), options_(options), waiting_(options.most_waiting, random) {
  turn();
}

void KeptStore::read() {
  director::StoredChanges all = disk_.content();
  trace(host_, "disk has", all);
  std::ranges::move(all.drains, std::back_inserter(read_drains_));
  std::ranges::move(all.bindings, std::back_inserter(read_bindings_));
  was_read_ = true;
}

void KeptStore::turn() {
  const RefTime now = host_.world().now();
  const Nanos hangs = std::max(disk_.hangs_until() - now, Nanos(0));
  const auto again = [this](Nanos later) { host_.after(later, [this] { turn(); }); };
  if (!was_read_ && hangs > Nanos(0)) return again(hangs);
  if (!was_read_) read();
  if (untaken() > 0) return again(options_.flush);
  director::StoredChanges batch = waiting_.take(kBatch);
  if (batch.empty()) return again(options_.flush);
  if (disk_.full(now)) {
    ++health_.failures;
    waiting_.put_back(std::move(batch));
    return again(options_.pause);
  }
  // What is under way when the process dies is lost.
  const Nanos takes = hangs + kRecord * static_cast<std::int64_t>(batch.size());
  host_.after(takes, [this, batch = std::move(batch)] { written(batch); });
}

void KeptStore::written(const director::StoredChanges& batch) {
  trace(host_, "written", batch);
  disk_.write(batch, host_.world().now());
  health_.kept += batch.size();
  ++health_.transactions;
  if (std::exchange(dropped_, false)) lacks_ = true;
  host_.after(options_.flush, [this] { turn(); });
}

void KeptStore::put(director::StoredChanges changes) {
  std::erase_if(changes.bindings, [](const director::StoredChange& c) { return !sound(c); });
  std::erase_if(changes.drains, [](const director::StoredDrain& d) { return !sound(d); });
  const std::size_t refused = waiting_.put(std::move(changes));
  health_.not_kept += refused;
  dropped_ = dropped_ || refused > 0;
}

director::StoredChanges KeptStore::take(std::size_t most) {
  director::StoredChanges out;
  const auto move_some = [&](auto& from, auto& to) {
    for (; !from.empty() && out.size() < most; from.pop_front())
      if (!waiting_.has(from.front())) to.push_back(std::move(from.front()));
  };
  move_some(read_drains_, out.drains);
  move_some(read_bindings_, out.bindings);
  return out;
}

store::Health KeptStore::health() const {
  store::Health out = health_;
  out.opened = true;
  out.waiting = waiting_.size();
  return out;
}

}  // namespace flagfall::sim
