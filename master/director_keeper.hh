// Between the directors and their store: what was known is restored before the first query, what changes is
// kept, what other masters learn is taken over. Control thread only.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "director/store/store.hh"
#include "master/director_desk.hh"

namespace flagfall::master {

class DirectorKeeper {
 public:
  /// `store` may be null: nothing is kept. `desk` and `clock` outlive it.
  DirectorKeeper(DirectorDesk& desk, std::unique_ptr<director::Store> store, const Clock& clock)
      : desk_(desk), store_(std::move(store)), clock_(clock) {}

  /// Takes what an earlier process left, for so long at most. True: all of it.
  bool restore(Nanos patience);
  /// Four times a second, after the desk's own tick().
  void tick();
  /// An operator has drained a server, or taken it back. `by`: who.
  void drained(const std::string& server, bool drained, const std::string& by);
  /// An operator has taken a binding back. The store may have a word about it that it has not told yet, and
  /// what was learned there before that word.
  void unbound(std::size_t service, const Prefix& prefix);

  /// Whether all that an earlier process left has been taken.
  [[nodiscard]] bool restored() const { return !store_ || store_->restored(); }
  [[nodiscard]] bool keeps() const { return store_ != nullptr; }
  [[nodiscard]] store::Health health() const { return store_ ? store_->health() : store::Health{}; }
  /// Records that name a service or servers that are not configured: left alone.
  [[nodiscard]] std::uint64_t foreign() const { return foreign_; }

 private:
  using Key = std::pair<std::size_t, Prefix>;
  void take();
  void apply(const director::StoredChange& change);
  /// Takes out what is held back of `prefix` and its parts.
  std::vector<director::StoredChange> held_back(std::size_t service, const Prefix& prefix);
  [[nodiscard]] director::StoredChange stored(std::size_t service, const director::Change& change) const;
  void queue_all();
  /// What the store is given next.
  director::StoredChanges part();
  /// `t`, or later than all that the store has told and that this master has said: the clocks of masters
  /// differ, and of two records with one time the later is not taken.
  [[nodiscard]] RealTime later(RealTime t);

  DirectorDesk& desk_;  // NOLINT(*-ref-data-members)
  std::unique_ptr<director::Store> store_;
  const Clock& clock_;  // NOLINT(*-ref-data-members)
  /// What the store has lost comes before what waits, and is as it is then: another master may change it
  /// first.
  std::deque<Key> again_;
  bool drains_again_ = false;
  director::StoredChanges waiting_;
  std::map<std::string, director::StoredDrain> drains_;  // by server; of those that are drained
  RealTime latest_{};                                    // of all times of records, told or said
  /// Service, prefix, by hand, gone.
  using Told = std::tuple<std::size_t, Prefix, bool, bool>;
  std::multiset<Told> taken_;  // from the store, and about to come back as changes
  std::set<Key> unbound_;      // by operators, and the store does not know it yet
  /// What was learned within an operator's word, and is not taken while that holds: records come in no order,
  /// and the next one may be that the word is gone.
  std::map<Key, director::StoredChange> held_back_;
  bool overflowed_ = false;  // more has changed than may wait
  std::uint64_t foreign_ = 0;
};

}  // namespace flagfall::master
