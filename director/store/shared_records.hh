// What several masters agree on: of each record the greatest version. Knows what the others have (by way of
// Redis), what of ours they lack, what of theirs our control thread lacks, and what the server has lost.
// Pure; under its owner's lock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "director/store/record_text.hh"

namespace flagfall::director {

class SharedRecords {
 public:
  /// `known`: records of all masters at most, about 290 octets each (up to 2.5 KB with
  /// eight names of 255 letters); `waiting`: those that the others lack.
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
  /// Around merging everything that there is. What we know of and the server has not, or has an older one of,
  /// is written again as it was, but for what is not there and gone since before `forgotten`: that is
  /// forgotten. True: more than that may be lost, for there was no room to know of all.
  void begin_scan();
  bool end_scan(RealTime forgotten);
  /// Fields and values to write, at most so many; they are in flight until written() or failed(). With
  /// `lost`, also what is written again.
  std::vector<std::pair<std::string, std::string>> batch(std::size_t most, bool lost = true);
  /// One of those in flight is there now, in the order of batch(). `instead`: what is there, because it is
  /// newer; empty: ours.
  void written(std::size_t index, std::string_view instead, RealTime latest);
  /// What of ours is in flight waits again; what the server has lost, the next scan finds.
  void failed();

 private:
  struct Known {
    Version version;
    std::string state;       // state_of() the record; empty: not known yet
    std::uint32_t scan = 0;  // the last one that saw this version
  };
  template <class T>
  using Table = std::unordered_map<RecordKey, T, RecordHash>;

  struct InFlight {
    RecordKey key;
    std::optional<Record> ours;  // nothing: it is written again
  };

  std::uint64_t master_;
  std::size_t most_known_;
  std::size_t most_waiting_;
  std::uint32_t scan_ = 0;
  bool unknown_ = false;  // the server has had more than there was room for
  Table<Known> known_;
  std::vector<const Table<Known>::value_type*> lost_;  // by the server; of known_, which only scans shrink
  Table<Record> waiting_;
  Table<Record> incoming_;
  std::vector<InFlight> in_flight_;
  std::uint64_t settled_ = 0;
};

}  // namespace flagfall::director
