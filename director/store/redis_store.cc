#include "director/store/redis_store.hh"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/log.hh"
#include "common/store/trouble.hh"
#include "director/store/shared_records.hh"

namespace flagfall::director {
namespace {

using store::Fault;

/// Of one command: some milliseconds of the server's time, which it has for nobody else.
constexpr std::size_t kBatch = 256;
constexpr std::size_t kPage = 500;
/// Changes that the stream holds for masters that look away for a moment; who misses some reads everything.
constexpr std::string_view kStream = "100000";
/// Clocks of masters agree better than this, or one of them is wrong.
constexpr Nanos kFuture = std::chrono::hours(1);
/// So long it is remembered that a record is gone: a master that was away for longer may bring it back.
constexpr Nanos kRemember = std::chrono::hours(24 * 30);

/// Sets those records that are newer than what is there, and tells all masters; returns for each nothing, or
/// what is there instead. KEYS: sequence, stream, records. ARGV: length of the stream, the latest time that
/// can be right, then fields and values.
constexpr std::string_view kWrite = R"(
local out = {}
for i = 3, #ARGV, 2 do
  local old = redis.call('HGET', KEYS[3], ARGV[i])
  local head = old and string.match(old, '^(%d+ %x+) ')
  if head and #head == 37 and string.sub(head, 1, 20) <= ARGV[2] and head >= string.sub(ARGV[i + 1], 1, 37) then
    out[#out + 1] = old
  else
    redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
    local n = redis.call('INCR', KEYS[1])
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[1], '*', 'n', n, 'f', ARGV[i], 'v', ARGV[i + 1])
    out[#out + 1] = ''
  end
end
return out)";

/// Forgets records that are still as we saw them. KEYS: records. ARGV: fields and values.
constexpr std::string_view kForget = R"(
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
return 0)";

}  // namespace

struct RedisStore::Shared final : store::Shared {
  explicit Shared(RedisOptions with)
      : options(std::move(with)),
        records(options.master, options.most_known, options.most_waiting, random),
        bad(5 * options.pause.count()),
        where(fmt::format("redis {}", to_string(options.address))),
        sequence(options.prefix + ":sequence"),
        stream(options.prefix + ":changes"),
        table(options.prefix + ":records") {}

  const RedisOptions options;
  SystemRandom random;

  SharedRecords records;
  bool tried = false;    // to read everything, once
  bool lacks = false;    // for needs_all()
  bool dropped = false;  // becomes `lacks` when the server can be written
  store::Health health;

  // The thread's own.
  store::Trouble bad;
  const std::string where, sequence, stream, table;
  std::unique_ptr<RedisLink> link;
  std::string write_sha, forget_sha;
  std::string last_id;    // of the stream
  std::int64_t last = 0;  // and its number

  void run() override;
  bool connect();
  bool read_all();
  bool write();
  bool read_changes();
  bool merge(RedisValue field, RedisValue value);
  bool forget(const std::vector<std::string>& words);
  bool failed(const std::string& why);
  void well(bool at_end);
  [[nodiscard]] static RealTime latest() { return SystemClock().real() + kFuture; }
};

void RedisStore::Shared::run() {
  std::unique_lock lock(mutex);
  for (bool end = false; !end;) {
    end = stopping;
    lock.unlock();
    // At the end nothing is begun any more, but what waits is written.
    const bool good = (link || (!end && connect() && read_all())) && write() && (end || read_changes());
    if (good) well(end);
    if (!good) link.reset();
    lock.lock();
    tried = true;
    if (!end) wake.wait_for(lock, good ? options.poll : options.pause, [&] { return stopping; });
  }
  health.not_kept += records.waiting();
}

bool RedisStore::Shared::failed(const std::string& why) {
  const std::scoped_lock lock(mutex);
  ++health.failures;
  health.opened = false;
  if (bad.began(Fault::Kind::other, to_ns(SystemClock().mono()), health.not_kept))
    log::warn("director: {}: {}; this master goes on alone", where, why);
  health.why_not = why;
  return false;
}

void RedisStore::Shared::well(bool at_end) {
  const std::scoped_lock lock(mutex);
  if (std::exchange(dropped, false)) lacks = true;
  if (!std::exchange(health.opened, true) && bad.none())
    log::info("director: bindings are shared by {}", where);
  health.why_not.clear();
  if (bad.over(to_ns(SystemClock().mono()), health.not_kept, at_end))
    log::info("director: bindings are shared again by {}", where);
}

bool RedisStore::Shared::connect() {
  auto opened = RedisLink::open(options.address, options.patience);
  if (!opened) return failed(opened.error());
  link = std::move(*opened);
  for (auto* sha : {&write_sha, &forget_sha}) {
    const auto reply = link->ask({"SCRIPT", "LOAD", sha == &write_sha ? kWrite : kForget});
    if (!reply) return failed(reply.error());
    *sha = std::string(reply->value().text());
  }
  return true;
}

bool RedisStore::Shared::merge(RedisValue field, RedisValue value) {
  const std::scoped_lock lock(mutex);
  const bool good = records.merge(field.text(), value.text(), latest());
  if (!good) ++health.wrong;
  return good;
}

/// Everything that the server has; changes from then on are in the stream behind `last_id`.
bool RedisStore::Shared::read_all() {
  link->send({"GET", sequence});
  link->send({"XREVRANGE", stream, "+", "-", "COUNT", "1"});
  const auto number = link->receive();
  if (!number) return failed(number.error());
  const auto newest = link->receive();
  if (!newest) return failed(newest.error());
  last = number->value().integer();
  last_id = newest->value()[0][0].text();
  if (last_id.empty()) last_id = "0-0";
  {
    const std::scoped_lock lock(mutex);
    records.begin_scan();
  }
  const std::string count = std::to_string(kPage);
  const RealTime forgotten = SystemClock().real() - kRemember;
  const std::string old = fmt::format("{:020}", to_ns(forgotten));
  std::vector<std::string> expired;
  std::string cursor = "0";
  std::uint64_t pages = 0;
  do {
    const auto page = link->ask({"HSCAN", table, cursor, "COUNT", count});
    if (!page) return failed(page.error());
    cursor = std::string(page->value()[0].text());
    const RedisValue some = page->value()[1];
    for (std::size_t i = 0; i + 1 < some.size(); i += 2) {
      if (!merge(some[i], some[i + 1])) continue;
      const std::string_view value = some[i + 1].text();
      if (value[kVersionText + 1] != '-' || value.substr(0, 20) >= old) continue;
      expired.emplace_back(some[i].text());
      expired.emplace_back(value);
    }
    if (!forget(expired)) return false;
    expired.clear();
    const std::scoped_lock lock(mutex);
    if (stopping) return false;
    // A server that never says that this was all.
    if (++pages > options.most_known) cursor.clear();
  } while (cursor != "0" && !cursor.empty());
  const std::scoped_lock lock(mutex);
  if (records.end_scan(forgotten)) lacks = true;
  return true;
}

bool RedisStore::Shared::forget(const std::vector<std::string>& words) {
  if (words.empty()) return true;
  std::vector<std::string_view> command{"EVALSHA", forget_sha, "1", table};
  command.insert(command.end(), words.begin(), words.end());
  const auto reply = link->ask(command);
  return reply || failed(reply.error());
}

bool RedisStore::Shared::write() {
  for (;;) {
    std::vector<std::pair<std::string, std::string>> batch;
    {
      const std::scoped_lock lock(mutex);
      batch = records.batch(kBatch, !stopping);
    }
    if (batch.empty()) return true;
    const std::string late = fmt::format("{:020}", to_ns(latest()));
    std::vector<std::string_view> words{"EVALSHA", write_sha, "3", sequence, stream, table, kStream, late};
    for (const auto& [field, value] : batch) {
      words.emplace_back(field);
      words.emplace_back(value);
    }
    const auto reply = link->ask(words);
    const bool whole = reply && reply->value().size() == batch.size();
    {
      const std::scoped_lock lock(mutex);
      if (whole) {
        for (std::size_t i = 0; i < batch.size(); ++i) records.written(i, reply->value()[i].text(), latest());
        ++health.transactions;
      } else {
        records.failed();
      }
    }
    if (!whole) return failed(reply ? "its answer makes no sense" : reply.error());
  }
}

bool RedisStore::Shared::read_changes() {
  const std::string count = std::to_string(kPage);
  for (std::size_t got = kPage; got == kPage;) {
    link->send({"GET", sequence});
    link->send({"XREAD", "COUNT", count, "STREAMS", stream, last_id});
    const auto number = link->receive();
    if (!number) return failed(number.error());
    const auto reply = link->receive();
    if (!reply) return failed(reply.error());
    const RedisValue entries = reply->value()[0][1];
    got = entries.size();
    bool gap = false;
    for (std::size_t i = 0; i < got && !gap; ++i) {
      const RedisValue words = entries[i][1];  // n, its number, f, the field, v, the value
      gap = words[1].integer() != last + 1;
      if (gap) break;
      ++last;
      last_id = std::string(entries[i][0].text());
      (void)merge(words[3], words[5]);
    }
    // Cut off before we had read it, or the server has lost everything.
    if (gap || (got < kPage && number->value().integer() > last) ||
        (got == 0 && number->value().integer() < last))
      return read_all();
  }
  return true;
}

RedisStore::RedisStore(RedisOptions options)
    : shared_(std::make_shared<Shared>(std::move(options))), thread_(shared_) {}

RedisStore::~RedisStore() {
  if (!thread_.stop(kPatience)) log::warn("director: {} does not answer", shared_->where);
}

bool RedisStore::ready() const {
  const std::scoped_lock lock(shared_->mutex);
  return shared_->records.room() >= kMostPut;
}

void RedisStore::put(StoredChanges changes) {
  offer(changes);
}

void RedisStore::offer(StoredChanges& changes) {
  Shared& s = *shared_;
  const std::scoped_lock lock(s.mutex);
  const auto old = [&](const auto& one) {
    if (!sound(one)) {
      ++s.health.wrong;
      ++s.health.not_kept;
      return true;
    }
    const SharedRecords::Put put = s.records.put(one);
    if (put == SharedRecords::Put::no_room) {
      ++s.health.not_kept;
      s.dropped = true;
    }
    return put == SharedRecords::Put::older;
  };
  std::erase_if(changes.bindings, old);
  std::erase_if(changes.drains, old);
}

StoredChanges RedisStore::take(std::size_t most) {
  const std::scoped_lock lock(shared_->mutex);
  return shared_->records.take(most);
}

bool RedisStore::was_read() const {
  const std::scoped_lock lock(shared_->mutex);
  return shared_->tried;
}

bool RedisStore::restored() const {
  const std::scoped_lock lock(shared_->mutex);
  return shared_->tried && shared_->records.untaken() == 0;
}

bool RedisStore::needs_all() {
  const std::scoped_lock lock(shared_->mutex);
  return std::exchange(shared_->lacks, false);
}

store::Health RedisStore::health() const {
  const std::scoped_lock lock(shared_->mutex);
  store::Health out = shared_->health;
  out.kept = shared_->records.settled();
  out.waiting = shared_->records.waiting();
  return out;
}

}  // namespace flagfall::director
