#include "stats/store.hh"

#include <cassert>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>

#include "common/base/log.hh"
#include "common/store/kept_file.hh"
#include "common/store/trouble.hh"
#include "stats/batch_writer.hh"
#include "stats/schema.hh"

namespace flagfall::stats {
namespace {

/// Batches that wait. More are not made: the tally goes on adding up meanwhile.
constexpr std::size_t kQueue = 4;

}  // namespace

/// What the two threads share: the queue and the figures under the mutex, the file in the thread alone. The
/// thread holds a reference of its own, so that it may outlive the store on a disk that hangs.
struct Store::Shared final : store::Shared {
  Shared(StoreOptions with, std::int64_t began)
      : options(std::move(with)),
        now(began),
        file({"statistics", options.path, &file_format(), options.keep.most_bytes},
             [this](Database* db) { return use(db); }) {}

  const StoreOptions options;

  std::deque<Batch> queue;
  std::vector<ArrivalRow> restored;
  StoreHealth health;
  std::int64_t now;
  std::uint64_t lost = 0;

  // The thread's own.
  std::unique_ptr<BatchWriter> writer;
  std::optional<RollUp> roll_up;
  store::KeptFile file;
  bool fresh = false;  // just opened
  bool has_restored = false;
  store::Trouble bad{5};  // seconds

  void run() override;
  bool use(Database* db);
  bool open();
  bool write_queue();
  void keep_small();
  void trouble(Fault fault);
  void recovered();
  void drop_queue();
  [[nodiscard]] std::uint64_t not_kept() const { return health.not_kept + lost; }
};

void Store::Shared::run() {
  std::unique_lock lock(mutex);
  for (bool last = false; !last;) {
    wake.wait_for(lock, options.pause, [&] { return stopping || !queue.empty(); });
    last = stopping;
    lock.unlock();
    const bool written = open() && write_queue();
    if (written && !last) keep_small();
    if (written) recovered();
    if (last && !written) drop_queue();
    lock.lock();
    // A file that fails is not tried again without a pause, however full the queue.
    if (!written && !last) wake.wait_for(lock, options.pause, [&] { return stopping; });
  }
  lock.unlock();
  file.close();
}

bool Store::Shared::use(Database* db) {
  roll_up.reset();
  writer.reset();
  if (db == nullptr) return true;
  writer = BatchWriter::make(*db, options.names);
  if (writer) roll_up.emplace(*db, options.keep);
  fresh = writer != nullptr;
  return fresh;
}

bool Store::Shared::open() {
  Fault fault = file.open();
  {
    const std::scoped_lock lock(mutex);
    health.moved_aside = file.moved_aside();
  }
  if (fault.kind != Fault::Kind::none) {
    trouble(std::move(fault));
    return false;
  }
  if (!std::exchange(fresh, false)) return true;
  if (!std::exchange(has_restored, true)) {
    auto rows = read_arrivals(file.db(), options.names);
    const std::scoped_lock lock(mutex);
    restored = std::move(rows);
  }
  if (bad.none()) log::info("statistics: kept in {}", options.path);
  const std::scoped_lock lock(mutex);
  health.opened = true;
  return true;
}

/// The front stays in the queue until it is written; only this thread takes from there.
bool Store::Shared::write_queue() {
  for (;;) {
    const Batch* batch = nullptr;
    {
      const std::scoped_lock lock(mutex);
      if (queue.empty()) return true;
      batch = &queue.front();
    }
    if (!writer->write(*batch)) {
      Fault fault = file.db().fault();
      file.failed(fault);
      trouble(std::move(fault));
      return false;
    }
    const std::scoped_lock lock(mutex);
    health.kept += static_cast<std::uint64_t>(batch->races);
    ++health.transactions;
    queue.pop_front();
  }
}

/// Rolls up as long as there is something to do and nobody waits.
void Store::Shared::keep_small() {
  for (;;) {
    std::int64_t at = 0;
    {
      const std::scoped_lock lock(mutex);
      if (stopping || !queue.empty()) return;
      at = now;
    }
    const RollUp::Step step = roll_up->step(at);
    if (step == RollUp::Step::failed) trouble(file.db().fault());
    if (step != RollUp::Step::worked) return;
  }
}

void Store::Shared::trouble(Fault fault) {
  const std::scoped_lock lock(mutex);
  ++health.failures;
  health.opened = false;
  if (bad.began(fault.kind, now, not_kept()))
    log::warn("statistics: {}: {}; the master goes on, and counts what is not kept", options.path,
              fault.text);
  health.why_not = std::move(fault.text);
}

void Store::Shared::recovered() {
  const std::scoped_lock lock(mutex);
  const auto lost_meanwhile = bad.over(now, not_kept(), stopping);
  if (!lost_meanwhile) return;
  log::info("statistics: kept again in {}; {} races of the meantime are lost", options.path, *lost_meanwhile);
  health.opened = true;
  health.why_not.clear();
}

void Store::Shared::drop_queue() {
  const std::scoped_lock lock(mutex);
  for (const Batch& batch : queue) health.not_kept += static_cast<std::uint64_t>(batch.races);
  if (!queue.empty())
    log::warn("statistics: the last {} races are not kept: {}: {}", not_kept(), options.path, health.why_not);
  queue.clear();
}

Store::Store(StoreOptions options, std::int64_t now)
    : shared_(std::make_shared<Shared>(std::move(options), now)), thread_(shared_) {}

Store::~Store() {
  if (!thread_.stop(kPatience))
    log::warn("statistics: {} does not answer; its last seconds may be lost", shared_->options.path);
}

bool Store::ready() const {
  const std::scoped_lock lock(shared_->mutex);
  return shared_->queue.size() < kQueue;
}

void Store::put(Batch batch) {
  const std::scoped_lock lock(shared_->mutex);
  assert(shared_->queue.size() < kQueue);
  shared_->queue.push_back(std::move(batch));
  shared_->wake.notify_all();
}

void Store::advance(std::int64_t now, std::uint64_t lost) {
  const std::scoped_lock lock(shared_->mutex);
  shared_->now = now;
  shared_->lost = lost;
}

std::vector<ArrivalRow> Store::take_restored() {
  const std::scoped_lock lock(shared_->mutex);
  return std::exchange(shared_->restored, {});
}

StoreHealth Store::health() const {
  const std::scoped_lock lock(shared_->mutex);
  StoreHealth health = shared_->health;
  health.not_kept = shared_->not_kept();
  return health;
}

const std::string& Store::path() const {
  return shared_->options.path;
}

}  // namespace flagfall::stats
