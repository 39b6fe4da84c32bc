// What masters that share their records promise together (docs/design/store.md):
// when nothing has been in trouble and no operator has commanded for some seconds,
// all of them show the same words and drains, and those are the last ones that
// operators have given. Pure; the judge's, one a world.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/book_judge.hh"

namespace flagfall::sim {

class SharingJudge {
 public:
  using Said = std::optional<std::string>;
  using Key = std::pair<std::string, Prefix>;
  /// Clocks of two masters differ by less, however often they are set: within that nobody can say whose word
  /// is later, and none is promised to win.
  static constexpr Nanos kClocks = std::chrono::seconds(4);
  /// A look each tenth of a second, and one each quarter at either end; or, after a reply that did not come,
  /// a second's patience, a second's pause, and all the round trips to read everything.
  static constexpr Nanos kAgree = std::chrono::seconds(5);

  void add_master(const std::string& name) { masters_[name]; }
  [[nodiscard]] bool has(const std::string& name) const { return masters_.contains(name); }

  // An operator's commands, when a master has said that they are done. False: another master had a word about
  // the same thing lately.
  bool word(const std::string& master, const Key& key, const std::string& server, RefTime now);
  bool drain(const std::string& master, const std::string& server, bool drained, RefTime now);
  /// Something is not as it should be, and will not be before `until`.
  void trouble(RefTime until) { calm_from_ = std::max(calm_from_, until); }
  /// The server has forgotten something: what was taken back before may come back.
  void lost(RefTime now);

  /// What a master shows now.
  [[nodiscard]] Said look(const std::string& master, const ShownBook& book, RefTime now);
  /// What its operators have said that the others do not know yet may be lost. Their words and drains that
  /// are not certain any more are told.
  void died(const std::string& master, RefTime now, const std::function<void(const Key&)>& word,
            const std::function<void(const std::string&)>& drain);
  /// All masters show the same, what they have learned, too. `full` tables may differ.
  [[nodiscard]] Said differs() const;
  /// How often all of them were compared.
  [[nodiscard]] std::uint64_t compared() const { return compared_; }

 private:
  struct Shown {
    bool there = false;
    bool read = false;  // all that there was at its start
    std::map<Key, std::string> words, learned;
    std::set<std::string> drained;
  };
  struct Last {
    std::string master;
    std::string value;  // whom it is bound to, or "drained"; empty: taken back
    RefTime when;
    bool certain = true;  // nobody else's word may be the later one, and it is not lost
    bool seen = false;    // all masters have shown it
  };
  template <class About>
  static bool say(std::map<About, Last>& all, const About& key, Last last);
  [[nodiscard]] Said unlike(const Shown& a, const Shown& b) const;
  [[nodiscard]] Said not_last(const Shown& shown) const;
  template <class About, class Tell>
  static void lose_unseen(std::map<About, Last>& all, const std::string& master, const Tell& tell);

  std::map<std::string, Shown> masters_;
  std::map<Key, Last> words_;
  std::map<std::string, Last> drains_;
  RefTime calm_from_;
  bool full_ = false;  // a table was, once
  std::uint64_t compared_ = 0;
};

}  // namespace flagfall::sim
