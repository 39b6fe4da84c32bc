#include "director/store/both_stores.hh"

#include <algorithm>

namespace flagfall::director {

void BothStores::put(StoredChanges changes) {
  file_->put(changes);
  shared_->put(std::move(changes));
}

StoredChanges BothStores::take(std::size_t most) {
  // First the server is read, then the file, which may say what is older: see RedisStore::offer().
  if (!shared_->was_read()) return {};
  if (!file_->restored()) {
    StoredChanges out = file_->take(most);
    shared_->offer(out);
    return out;
  }
  if (!file_->ready()) return {};
  StoredChanges out = shared_->take(std::min(most, kMostPut));
  if (!out.empty()) file_->put(out);
  return out;
}

bool BothStores::needs_all() {
  const bool file = file_->needs_all();
  return shared_->needs_all() || file;
}

store::Health BothStores::health() const {
  store::Health out = file_->health();
  const store::Health shared = shared_->health();
  out.opened = out.opened && shared.opened;
  if (!out.why_not.empty() && !shared.why_not.empty()) out.why_not += "; ";
  if (!shared.why_not.empty()) out.why_not += "redis: " + shared.why_not;
  out.waiting += shared.waiting;
  out.failures += shared.failures;
  out.not_kept += shared.not_kept;
  out.wrong += shared.wrong;
  return out;
}

}  // namespace flagfall::director
