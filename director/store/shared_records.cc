#include "director/store/shared_records.hh"

#include <cassert>

namespace flagfall::director {

SharedRecords::SharedRecords(std::uint64_t master, std::size_t known, std::size_t waiting, Random& random)
    : master_(master),
      most_known_(known),
      most_waiting_(waiting),
      hash_(random),
      known_(0, RecordHash(random)),
      waiting_(0, RecordHash(random)),
      incoming_(0, RecordHash(random)) {}

std::uint64_t SharedRecords::content_of(const Record& record) const {
  const std::string text = value_of(record, 0);
  return hash_.finish(
      hash_.mix(hash_.start(), Bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size())));
}

SharedRecords::Known SharedRecords::known(const Record& record, const Version& version) const {
  return {version, content_of(record), scan_, is_gone(record)};
}

SharedRecords::Put SharedRecords::put(Record record) {
  RecordKey key = key_of(record);
  const Version ours{time_of(record), master_};
  if (const auto at = known_.find(key); at != known_.end()) {
    const Known& known = at->second;
    if (known.version.at == ours.at && known.content == content_of(record)) {
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
    Record record = std::move(incoming_.extract(incoming_.begin()).mapped().record);
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
    if (known_.size() >= most_known_) return false;
    at = known_.emplace(key, Known{}).first;
  }
  Known& known = at->second;
  known.scan = scan_;
  if (shared->version <= known.version && known.content != 0) {
    if (scans_ && shared->version < known.version) put_again(key, known, *shared);
    return true;
  }
  known = this->known(shared->record, shared->version);
  if (const auto ours = waiting_.find(key); ours != waiting_.end()) {
    const bool same =
        time_of(ours->second) == shared->version.at && content_of(ours->second) == known.content;
    if (!same && Version{time_of(ours->second), master_} > shared->version) return true;
    waiting_.erase(ours);
    ++settled_;
    if (same) return true;
  }
  // Of an earlier life of this process, or another master's.
  incoming_.insert_or_assign(std::move(key), Incoming{std::move(shared->record), shared->version});
  return true;
}

void SharedRecords::put_again(const RecordKey& key, Known& known, const SharedRecord& older) {
  lost_ = true;  // who has the record puts it again; of one that is gone we are all that is left
  if (known.gone && room() > 0) waiting_.try_emplace(key, gone_record(key, known.version.at));
  known = this->known(older.record, older.version);
}

bool SharedRecords::end_scan() {
  scans_ = false;
  // What was written during the scan may have been missed by it, but it has the scan's mark, too.
  return std::erase_if(known_, [&](const auto& one) { return one.second.scan != scan_; }) > 0 || lost_;
}

std::vector<std::pair<std::string, std::string>> SharedRecords::batch(std::size_t most) {
  assert(in_flight_.empty());
  std::vector<std::pair<std::string, std::string>> out;
  while (!waiting_.empty() && out.size() < most) {
    auto node = waiting_.extract(waiting_.begin());
    out.emplace_back(field_of(node.key()), value_of(node.mapped(), master_));
    in_flight_.push_back(std::move(node.mapped()));
  }
  return out;
}

void SharedRecords::written(std::size_t index, std::string_view instead, RealTime latest) {
  const Record& record = in_flight_.at(index);
  const RecordKey key = key_of(record);
  ++settled_;
  if (!instead.empty()) {
    merge(field_of(key), instead, latest);
  } else if (known_.size() < most_known_ || known_.contains(key)) {
    known_.insert_or_assign(key, known(record, {time_of(record), master_}));
  }
  if (index + 1 == in_flight_.size()) in_flight_.clear();
}

void SharedRecords::failed() {
  for (Record& record : in_flight_) {
    RecordKey key = key_of(record);
    const auto at = known_.find(key);
    if (at != known_.end() && at->second.version > Version{time_of(record), master_}) {
      ++settled_;
      continue;
    }
    waiting_.try_emplace(std::move(key), std::move(record));
  }
  in_flight_.clear();
}

}  // namespace flagfall::director
