// What several masters agree on: of each record the greatest version. Knows which version of each the others
// have (by way of Redis), what of ours they lack, and what of theirs our control thread lacks. Pure; under
// its owner's lock.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "director/store/record_text.hh"

namespace flagfall::director {

class SharedRecords {
 public:
  /// `known`: records of all masters at most, about 140 octets each; `waiting`: those that the others lack.
  SharedRecords(std::uint64_t master, std::size_t known, std::size_t waiting, Random& random);

  // The control thread's side.

  enum class Put : std::uint8_t {
    waits,    // to be told to the others
    same,     // they have told it already
    older,    // than what they have
    no_room,  // dropped
  };
  Put put(Record record);
  /// What others have changed.
  StoredChanges take(std::size_t most);
  [[nodiscard]] std::size_t untaken() const { return incoming_.size(); }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  [[nodiscard]] std::size_t room() const {
    return waiting_.size() < most_waiting_ ? most_waiting_ - waiting_.size() : 0;
  }

  /// Of ours, since the start: those that the others have, or something newer instead.
  [[nodiscard]] std::uint64_t settled() const { return settled_; }

  // The link's side.

  /// A record as the others have it. False: it makes no sense, or there is no room. Versions later than
  /// `latest` are of a clock that is wrong: they make no sense.
  bool merge(std::string_view field, std::string_view value, RealTime latest);
  /// Around merging everything that there is; end_scan(): whether we knew of records that are not there any
  /// more, or of newer ones: the server has lost something.
  void begin_scan() {
    ++scan_;
    scans_ = true;
    lost_ = false;
  }
  bool end_scan();
  /// Fields and values to write, at most so many; they are in flight until written() or failed().
  std::vector<std::pair<std::string, std::string>> batch(std::size_t most);
  /// One of those in flight is there now, in the order of batch(). `instead`: what is there, because it is
  /// newer; empty: ours.
  void written(std::size_t index, std::string_view instead, RealTime latest);
  /// What is in flight waits again.
  void failed();

 private:
  struct Known {
    Version version;
    std::uint64_t content = 0;
    std::uint32_t scan = 0;  // the last one that saw it
    bool gone = false;
  };
  struct Incoming {
    Record record;
    Version version;
  };
  template <class T>
  using Table = std::unordered_map<RecordKey, T, RecordHash>;

  [[nodiscard]] std::uint64_t content_of(const Record& record) const;
  [[nodiscard]] Known known(const Record& record, const Version& version) const;
  /// The server has an older one than we know of.
  void put_again(const RecordKey& key, Known& known, const SharedRecord& older);

  std::uint64_t master_;
  std::size_t most_known_;
  std::size_t most_waiting_;
  SeededHash hash_;
  std::uint32_t scan_ = 0;
  bool scans_ = false;  // one is under way, and
  bool lost_ = false;   // has seen what is older than what we know
  Table<Known> known_;
  Table<Record> waiting_;
  Table<Incoming> incoming_;
  std::vector<Record> in_flight_;
  std::uint64_t settled_ = 0;
};

}  // namespace flagfall::director
