// Keeps batches in a SQLite file, behind the path: a thread of its own takes them
// from a bounded queue, and lets nobody wait. Whatever the disk does, the daemon
// goes on: trouble is said once in the log, what cannot be kept is counted, and
// the file is tried again every second. All public functions: control thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/time.hh"
#include "common/store/background.hh"
#include "common/store/health.hh"
#include "stats/cells.hh"
#include "stats/roll_up.hh"

namespace flagfall::stats {

struct StoreOptions {
  std::string path;
  KeepLimits keep;
  Names names;
  /// Between two tries, and between two looks for what is to be rolled up.
  Nanos pause = std::chrono::seconds(1);
};

/// How the keeping goes; `kept` and `not_kept` are races, those that advance() told of among the latter.
using StoreHealth = store::Health;

class Store {
 public:
  /// Starts the thread; the file may be missing or wrong. `now`: seconds since the Unix epoch, everywhere.
  Store(StoreOptions options, std::int64_t now);
  /// Writes what is queued, for at most kPatience; a disk that hangs is left to itself.
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  Store(Store&&) = delete;
  Store& operator=(Store&&) = delete;

  static constexpr Nanos kPatience = std::chrono::seconds(3);

  /// Whether there is room for a batch.
  [[nodiscard]] bool ready() const;
  /// Only when ready.
  void put(Batch batch);
  /// About once a second, whether or not there is something to write. `lost`: races since the start that
  /// never came to be in a batch; the log speaks of them.
  void advance(std::int64_t now, std::uint64_t lost);
  /// What an earlier run knew of arrivals: once, soon after the file was opened for the first time.
  std::vector<ArrivalRow> take_restored();
  [[nodiscard]] StoreHealth health() const;
  [[nodiscard]] const std::string& path() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  store::Background thread_;
};

}  // namespace flagfall::stats
