// What happened in a run of races, and how it is told: a line for each arrival,
// a summary like ping's, or one JSON object a race. Pure: arrivals and times come
// in, text comes out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/time.hh"
#include "tools/race_errors.hh"

namespace flagfall::tools {

/// One answer, as it came in.
struct Arrival {
  std::string server;  // its addresses, or what it was instead of an answer
  Nanos after{};       // since the query was sent
  std::string nsid = {};
};

/// Answers that belong to no race of ours, by reason, and what else went wrong.
struct Ignored {
  std::uint64_t wrong_id = 0;
  std::uint64_t wrong_question = 0;
  std::uint64_t wrong_cookie = 0;
  std::uint64_t malformed = 0;
  std::uint64_t icmp = 0;  // errors that the network sent instead of an answer
  [[nodiscard]] std::uint64_t total() const { return wrong_id + wrong_question + wrong_cookie + malformed; }
};

/// Least, greatest and mean of durations.
class Spread {
 public:
  void add(Nanos value);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// "min/avg/max" in milliseconds; "-" when there are none.
  [[nodiscard]] std::string text() const;

 private:
  std::uint64_t count_ = 0;
  Nanos sum_{};
  Nanos least_ = Nanos::max();
  Nanos most_ = Nanos::min();
};

class RaceBook {
 public:
  /// Races whose margin is below the two slaves' `errors` are marked; none is where those are unknown.
  explicit RaceBook(RaceErrors errors = {}) : errors_(std::move(errors)) {}
  /// A new race for `name`; its number, from 1.
  unsigned start(const std::string& name);
  /// The line to print for an arrival, the first marked as the winner. In the order in which they came.
  std::string arrive(unsigned race, Arrival arrival);
  /// No more arrivals: the race is counted and forgotten. The line to print when nobody answered, otherwise
  /// empty.
  std::string finish(unsigned race, Nanos waited);
  /// The race never happened: it was interrupted.
  void forget(unsigned race) { open_.erase(race); }
  [[nodiscard]] bool arrived(unsigned race) const { return !open_.at(race).arrivals.empty(); }
  /// The race as one JSON object, before it is finished.
  [[nodiscard]] std::string json(unsigned race) const;
  /// What `flagfall race` prints at the end.
  [[nodiscard]] std::string summary(const std::string& title) const;

  Ignored ignored;
  [[nodiscard]] std::uint64_t answered() const { return answered_; }
  [[nodiscard]] std::uint64_t finished() const { return finished_; }

 private:
  struct Race {
    std::string name;
    std::vector<Arrival> arrivals;
  };
  struct Server {
    std::uint64_t wins = 0;
    std::uint64_t arrivals = 0;
    Spread after;
    Spread behind;  // the gap to the first, where it lost
  };
  [[nodiscard]] std::string table() const;
  /// What the margin of the first over the second must exceed; nothing without two answers, or unknown.
  [[nodiscard]] std::optional<Nanos> error(const std::vector<Arrival>& arrivals) const;

  RaceErrors errors_;
  unsigned next_ = 1;
  std::map<unsigned, Race> open_;
  std::map<std::string, Server> servers_;
  std::uint64_t finished_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t raced_ = 0;  // two answers or more
  std::uint64_t arrivals_ = 0;
  std::uint64_t judged_ = 0;        // races whose error is known
  std::uint64_t within_error_ = 0;  // of those, the ones that say nothing
  Spread first_;
  Spread lead_;  // of the first over the second
};

}  // namespace flagfall::tools
