// The store in a SQLite file. What is put is in the file a quarter of a second later, as a rule; after a
// kill -9 nothing older than that is lost.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/store/background.hh"
#include "director/store/store.hh"

namespace flagfall::director {

struct SqliteOptions {
  std::string path;
  std::int64_t most_bytes = std::int64_t{1} << 30;
  std::size_t most_waiting = 200'000;            // changes while the file cannot be written
  Nanos flush = std::chrono::milliseconds(200);  // between two transactions
  Nanos pause = std::chrono::seconds(1);         // between two tries when it does not work
};

class SqliteStore final : public Store {
 public:
  /// Starts the thread, which reads the file first; it may be missing or wrong.
  explicit SqliteStore(SqliteOptions options);
  /// Writes what waits, for at most kPatience; a disk that hangs is left to itself.
  ~SqliteStore() override;
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;
  SqliteStore(SqliteStore&&) = delete;
  SqliteStore& operator=(SqliteStore&&) = delete;

  static constexpr Nanos kPatience = std::chrono::seconds(3);

  [[nodiscard]] bool ready() const override;
  void put(StoredChanges changes) override;
  StoredChanges take(std::size_t most) override;
  [[nodiscard]] bool restored() const override;
  bool needs_all() override;
  [[nodiscard]] store::Health health() const override;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  store::Background thread_;
};

}  // namespace flagfall::director
