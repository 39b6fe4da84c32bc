// What one master promises of its directors' memory (docs/design/store.md), checked
// from outside: an operator's word holds until it is taken back, and what was known
// for a second outlives the process. Pure; the judge's, one a master.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "sim/spans.hh"

namespace flagfall::sim {

/// A binding as a master shows it.
struct ShownBinding {
  std::string service;
  Prefix prefix;
  std::string server;  // the first of its order
  bool by_hand = false;
};

/// What a master shows at one moment.
struct ShownBook {
  std::vector<ShownBinding> bindings;  // that are not learning
  std::set<std::string> drained;
  bool restored = false;  // all that an earlier process left has been taken
  bool full = false;      // a book is at its ceiling, or was: what matters least has gone
};

class BookJudge {
 public:
  /// What is wrong; nothing, when nothing is.
  using Said = std::optional<std::string>;

  // An operator's commands, when the master has said that they are done.
  void bound(const std::string& service, const Prefix& prefix, const std::string& server, RefTime now);
  void unbound(const std::string& service, const Prefix& prefix, RefTime now);
  void drained(const std::string& server, bool drained, RefTime now);

  // Where masters share their records.
  void share() { shares_ = true; }
  /// Another master's operator has had a word about it, or nobody can say whose is later: nothing is promised
  /// here any more, until the next command.
  void contested(const std::string& service, const Prefix& prefix);
  void contested(const std::string& server);
  /// The others have forgotten something: what was taken back may come back.
  void forgave();

  /// Every now and then, and after each command.
  [[nodiscard]] Said look(const ShownBook& book, RefTime now);
  /// The process has ended, with its machine or alone; `excuses`: when its disk or its host did not do what
  /// they should, in the order of time.
  void died(RefTime now, bool power, std::vector<Span> excuses);

  /// Whom an operator has bound this client to, longest prefix first; nothing: nobody, or the last command is
  /// younger than `settled`. Where masters share, as this one shows it.
  [[nodiscard]] std::optional<std::string> word_for(const std::string& service, const IpAddress& client,
                                                    RefTime now, Nanos settled) const;
  /// What was looked for after restarts, and found.
  [[nodiscard]] std::uint64_t survived() const { return survived_; }

 private:
  using Key = std::pair<std::string, Prefix>;
  struct Known {
    std::string server;
    RefTime since;
  };
  /// Whether a server is drained, by the last command.
  struct Drain {
    bool drained = false;
    RefTime since;
  };
  struct Memory {
    std::map<Key, Known> learned, words;
    std::map<Key, RefTime> taken_back;  // words, and when
    std::map<std::string, Drain> drains;
  };
  /// Was written before the end of the former process, if the product keeps its promise.
  [[nodiscard]] bool kept(RefTime since) const;
  [[nodiscard]] Said survived(const ShownBook& book, RefTime now);

  bool shares_ = false;
  Memory now_;
  std::optional<Memory> before_;  // of the former process, until the new one has read it all
  RefTime died_;
  bool power_ = false;
  std::vector<Span> excuses_;
  RefTime commanded_;
  std::map<Key, Known> shown_words_;  // at the last look
  bool looked_ = false;               // at what this process shows
  std::uint64_t survived_ = 0;
};

}  // namespace flagfall::sim
