// A file of this master's own and a server that several masters share: after a restart the newer of what both
// know, and each is told what the other says. Control thread.
#pragma once

#include <utility>

#include "director/store/redis_store.hh"
#include "director/store/sqlite_store.hh"

namespace flagfall::director {

class BothStores final : public Store {
 public:
  BothStores(SqliteOptions file, RedisOptions shared) : file_(std::move(file)), shared_(std::move(shared)) {}

  [[nodiscard]] bool ready() const override { return file_.ready() && shared_.ready(); }
  void put(StoredChanges changes) override;
  StoredChanges take(std::size_t most) override;
  [[nodiscard]] bool restored() const override { return file_.restored() && shared_.restored(); }
  bool needs_all() override;
  /// Changes in the file; what goes wrong is of both.
  [[nodiscard]] store::Health health() const override;

 private:
  SqliteStore file_;
  RedisStore shared_;
};

}  // namespace flagfall::director
