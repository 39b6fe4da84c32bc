#include "director/store/sqlite_store.hh"

#include <algorithm>
#include <deque>
#include <iterator>
#include <utility>

#include "common/base/log.hh"
#include "common/store/kept_file.hh"
#include "common/store/trouble.hh"
#include "director/store/binding_file.hh"
#include "director/store/waiting.hh"

namespace flagfall::director {
namespace {

using store::Database;
using store::Fault;

/// Of one transaction: a tenth of a second (13 us a binding, measured), so that a stop is heard soon.
constexpr std::size_t kBatch = 8000;
/// Rows that were read and wait to be taken; the thread waits for the control thread with more.
constexpr std::size_t kRead = 4096;
constexpr std::size_t kMostRead = std::size_t{8} * kRead;

}  // namespace

/// What the two threads share: what waits and the figures under the mutex, the file in the thread alone.
struct SqliteStore::Shared final : store::Shared {
  explicit Shared(SqliteOptions with)
      : options(std::move(with)),
        waiting(options.most_waiting, random),
        file({"director", options.path, &binding_file_format(), options.most_bytes},
             [this](Database* db) { return use(db); }),
        bad(5 * options.pause.count()) {}

  const SqliteOptions options;
  SystemRandom random;

  Waiting waiting;
  std::deque<StoredDrain> read_drains;  // to be taken
  std::deque<StoredChange> read_bindings;
  bool has_restored = false;  // nothing more will be read
  bool lacks = false;         // for needs_all()
  bool dropped = false;       // becomes `lacks` when the file can be written
  store::Health health;

  // The thread's own.
  std::unique_ptr<BindingWriter> writer;
  bool fresh = false;  // just opened
  store::KeptFile file;
  bool was_read = false;
  std::uint64_t losses = 0;
  store::Trouble bad;

  void run() override;
  bool use(Database* db);
  bool open();
  void restore();
  bool hand_over(StoredChanges piece);
  bool write();
  void trouble(Fault fault);
  void well(bool last);
  void drop_all();
  [[nodiscard]] std::size_t untaken() const { return read_drains.size() + read_bindings.size(); }
  [[nodiscard]] static std::int64_t now() { return to_ns(SystemClock().mono()); }
};

void SqliteStore::Shared::run() {
  std::unique_lock lock(mutex);
  for (bool last = false; !last;) {
    lock.unlock();
    const bool opened = open();
    if (opened && !std::exchange(was_read, true)) restore();
    lock.lock();
    has_restored = true;  // or cannot be had for now
    last = stopping;
    lock.unlock();
    const bool written = opened && write();
    if (written) well(last);
    if (last && !written) drop_all();
    lock.lock();
    if (!last) wake.wait_for(lock, written ? options.flush : options.pause, [&] { return stopping; });
  }
  lock.unlock();
  file.close();
}

bool SqliteStore::Shared::use(Database* db) {
  writer = db == nullptr ? nullptr : BindingWriter::make(*db);
  fresh = writer != nullptr;
  return db == nullptr || fresh;
}

bool SqliteStore::Shared::open() {
  Fault fault = file.open();
  {
    const std::scoped_lock lock(mutex);
    health.moved_aside = file.moved_aside();
    // Before the first reading nobody has more than the file had.
    if (std::exchange(losses, file.losses()) != file.losses() && was_read) dropped = true;
  }
  if (fault.kind != Fault::Kind::none) {
    trouble(std::move(fault));
    return false;
  }
  if (!std::exchange(fresh, false)) return true;
  if (bad.none()) log::info("director: bindings are kept in {}", options.path);
  const std::scoped_lock lock(mutex);
  health.opened = true;
  return true;
}

/// Writing waits until everything has been handed over: what is newer than a row is still waiting then.
void SqliteStore::Shared::restore() {
  BindingReader reader(file.db());
  for (;;) {
    StoredChanges piece = reader.next(kRead);
    if (piece.empty() || !hand_over(std::move(piece))) break;
  }
  {
    const std::scoped_lock lock(mutex);
    health.wrong += reader.wrong();
  }
  if (reader.wrong() > 0)
    log::warn("director: {}: {} rows make no sense, and are left out", options.path, reader.wrong());
  if (reader.ok()) return;
  Fault fault = file.db().fault();
  file.failed(fault);
  trouble(std::move(fault));
  const std::scoped_lock lock(mutex);
  dropped = true;  // what could be read belongs into the next file
}

/// False: the store is being closed.
bool SqliteStore::Shared::hand_over(StoredChanges piece) {
  std::unique_lock lock(mutex);
  std::ranges::move(piece.drains, std::back_inserter(read_drains));
  std::ranges::move(piece.bindings, std::back_inserter(read_bindings));
  wake.wait(lock, [&] { return stopping || untaken() <= kMostRead; });
  return !stopping;
}

bool SqliteStore::Shared::write() {
  for (;;) {
    if (!file.is_open()) return false;  // damaged while it was read
    StoredChanges batch;
    {
      const std::scoped_lock lock(mutex);
      if (untaken() > 0 && !stopping) return true;  // see restore()
      batch = waiting.take(kBatch);
    }
    if (batch.empty()) return true;
    if (!writer->write(batch)) {
      Fault fault = file.db().fault();
      file.failed(fault);
      trouble(std::move(fault));
      const std::scoped_lock lock(mutex);
      waiting.put_back(std::move(batch));
      return false;
    }
    const std::scoped_lock lock(mutex);
    health.kept += batch.size();
    ++health.transactions;
  }
}

void SqliteStore::Shared::trouble(Fault fault) {
  const std::scoped_lock lock(mutex);
  ++health.failures;
  health.opened = false;
  if (bad.began(fault.kind, now(), health.not_kept))
    log::warn("director: {}: {}; the master goes on, and keeps bindings in memory", options.path, fault.text);
  health.why_not = std::move(fault.text);
}

void SqliteStore::Shared::well(bool last) {
  const std::scoped_lock lock(mutex);
  if (std::exchange(dropped, false)) lacks = true;
  const auto lost = bad.over(now(), health.not_kept, last);
  if (!lost) return;
  log::info("director: bindings are kept again in {}; {} changes were dropped meanwhile", options.path,
            *lost);
  health.opened = true;
  health.why_not.clear();
}

void SqliteStore::Shared::drop_all() {
  const std::scoped_lock lock(mutex);
  if (waiting.size() == 0) return;
  health.not_kept += waiting.size();
  log::warn("director: the last {} changes are not kept: {}: {}", waiting.size(), options.path,
            health.why_not);
}

SqliteStore::SqliteStore(SqliteOptions options)
    : shared_(std::make_shared<Shared>(std::move(options))), thread_(shared_) {}

SqliteStore::~SqliteStore() {
  if (!thread_.stop(kPatience))
    log::warn("director: {} does not answer; the last bindings may be lost", shared_->options.path);
}

bool SqliteStore::ready() const {
  const std::scoped_lock lock(shared_->mutex);
  return shared_->waiting.room() >= kMostPut;
}

void SqliteStore::put(StoredChanges changes) {
  const std::size_t all = changes.size();
  std::erase_if(changes.bindings, [](const StoredChange& change) { return !sound(change); });
  std::erase_if(changes.drains, [](const StoredDrain& drain) { return !sound(drain); });
  const std::size_t unsound = all - changes.size();
  const std::scoped_lock lock(shared_->mutex);
  const std::size_t refused = shared_->waiting.put(std::move(changes));
  shared_->health.wrong += unsound;
  shared_->health.not_kept += refused + unsound;
  shared_->dropped = shared_->dropped || refused > 0;
}

StoredChanges SqliteStore::take(std::size_t most) {
  Shared& s = *shared_;
  StoredChanges out;
  const std::scoped_lock lock(s.mutex);
  const auto move_some = [&](auto& from, auto& to) {
    for (; !from.empty() && out.size() < most; from.pop_front())
      if (!s.waiting.has(from.front())) to.push_back(std::move(from.front()));
  };
  move_some(s.read_drains, out.drains);
  move_some(s.read_bindings, out.bindings);
  s.wake.notify_all();
  return out;
}

bool SqliteStore::restored() const {
  const std::scoped_lock lock(shared_->mutex);
  return shared_->has_restored && shared_->untaken() == 0;
}

bool SqliteStore::needs_all() {
  const std::scoped_lock lock(shared_->mutex);
  return std::exchange(shared_->lacks, false);
}

store::Health SqliteStore::health() const {
  const std::scoped_lock lock(shared_->mutex);
  store::Health out = shared_->health;
  out.waiting = shared_->waiting.size();
  return out;
}

}  // namespace flagfall::director
