// What one service's last races needed: for each race one row, with the delay that
// each slave in it would have needed to be on time. Rows are joint: two slaves
// that are late in the same races cost one race each time, two that take turns
// cost two; only rows can tell (docs/design/delay.md).
//
// Bounded: kMost rows, about 2.3 MB, and less while there were fewer races. At more
// than kPerSecond races a second, every 2^n-th is kept, chosen by a hash of its id,
// so that a row is whole or not there. Pure; control thread only.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/base/time.hh"
#include "common/race/finished_race.hh"

namespace flagfall::delay {

/// One slave in one race.
struct Need {
  std::uint16_t slave = 0;  // index into the configuration's sorted slave names
  bool on_time = false;     // as it was, with the delay of that time
  Nanos needed{};           // the least delay with which it would have been on time
  bool operator==(const Need&) const = default;
};

/// One race: the slaves whose reports told of an order that was theirs to answer. A slave that was not
/// ordered, did not report, refused or could not send is not in it.
struct Row {
  std::uint64_t race = 0;
  MonoTime at;             // when the first of its reports came
  bool whole = true;       // false: an earlier report may have been left out; for nobody's statistics
  std::uint8_t count = 0;  // of needs
  std::array<Need, race::kMostRunners> needs{};

  [[nodiscard]] std::span<const Need> all() const { return std::span(needs).first(count); }
};

/// The delay that this order would have needed: from the timestamp until it was sent, and its way. Its fate
/// has the last word: a late one needed more than its delay, whatever was measured.
Nanos needed(const race::OrderTiming& timing);

/// Whether the order was the slave's to answer, so that its time counts.
bool counts(race::Fate fate);
bool on_time(race::Fate fate, Nanos needed, Nanos delay);

class Rows {
 public:
  static constexpr std::size_t kMost = 8192;
  /// Races a second that are kept as they come; with more, a sample of nearly half as many, or more.
  static constexpr unsigned kPerSecond = 256;
  /// Slaves report five times a second: so long after its first report, a row has all that will come.
  static constexpr Nanos kSettling = std::chrono::milliseconds(1500);

  /// One report. `now` never goes back.
  void add(const race::OrderTiming& timing, MonoTime now);

  [[nodiscard]] std::size_t size() const { return ring_.size(); }
  /// The number of the oldest row, counted from the first that there ever was: a place that stays.
  [[nodiscard]] std::uint64_t first_number() const { return total_ - ring_.size(); }
  /// Oldest first; i below size().
  [[nodiscard]] const Row& operator[](std::size_t i) const {
    const std::size_t at = next_ + i;
    return ring_[at < ring_.size() ? at : at - ring_.size()];
  }
  /// Nothing more is expected of it, and it is whole.
  static bool settled(const Row& row, MonoTime now) { return row.whole && now - row.at >= kSettling; }
  /// The first row of the last `window`, or of the last `least` rows where these reach further back, none of
  /// them older than `oldest`; size() when there is none.
  [[nodiscard]] std::size_t first_of(MonoTime now, Nanos window, std::size_t least, Nanos oldest) const;
  /// Copies of the settled ones, oldest first.
  [[nodiscard]] std::vector<Row> settled_rows(MonoTime now) const;
  /// Of 2^level races one is kept.
  [[nodiscard]] unsigned level() const { return level_; }

 private:
  Row* open(std::uint64_t race, MonoTime now);
  void adjust(MonoTime now);

  std::vector<Row> ring_;
  std::size_t next_ = 0;  // the oldest, once the ring is full
  std::unordered_map<std::uint64_t, std::size_t> places_;
  std::uint64_t total_ = 0;  // rows that there ever were
  unsigned level_ = 0;
  unsigned strict_ = 0;  // the level before the last that took more in
  MonoTime eased_;       // when that was
  MonoTime period_;      // when the running one began
  unsigned opened_ = 0;  // rows in it
};

}  // namespace flagfall::delay
