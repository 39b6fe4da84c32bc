// A service's races over synthetic paths, in virtual time: what the follower sees
// of them, and what became of them.
#pragma once

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "delay/follower.hh"

namespace flagfall::delay::test {

/// One way from the master to a slave.
struct Path {
  Nanos base{};
  Nanos jitter{};      // mean of an exponential part
  double tail = 0;     // Pareto's shape of another part, 0.5 ms at least; 0: none
  Nanos clock{};       // what the slave's clock is ahead
  bool alive = true;   // reports
  bool racing = true;  // is ordered
};

class Paths {
 public:
  Paths(const Follow& follow, std::vector<Path> slaves, double rate, std::uint64_t seed)
      : paths(std::move(slaves)), follower(follow), ways_(1), rate_(rate), engine_(seed) {}

  std::vector<Path> paths;
  Follower follower;

  struct Said {
    Nanos at;
    Change change;
  };
  std::vector<Said> said;

  [[nodiscard]] Nanos time() const { return now_ - kStart; }
  [[nodiscard]] Nanos delay() const { return follower.delay(); }

  void run(Nanos how_long) {
    const MonoTime until = now_ + how_long;
    while (now_ < until) {
      now_ += Nanos(1'000'000);
      owed_ += rate_ * 1e-3;
      for (; owed_ >= 1; owed_ -= 1) race();
      if (time() % Nanos(200'000'000) == Nanos(0)) deliver();
      if (time() % Nanos(250'000'000) == Nanos(0)) step();
    }
  }
  /// Runs until it holds; how long that took. None after `most`.
  std::optional<Nanos> until(const std::function<bool()>& holds, Nanos most) {
    const Nanos begun = time();
    while (time() - begun < most) {
      run(Nanos(250'000'000));
      if (holds()) return time() - begun;
    }
    return std::nullopt;
  }

  /// Of the races of the last `span`: the share with all slaves of `those` on time (all, when none are
  /// named).
  [[nodiscard]] double share(Nanos span, const std::vector<std::uint16_t>& those = {}) const {
    std::size_t all = 0;
    std::size_t good = 0;
    for (const Run& run : runs_) {
      if (now_ - run.at > span) continue;
      ++all;
      bool late = false;
      for (std::size_t s = 0; s < run.late.size(); ++s)
        late = late || (run.late[s] && (those.empty() || std::ranges::find(those, s) != those.end()));
      good += late ? 0 : 1;
    }
    return all == 0 ? 1 : static_cast<double>(good) / static_cast<double>(all);
  }
  [[nodiscard]] const OneWay& ways() const { return ways_; }

 private:
  static constexpr MonoTime kStart = MonoTime(Nanos(1'000'000'000'000));

  struct Run {
    MonoTime at;
    std::vector<bool> late;
  };

  double unit() { return std::uniform_real_distribution<double>(0, 1)(engine_); }

  Nanos sample(const Path& path) {
    auto ns = static_cast<double>(path.base.count() + path.clock.count());
    ns -= static_cast<double>(path.jitter.count()) * std::log(1 - unit());
    if (path.tail > 0) ns += 0.5e6 * std::pow(1 - unit(), -1 / path.tail);
    return Nanos(static_cast<std::int64_t>(ns));
  }

  void race() {
    const Nanos dispatch(static_cast<std::int64_t>(unit() * 2e6));
    const std::uint64_t id = next_++;
    Run& run = runs_.emplace_back();
    run.at = now_;
    run.late.assign(paths.size(), false);
    while (now_ - runs_.front().at > Nanos(120'000'000'000)) runs_.pop_front();
    for (std::size_t i = 0; i < paths.size(); ++i) {
      const auto s = static_cast<std::uint16_t>(i);
      if (!paths[s].racing) continue;
      const Nanos one_way = sample(paths[s]);
      const bool late = dispatch + one_way > delay();
      run.late[s] = late;
      if (!paths[s].alive) continue;
      waiting_.push_back({now_ + delay() + Nanos(20'000'000),
                          {id, 0, s, late ? race::Fate::sent_late : race::Fate::sent, delay(), dispatch,
                           one_way, Nanos(400'000)}});
    }
  }
  void deliver() {
    std::erase_if(waiting_, [&](const Waiting& w) {
      if (w.reported > now_) return false;
      ways_.add(w.timing, now_);
      return true;
    });
  }
  void step() {
    std::vector<std::uint16_t> racing;
    for (std::size_t s = 0; s < paths.size(); ++s)
      if (paths[s].racing) racing.push_back(static_cast<std::uint16_t>(s));
    if (const auto change = follower.step(ways_.service(0), racing, now_)) said.push_back({time(), *change});
  }

  struct Waiting {
    MonoTime reported;
    race::OrderTiming timing;
  };
  OneWay ways_;
  double rate_;
  std::mt19937_64 engine_;
  MonoTime now_ = kStart;
  double owed_ = 0;
  std::uint64_t next_ = 1;
  std::deque<Run> runs_;
  std::vector<Waiting> waiting_;
};

}  // namespace flagfall::delay::test
