// A master's end of the records that masters share: a model of the thread of
// director/store/redis_store.cc, around the same SharedRecords. It asks the records
// server one thing at a time, in the same order, and gives up when that thread does.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "director/store/shared_records.hh"
#include "director/store/shared_store.hh"
#include "sim/records_server.hh"

namespace flagfall::sim {

/// Of one process.
class SharedStore final : public director::SharedStore {
 public:
  struct Options {
    RecordsServer* server = nullptr;  // null: nothing is shared
    std::uint64_t master = 1;
    std::size_t most_known = 2'000'000;
    std::size_t most_waiting = 200'000;
    Nanos poll = std::chrono::milliseconds(100);
    Nanos pause = std::chrono::seconds(1);
    Nanos patience = std::chrono::seconds(1);
  };
  SharedStore(Host& host, const Options& options, Random& random);

  // director::Store
  [[nodiscard]] bool ready() const override { return records_.room() >= kMostPut; }
  void put(director::StoredChanges changes) override { offer(changes); }
  director::StoredChanges take(std::size_t most) override { return records_.take(most); }
  [[nodiscard]] bool restored() const override { return tried_ && records_.untaken() == 0; }
  bool needs_all() override { return std::exchange(lacks_, false); }
  [[nodiscard]] store::Health health() const override;
  // director::SharedStore
  void offer(director::StoredChanges& changes) override;
  [[nodiscard]] bool was_read() const override { return tried_; }

 private:
  using Next = std::function<void()>;
  void turn();
  void connect(const Next& next);
  void read_all(const Next& next);
  void read_page(const std::string& cursor, const Next& next);
  void write(const Next& next);
  void read_changes(const Next& next);
  [[nodiscard]] bool follow(const RecordsServer::Changes& changes);
  void merge(const std::string& field, const std::string& value);
  void well();
  void failed();
  /// A command; `then` has its reply, which came in time.
  template <class Work, class Then>
  void ask(Work work, Then then);
  [[nodiscard]] RealTime latest() const;

  Host& host_;  // NOLINT(*-ref-data-members)
  Options options_;
  director::SharedRecords records_;
  bool tried_ = false, lacks_ = false, dropped_ = false;
  store::Health health_;
  unsigned connection_ = 0;        // 0: none
  std::int64_t last_ = 0;          // number of the last change that was read
  RecordsServer::Id last_id_ = 0;  // and its place
};

}  // namespace flagfall::sim
