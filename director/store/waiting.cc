#include "director/store/waiting.hh"

#include <algorithm>
#include <utility>

namespace flagfall::director {

std::size_t Waiting::put(StoredChanges changes) {
  std::size_t refused = 0;
  for (StoredChange& change : changes.bindings) {
    RecordKey key = key_of(change.binding);
    const auto at = bindings_.find(key);
    if (at != bindings_.end()) {
      at->second = std::move(change);
    } else if (room() > 0) {
      bindings_.emplace(std::move(key), std::move(change));
    } else {
      ++refused;
    }
  }
  for (StoredDrain& drain : changes.drains) {
    const auto at = drains_.find(drain.server);
    if (at != drains_.end()) {
      at->second = std::move(drain);
    } else if (room() > 0) {
      std::string server = drain.server;
      drains_.emplace(std::move(server), std::move(drain));
    } else {
      ++refused;
    }
  }
  return refused;
}

void Waiting::put_back(StoredChanges&& changes) {
  for (StoredChange& change : changes.bindings)
    bindings_.try_emplace(key_of(change.binding), std::move(change));
  for (StoredDrain& drain : changes.drains) drains_.try_emplace(std::string(drain.server), std::move(drain));
}

StoredChanges Waiting::take(std::size_t most) {
  StoredChanges out;
  out.drains.reserve(std::min(most, drains_.size()));
  while (!drains_.empty() && out.size() < most)
    out.drains.push_back(std::move(drains_.extract(drains_.begin()).mapped()));
  out.bindings.reserve(std::min(most - out.size(), bindings_.size()));
  while (!bindings_.empty() && out.size() < most)
    out.bindings.push_back(std::move(bindings_.extract(bindings_.begin()).mapped()));
  return out;
}

}  // namespace flagfall::director
