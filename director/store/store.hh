// Keeps what the director has learned, behind the path: a thread of its own writes, and nobody waits for it.
// Whatever the disk or the other end does, the daemon goes on: trouble is said once in the log, what cannot
// be kept is counted. All functions: control thread.
#pragma once

#include <cstdint>

#include "common/store/health.hh"
#include "director/store/records.hh"

namespace flagfall::director {

class Store {
 public:
  /// Changes of one put().
  static constexpr std::size_t kMostPut = 4096;

  virtual ~Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  Store(Store&&) = delete;
  Store& operator=(Store&&) = delete;

  /// Whether a put() of kMostPut changes fits. Who can wait with them, does.
  [[nodiscard]] virtual bool ready() const = 0;
  /// Never blocks. Of a binding that waits to be written, only the newest state waits; where there is no
  /// room, changes are dropped, counted, and asked for once there is (needs_all()).
  virtual void put(StoredChanges changes) = 0;
  /// What an earlier process knew, and what other masters have changed: `most` at a time, each record once.
  /// Nothing that was put since is in it. An operator's word holds whatever else is learned. To be called
  /// several times a second: nothing is written before all of an earlier process's has been taken.
  virtual StoredChanges take(std::size_t most) = 0;
  /// All that an earlier process left has been taken, or cannot be had for now. Before the first query the
  /// daemon waits for this, though not for long.
  [[nodiscard]] virtual bool restored() const = 0;
  /// Once each time: what was kept is gone, or changes were dropped. Put all that is bound and drained again.
  virtual bool needs_all() = 0;
  /// Its `kept` and `not_kept` are changes.
  [[nodiscard]] virtual store::Health health() const = 0;

 protected:
  Store() = default;
};

}  // namespace flagfall::director
