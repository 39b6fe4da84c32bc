// Adds finished races up into cells of a second, until they are taken to be
// written. Bounded whatever clients do: prefixes that find no room share one cell
// a second and service, and what finds no cell at all is counted. Pure; control
// thread. It knows neither the database nor names.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "common/base/hash.hh"
#include "stats/arrivals.hh"
#include "stats/cells.hh"

namespace flagfall::stats {

struct TallyOptions {
  unsigned prefix_v4 = 24;
  unsigned prefix_v6 = 56;
  std::size_t prefixes = 1000;  // with cells of their own between two takes
  ArrivalOptions arrivals;
};

class Tally {
 public:
  Tally(const TallyOptions& options, Random& random);

  /// `now`: seconds since the Unix epoch. A race counts in the second of its instant, or in `now` if that is
  /// more than a minute away.
  void add(const race::FinishedRace& race, std::int64_t now);
  /// What a counter has grown by. Names are few: the caller's.
  void count(std::string_view name, std::int64_t by, std::int64_t now);

  /// All since the last take. Costs nothing when there is nothing.
  Batch take();
  void restore(std::span<const ArrivalRow> rows, std::int64_t now) { arrivals_.restore(rows, now); }

  [[nodiscard]] std::uint64_t races() const { return races_; }
  /// Races that found no cell, not even the shared one; margins likewise.
  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  /// Races whose prefix found no room of its own.
  [[nodiscard]] std::uint64_t others() const { return others_; }
  [[nodiscard]] std::size_t measured_prefixes() const { return arrivals_.size(); }

 private:
  struct Key {
    std::int64_t time = 0;
    std::uint16_t service = 0;
    std::optional<Prefix> prefix;
    bool operator==(const Key&) const = default;
  };
  struct MarginKey {
    std::int64_t time = 0;
    std::uint16_t service = 0;
    std::uint16_t slave = 0;
    std::uint16_t bucket = 0;
    bool operator==(const MarginKey&) const = default;
  };
  struct Hash {
    SeededHash seeded;
    std::size_t operator()(const Key& key) const;
    std::size_t operator()(const MarginKey& key) const;
  };
  /// Who ran for a service lately: the field that a win is compared with.
  struct Lately {
    std::uint16_t slave = 0;
    std::int64_t ran = 0;
  };

  Group* group(const race::FinishedRace& race, const Prefix& prefix, std::int64_t time);
  Group* find_or_make(const Key& key, bool room);
  static RunnerCounts& runner(Group& group, std::uint16_t slave);
  void note_margin(const race::FinishedRace& race, std::int64_t time);
  std::vector<std::uint16_t>& field(const race::FinishedRace& race, std::int64_t now);

  TallyOptions options_;
  Arrivals arrivals_;
  std::unordered_map<Key, std::size_t, Hash> index_;
  std::unordered_map<MarginKey, std::int64_t, Hash> margins_;
  std::unordered_map<std::uint16_t, std::vector<Lately>> lately_;  // by service
  std::vector<std::uint16_t> field_;
  Batch batch_;
  std::size_t own_ = 0;  // groups with a prefix
  std::uint64_t races_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t others_ = 0;
};

}  // namespace flagfall::stats
