#include "director/store/shared_records.hh"

#include <cassert>

namespace flagfall::director {

SharedRecords::SharedRecords(std::uint64_t master, std::size_t known, std::size_t waiting, Random& random)
    : master_(master),
      most_known_(known),
      most_waiting_(waiting),
      known_(0, RecordHash(random)),
      waiting_(0, RecordHash(random)),
      incoming_(0, RecordHash(random)) {}

SharedRecords::Put SharedRecords::put(Record record) {
  RecordKey key = key_of(record);
  const Version ours{time_of(record), master_};
  if (const auto at = known_.find(key); at != known_.end()) {
    const Known& known = at->second;
    if (known.version.at == ours.at && known.state == state_of(record)) {
      incoming_.erase(key);
      return Put::same;
    }
    if (known.version > ours) return Put::older;
  }
  if (const auto at = waiting_.find(key); at != waiting_.end()) {
    at->second = std::move(record);
  } else {
    if (room() == 0) return Put::no_room;
    waiting_.emplace(key, std::move(record));
  }
  incoming_.erase(key);
  return Put::waits;
}

StoredChanges SharedRecords::take(std::size_t most) {
  StoredChanges out;
  while (!incoming_.empty() && out.size() < most) {
    Record record = std::move(incoming_.extract(incoming_.begin()).mapped());
    if (auto* change = std::get_if<StoredChange>(&record)) {
      out.bindings.push_back(std::move(*change));
    } else {
      out.drains.push_back(std::move(std::get<StoredDrain>(record)));
    }
  }
  return out;
}

bool SharedRecords::merge(std::string_view field, std::string_view value, RealTime latest) {
  auto shared = parse_record(field, value);
  if (!shared || shared->version.at > latest) return false;
  RecordKey key = key_of(shared->record);
  auto at = known_.find(key);
  if (at == known_.end()) {
    if (known_.size() >= most_known_) {
      unknown_ = true;
      return false;
    }
    at = known_.emplace(key, Known{}).first;
  }
  Known& known = at->second;
  if (!known.state.empty() && shared->version <= known.version) {
    known.scan = scan_;
    if (shared->version < known.version) lost_.push_back(&*at);
    return true;
  }
  known = {shared->version, state_of(shared->record), scan_};
  if (const auto ours = waiting_.find(key); ours != waiting_.end()) {
    const bool same = time_of(ours->second) == shared->version.at && state_of(ours->second) == known.state;
    if (!same && Version{time_of(ours->second), master_} > shared->version) return true;
    waiting_.erase(ours);
    ++settled_;
    if (same) return true;
  }
  // Of an earlier life of this process, or another master's.
  incoming_.insert_or_assign(std::move(key), std::move(shared->record));
  return true;
}

void SharedRecords::begin_scan() {
  ++scan_;
  lost_.clear();
}

bool SharedRecords::end_scan(RealTime forgotten) {
  bool lost = !lost_.empty();
  std::erase_if(known_, [&](const auto& one) {
    const Known& known = one.second;
    if (known.scan == scan_) return false;
    lost = true;
    if (known.state.front() == '-' && known.version.at < forgotten) return true;
    lost_.push_back(&one);
    return false;
  });
  return lost && unknown_;
}

std::vector<std::pair<std::string, std::string>> SharedRecords::batch(std::size_t most, bool lost) {
  assert(in_flight_.empty());
  std::vector<std::pair<std::string, std::string>> out;
  while (!waiting_.empty() && out.size() < most) {
    auto node = waiting_.extract(waiting_.begin());
    const Record& ours = node.mapped();
    out.emplace_back(field_of(node.key()), value_of({time_of(ours), master_}, state_of(ours)));
    in_flight_.push_back({node.key(), std::move(node.mapped())});
  }
  for (; lost && !lost_.empty() && out.size() < most; lost_.pop_back()) {
    const auto& [key, known] = *lost_.back();
    out.emplace_back(field_of(key), value_of(known.version, known.state));
    in_flight_.push_back({key, std::nullopt});
  }
  return out;
}

void SharedRecords::written(std::size_t index, std::string_view instead, RealTime latest) {
  const auto& [key, ours] = in_flight_.at(index);
  if (ours) ++settled_;
  if (!instead.empty()) {
    merge(field_of(key), instead, latest);
  } else if (ours && known_.size() >= most_known_ && !known_.contains(key)) {
    unknown_ = true;
  } else if (ours) {
    known_.insert_or_assign(key, Known{{time_of(*ours), master_}, state_of(*ours), scan_});
  }
  if (index + 1 == in_flight_.size()) in_flight_.clear();
}

void SharedRecords::failed() {
  for (auto& [key, ours] : in_flight_) {
    if (!ours) continue;  // the next scan finds it missing
    const auto at = known_.find(key);
    if (at != known_.end() && at->second.version > Version{time_of(*ours), master_}) {
      ++settled_;
      continue;
    }
    waiting_.try_emplace(std::move(key), std::move(*ours));
  }
  in_flight_.clear();
}

}  // namespace flagfall::director
