// The delay of one service, following the network: from the needs of its last
// races it computes the least delay that keeps the promised share of them on
// time, goes up within seconds when the share falls, and comes down when a whole
// window of races would have done with less (docs/design/delay.md). Pure; time is
// an argument; control thread only.
//
// It does not log, publish or measure: step() says what to change and why.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "common/base/time.hh"
#include "delay/follow.hh"
#include "delay/one_way.hh"

namespace flagfall::delay {

class Follower {
 public:
  /// The first delay, before anything is known: at_most, with which nobody is left out.
  explicit Follower(const Follow& follow) : follow_(follow), delay_(follow.at_most) {}

  /// What became of it since the last call; to be called some times a second. `racing`: the slaves that are
  /// in the service's races now. At most one change.
  std::optional<Change> step(const OneWay::Service& seen, std::span<const std::uint16_t> racing,
                             MonoTime now);

  [[nodiscard]] const Follow& follow() const { return follow_; }
  [[nodiscard]] Nanos delay() const { return delay_; }

  /// What the last step saw, for who asks.
  struct View {
    std::size_t races = 0;              // settled, in the window
    double share = 0;                   // of them would have been on time with the present delay
    Nanos wanted{};                     // the delay that they ask for; zero while there are too few
    bool limited = false;               // and may not have, by at_most or at_least
    std::vector<std::uint16_t> slaves;  // who counts
  };
  [[nodiscard]] const View& view() const { return view_; }
  [[nodiscard]] std::uint64_t changes() const { return changes_; }

 private:
  struct Sample {
    std::vector<Nanos> needs;  // of a race: the largest of those that count; in no order
    [[nodiscard]] std::size_t late(Nanos delay) const;
    [[nodiscard]] double share(Nanos delay) const;
  };
  void note_racing(std::span<const std::uint16_t> racing, MonoTime now);
  void choose(const Rows& rows, std::size_t first, MonoTime now);
  void collect(const Rows& rows, std::size_t first, MonoTime now);
  [[nodiscard]] bool counted(std::uint16_t slave) const;
  [[nodiscard]] Nanos candidate(Sample& sample) const;
  [[nodiscard]] Nanos largest(const OneWay::Service& seen) const;
  [[nodiscard]] std::optional<std::pair<Nanos, Cause>> judge(const OneWay::Service& seen, MonoTime now);
  [[nodiscard]] bool falls_short_since(MonoTime now);
  Change explain(const OneWay::Service& seen, Nanos wanted, Cause cause, std::size_t first);
  std::optional<Change> apply(Change change, MonoTime now);

  Follow follow_;
  Nanos delay_;
  bool measured_ = false;
  std::uint64_t changes_ = 0;
  MonoTime changed_;                           // last
  std::optional<MonoTime> provisional_since_;  // the last change that was made of few races
  std::optional<MonoTime> lowered_;            // last
  Nanos patience_ = kPatience;                 // before it comes down after a change
  std::optional<MonoTime> said_limited_;
  std::vector<std::pair<std::uint16_t, MonoTime>> raced_;  // slaves, and when each was last in the races
  View view_;
  // Reused by each step.
  Sample recent_;
  MonoTime recent_since_;
  Sample window_;
  Sample since_;
  std::vector<Nanos> scratch_;

 public:
  /// How far back the last seconds reach, and the window, under load.
  static constexpr Nanos kRecent = std::chrono::seconds(3);
  static constexpr Nanos kWindow = std::chrono::seconds(30);
  /// With few races, the window is so many of them, and the last seconds are kLeastRecent; none is older than
  /// this.
  static constexpr std::size_t kWindowRaces = 300;
  static constexpr Nanos kOldest = std::chrono::minutes(10);
  /// Fewer races than these say nothing, of the last seconds or of the window.
  static constexpr std::size_t kLeastRecent = 20;
  static constexpr std::size_t kLeastWindow = 100;
  /// A slave that is in no race for so long does not count; a restart is shorter.
  static constexpr Nanos kAway = std::chrono::seconds(20);
  /// No way down so soon after a change; doubled, up to kMostPatience, each time that the way down was wrong
  /// (up again within kRegret), and forgotten after kForgive without a change.
  static constexpr Nanos kPatience = std::chrono::seconds(15);
  static constexpr Nanos kMostPatience = std::chrono::minutes(8);
  static constexpr Nanos kRegret = std::chrono::minutes(2);
  static constexpr Nanos kForgive = std::chrono::minutes(15);
  /// For so long a change that was made of few races is reviewed, and no sooner after a review.
  static constexpr Nanos kReview = std::chrono::seconds(15);
  static constexpr Nanos kReviewPause = std::chrono::seconds(1);
};

}  // namespace flagfall::delay
