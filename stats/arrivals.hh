// Where each slave's answers arrive relative to the others', by client prefix:
// learned from races in which the arrivals of two runners or more were measured.
// An arrival holds the client's way back to the master, which is unknown but the
// same for all runners of one race; so a race only teaches differences. Pure and
// bounded; control thread. docs/design/statistics.md says why it is done so.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/base/hash.hh"
#include "stats/cells.hh"

namespace flagfall::stats {

struct ArrivalOptions {
  std::size_t most = 4096;             // prefixes (of a service) at once; who was longest unheard of goes
  std::int64_t forget_after = 86'400;  // seconds
  std::int64_t least_samples = 3;      // below that a slave's place is not known
};

/// What a race has saved its client.
struct Saved {
  std::uint16_t winner = 0;
  Nanos
      second_best{};  // the nearest of the others arrives so much later; negative: it would have been earlier
  Nanos random{};     // the mean of all, the winner among them
};

class Arrivals {
 public:
  Arrivals(const ArrivalOptions& options, Random& random);

  /// Learns from a race's arrivals, if there are two at least; says whether it did.
  bool learn(const race::FinishedRace& race, const Prefix& prefix, std::int64_t now);

  /// What the race has saved, against all of `field` (slave indices, sorted): the winner is the verdict's or,
  /// without one, the nearest of those that sent on time. Nothing while the place of one of them is not
  /// known.
  [[nodiscard]] std::optional<Saved> saved(const race::FinishedRace& race, const Prefix& prefix,
                                           std::span<const std::uint16_t> field, std::int64_t now) const;

  /// Rows that changed since the last call.
  std::vector<ArrivalRow> take_changed();
  /// What an earlier run knew; prefixes that are known already stay as they are.
  void restore(std::span<const ArrivalRow> rows, std::int64_t now);

  [[nodiscard]] std::size_t size() const { return places_.size(); }

 private:
  struct Key {
    std::uint16_t service = 0;
    Prefix prefix;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    SeededHash seeded;
    std::size_t operator()(const Key& key) const;
  };
  struct Place {
    std::uint16_t slave = 0;
    std::uint16_t part = 0;
    std::int64_t samples = 0;
    std::int64_t updated = 0;
    double offset = 0;  // ns
    double spread = 0;
    double error = 0;
  };
  struct Entry {
    Key key;
    std::vector<Place> places;
    bool changed = false;
  };
  using Order = std::list<Entry>;  // the one that was taught last is the first

  struct Sample {
    std::size_t place = 0;
    double arrival = 0;
    double error = 0;
  };
  Entry& entry(const Key& key);
  static Place& place(Entry& entry, std::uint16_t slave);
  static std::vector<Sample> samples_of(const race::FinishedRace& race, Entry& entry);
  static void join(Entry& entry, std::span<const Sample> samples);
  static void refine(Entry& entry, std::span<const Sample> samples, std::int64_t now);
  [[nodiscard]] bool known(const Place& place, std::int64_t now) const;

  ArrivalOptions options_;
  Order order_;
  std::unordered_map<Key, Order::iterator, Hash> places_;
};

}  // namespace flagfall::stats
