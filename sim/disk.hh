// What a master's disk keeps of its directors, and the store that writes there: a
// model of director/store/sqlite_store.cc, with the same promises. A transaction
// that is written survives the process; a loss of power takes the last ones.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "director/store/record_key.hh"
#include "director/store/store.hh"
#include "director/store/waiting.hh"
#include "sim/host.hh"

namespace flagfall::sim {

/// Survives all processes of its host.
class Disk {
 public:
  /// What a kernel has not written back yet at a loss of power (vm.dirty_expire_centisecs and its flusher:
  /// 30 s and 5 s).
  static constexpr Nanos kUnwritten = std::chrono::seconds(35);
  /// One transaction.
  void write(const director::StoredChanges& changes, RefTime now);
  /// Drops some of the last transactions, none that is older than kUnwritten.
  void lose_power(RefTime now, Random& random);
  [[nodiscard]] director::StoredChanges content() const;

  /// Nothing is read or written for `how_long`; what is asked of it waits.
  void hang(RefTime now, Nanos how_long);
  /// It can be read, but not written.
  void fill(RefTime now, Nanos how_long);
  [[nodiscard]] RefTime hangs_until() const { return hangs_until_; }
  [[nodiscard]] bool full(RefTime now) const { return now < full_until_; }
  /// Whenever writing worked neither well nor at all.
  [[nodiscard]] const Spans& troubles() const { return troubles_; }

 private:
  using Key = std::tuple<director::RecordKey::What, std::string, Prefix>;
  template <class T>
  using Table = std::map<Key, T>;
  struct Written {
    RefTime when;
    std::vector<std::pair<Key, std::optional<director::StoredChange>>> bindings;  // as they were before
    std::vector<std::pair<Key, std::optional<director::StoredDrain>>> drains;
  };
  static Key key(const director::RecordKey& k) { return {k.what, k.name, k.prefix}; }

  Table<director::StoredChange> bindings_;
  Table<director::StoredDrain> drains_;
  std::deque<Written> last_;  // not older than kUnwritten
  RefTime hangs_until_, full_until_;
  Spans troubles_;
};

/// Of one process.
class KeptStore final : public director::Store {
 public:
  struct Options {
    std::size_t most_waiting = 200'000;
    Nanos flush = std::chrono::milliseconds(200);
    Nanos pause = std::chrono::seconds(1);
  };
  KeptStore(Host& host, Disk& disk, const Options& options, Random& random);

  [[nodiscard]] bool ready() const override { return waiting_.room() >= kMostPut; }
  void put(director::StoredChanges changes) override;
  director::StoredChanges take(std::size_t most) override;
  [[nodiscard]] bool restored() const override { return was_read_ && untaken() == 0; }
  bool needs_all() override { return std::exchange(lacks_, false); }
  [[nodiscard]] store::Health health() const override;

 private:
  [[nodiscard]] std::size_t untaken() const { return read_drains_.size() + read_bindings_.size(); }
  /// What the store's thread does.
  void turn();
  void read();
  void written(const director::StoredChanges& batch);

  Host& host_;  // NOLINT(*-ref-data-members)
  Disk& disk_;  // NOLINT(*-ref-data-members)
  Options options_;
  director::Waiting waiting_;
  std::deque<director::StoredChange> read_bindings_;
  std::deque<director::StoredDrain> read_drains_;
  bool was_read_ = false;
  bool lacks_ = false, dropped_ = false;
  store::Health health_;
};

}  // namespace flagfall::sim
