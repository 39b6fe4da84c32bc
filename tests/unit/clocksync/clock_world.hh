// A simulated host whose crystal drifts and wanders, a server with an error of
// its own, and a path between them with delays, queues, spikes and loss. Truth is
// known to the nanosecond. One seed, one world.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "clocksync/estimator.hh"
#include "common/base/random.hh"

namespace flagfall::clocksync::test {

constexpr double kMicro = 1e3;
constexpr double kMilli = 1e6;
constexpr double kSecond = 1e9;

/// One way of a path, in ns.
struct Way {
  double base = 50 * kMicro;
  double jitter = 20 * kMicro;  // mean of an exponential
  double spikes = 0.02;         // share of packets that wait twenty times as long
};

struct PathPlan {
  Way there, back;
  double loss = 0.05;
};

/// Time in these functions is true time in ns since the world's beginning.
class World {
 public:
  static constexpr double kWanderStep = 0.25 * kSecond;
  static constexpr std::int64_t kEpoch = 1'790'000'000'000'000'000;

  /// The host's rate is off by `drift_ppm`, and walks within half of `wander_ppm` to either side of that.
  World(std::uint64_t seed, double length, double drift_ppm, double wander_ppm)
      : random_(seed), mono_start_(1 + static_cast<std::int64_t>(random_.unit() * 1e15)) {
    double walk = 0;
    for (double t = 0; t <= length + kWanderStep; t += kWanderStep) {
      gained_.push_back(gained_.empty() ? 0 : gained_.back() + kWanderStep * 1e-6 * (drift_ppm + walk));
      walk += (random_.unit() - 0.5) * wander_ppm / 4;
      walk = std::clamp(walk, -wander_ppm / 2, wander_ppm / 2);
    }
  }

  Random& random() { return random_; }
  double uniform(double least, double most) { return least + (most - least) * random_.unit(); }
  /// Every decade alike.
  double log_uniform(double least, double most) { return least * std::pow(most / least, random_.unit()); }
  bool chance(double share) { return random_.unit() < share; }

  /// From `when` on the host's clock is ahead by another `by`.
  void step_host(double when, double by) { steps_.push_back({when, by}); }
  /// From `when` on reference time itself, and the server's, is another one.
  void step_reference(double when, double by) { reference_.push_back({when, by}); }
  /// The server's error as a function of time: within its own bound when it is honest.
  void set_server(double when, double error) { server_.push_back({when, error}); }

  [[nodiscard]] double mono_exact(double t) const {
    const auto i = static_cast<std::size_t>(t / kWanderStep);
    const double part = t / kWanderStep - static_cast<double>(i);
    return t + gained_.at(i) + part * (gained_.at(i + 1) - gained_.at(i)) + sum(steps_, t);
  }
  [[nodiscard]] MonoTime mono(double t, bool late = false) const {
    const double exact = mono_exact(t);
    return MonoTime(
        Nanos(mono_start_ + static_cast<std::int64_t>(late ? std::ceil(exact) : std::floor(exact))));
  }
  [[nodiscard]] RefTime truth(double t) const {
    return RefTime(Nanos(kEpoch + std::llround(t + sum(reference_, t))));
  }
  [[nodiscard]] RefTime server(double t) const {
    return RefTime(Nanos(kEpoch + std::llround(t + sum(reference_, t) + sum(server_, t))));
  }

  double delay(const Way& way) {
    double d = way.base + exponential(way.jitter);
    if (chance(way.spikes)) d += exponential(20 * way.jitter);
    return d;
  }
  /// None when the network lost it. `done` is when the reply came.
  std::optional<Exchange> exchange(double t, const PathPlan& path, Nanos source_bound,
                                   double* done = nullptr) {
    if (chance(path.loss)) return std::nullopt;
    const double t2 = t + delay(path.there);
    const double t3 = t2 + uniform(1 * kMicro, 60 * kMicro);
    const double t4 = t3 + delay(path.back);
    if (done != nullptr) *done = t4;
    return Exchange{++id_, mono(t), server(t2), server(t3), mono(t4, true), source_bound};
  }

  /// How far the estimate is from truth at t, and what it claims at most.
  struct Judgement {
    double error = 0, bound = 0, expected = 0;
    [[nodiscard]] bool holds() const { return std::abs(error) <= bound; }
  };
  [[nodiscard]] Judgement judge(const Estimate& e, double t) const {
    const MonoTime now = mono(t);
    const auto age = static_cast<double>((now - e.at).count());
    const double told =
        static_cast<double>((now.time_since_epoch() + e.offset - truth(t).time_since_epoch()).count()) +
        age * e.rate_ppm * 1e-6;
    return {told, static_cast<double>(e.bound.count()) + age * e.growth_ppm * 1e-6 + kRounding,
            static_cast<double>(e.expected.count()) + age * e.expected_growth_ppm * 1e-6};
  }

 private:
  /// Stamps of the simulation are whole nanoseconds, so is the truth it is judged by.
  static constexpr double kRounding = 0;
  struct Step {
    double when = 0, by = 0;
  };
  static double sum(const std::vector<Step>& steps, double t) {
    double total = 0;
    for (const Step& s : steps)
      if (t >= s.when) total += s.by;
    return total;
  }
  double exponential(double mean) { return -mean * std::log(1 - random_.unit()); }

  SeededRandom random_;
  std::int64_t mono_start_;
  std::vector<double> gained_;
  std::vector<Step> steps_, server_, reference_;
  std::uint64_t id_ = 0;
};

}  // namespace flagfall::clocksync::test
