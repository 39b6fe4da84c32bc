// A file of this master's own and a server that several masters share: after a restart the newer of what both
// know, and each is told what the other says. Control thread.
#pragma once

#include <memory>
#include <utility>

#include "director/store/shared_store.hh"

namespace flagfall::director {

class BothStores final : public Store {
 public:
  BothStores(std::unique_ptr<Store> file, std::unique_ptr<SharedStore> shared)
      : file_(std::move(file)), shared_(std::move(shared)) {}

  [[nodiscard]] bool ready() const override { return file_->ready() && shared_->ready(); }
  void put(StoredChanges changes) override;
  StoredChanges take(std::size_t most) override;
  [[nodiscard]] bool restored() const override { return file_->restored() && shared_->restored(); }
  bool needs_all() override;
  /// Changes in the file; what goes wrong is of both.
  [[nodiscard]] store::Health health() const override;

 private:
  std::unique_ptr<Store> file_;
  std::unique_ptr<SharedStore> shared_;
};

}  // namespace flagfall::director
