// Records that several masters share in a Redis server, so that what one has learned the others know within a
// second. A thread of its own talks with the server; while that is away each master goes on alone, and they
// agree when it is back (docs/design/store.md).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/store/background.hh"
#include "director/store/redis_link.hh"
#include "director/store/shared_store.hh"

namespace flagfall::director {

struct RedisOptions {
  RedisAddress address;
  std::string prefix = "flagfall";     // of its keys: masters with the same one share
  std::uint64_t master = 1;            // each has another
  std::size_t most_known = 2'000'000;  // records of all masters
  std::size_t most_waiting = 200'000;  // of ours, while the server cannot be written
  Nanos poll = std::chrono::milliseconds(100);
  Nanos pause = std::chrono::seconds(1);     // between two tries to connect
  Nanos patience = std::chrono::seconds(1);  // for a reply
};

class RedisStore final : public SharedStore {
 public:
  explicit RedisStore(RedisOptions options);
  /// Writes what waits, for at most kPatience.
  ~RedisStore() override;
  RedisStore(const RedisStore&) = delete;
  RedisStore& operator=(const RedisStore&) = delete;
  RedisStore(RedisStore&&) = delete;
  RedisStore& operator=(RedisStore&&) = delete;

  static constexpr Nanos kPatience = std::chrono::seconds(3);

  [[nodiscard]] bool ready() const override;
  void put(StoredChanges changes) override;
  StoredChanges take(std::size_t most) override;
  [[nodiscard]] bool restored() const override;
  bool needs_all() override;
  [[nodiscard]] store::Health health() const override;

  void offer(StoredChanges& changes) override;
  [[nodiscard]] bool was_read() const override;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  store::Background thread_;
};

}  // namespace flagfall::director
