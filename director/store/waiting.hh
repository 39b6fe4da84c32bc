// Changes that wait to be written: the newest state of each binding and drain, and no more of them than fit.
// Pure; under its owner's lock.
#pragma once

#include <string>
#include <unordered_map>

#include "director/store/record_key.hh"

namespace flagfall::director {

class Waiting {
 public:
  Waiting(std::size_t most, Random& random) : most_(most), bindings_(0, RecordHash(random)) {}

  /// How many found no room.
  std::size_t put(StoredChanges changes);
  /// What could not be written, unless something newer waits already. There is always room for it.
  void put_back(StoredChanges&& changes);
  /// Out of it, `most` at a time, in no order.
  StoredChanges take(std::size_t most);

  [[nodiscard]] bool has(const StoredChange& change) const {
    return bindings_.contains(key_of(change.binding));
  }
  [[nodiscard]] bool has(const StoredDrain& drain) const { return drains_.contains(drain.server); }
  [[nodiscard]] std::size_t size() const { return bindings_.size() + drains_.size(); }
  [[nodiscard]] std::size_t room() const { return size() < most_ ? most_ - size() : 0; }

 private:
  std::size_t most_;
  std::unordered_map<RecordKey, StoredChange, RecordHash> bindings_;
  std::unordered_map<std::string, StoredDrain> drains_;
};

}  // namespace flagfall::director
