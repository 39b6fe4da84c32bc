// Reference time from exchanges of four stamps: a line between two clouds of
// one-way constraints (docs/design/estimator.md). A request cannot arrive before
// it was sent, nor can a reply: each exchange gives one upper limit of the offset
// at t1 and one lower limit at t4, whatever the path did. The line chosen is the
// one with the most room to both clouds. Queueing only pushes limits away, so
// spikes and one-sided load cost nothing.
//
// Two figures: `bound` holds always, as long as the crystal keeps what Options
// assume; `expected` is the likely error. Pure; no clock, no socket; nothing
// allocates after construction. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/time.hh"

namespace flagfall::clocksync {

/// One request and its reply. t1 may be early and t4 late, never the other way round.
struct Exchange {
  std::uint64_t id = 0;  // names it when it comes again with better stamps
  MonoTime t1;           // the request left here
  RefTime t2;            // and reached the source
  RefTime t3;            // the reply left the source
  MonoTime t4;           // and arrived here
  Nanos source_bound{};  // the source's own worst error then

  [[nodiscard]] Nanos upper() const { return t2.time_since_epoch() - t1.time_since_epoch(); }
  [[nodiscard]] Nanos lower() const { return t3.time_since_epoch() - t4.time_since_epoch(); }
  [[nodiscard]] Nanos round_trip() const { return upper() - lower(); }
};

/// What the exchanges say of reference minus monotonic time, at `at`.
struct Estimate {
  MonoTime at;  // t4 of the newest exchange
  Nanos offset{};
  double rate_ppm = 0;    // what the offset gains
  Nanos bound{};          // worst case at `at`, the source's own bound included
  double growth_ppm = 0;  // what the bound gains beyond `at`
  Nanos expected{};       // likely error at `at`
  double expected_growth_ppm = 0;
  Nanos round_trip{};    // the least in the window
  Nanos source_bound{};  // the least in the window; the rest of the others is in `bound`, too
};

class Estimator {
 public:
  struct Options {
    /// No clock here is further off in rate: the line's slope limit.
    double max_rate_ppm = 100;
    /// Rates at two moments of one window differ by at most this (chrony's maxclockerror assumes the same).
    double wander_ppm = 1;
    /// What the bound gains at least after the newest exchange, when nothing is known of the clock.
    double drift_ppm = 50;
    Nanos window = std::chrono::seconds(64);
    std::size_t capacity = 256;
    /// Exchanges that must agree before anything is said, and to believe that a clock was set.
    std::size_t enough = 4;
    /// How much of the round trip may well be one way's alone, 0 to 1: enters the expected error.
    double asymmetry = 0.05;
  };

  enum class Verdict : std::uint8_t {
    taken,      // agrees with the window
    shortened,  // agrees after the oldest ones were forgotten: the rate changed
    replaced,   // better stamps of an exchange that is known
    absurd,     // arrives before it was sent, or out of order: ignored
    doubted,   // contradicts the window: a step of a clock, or a lie; nothing is said until it is clear which
    neutral,   // while in doubt: agrees with both sides
    absolved,  // the window was right, what contradicted it is forgotten; this one is taken
    restarted,  // a clock was set: the window begins with what contradicted the old one; or, where both sides
                // differ so little that nothing since then tells them apart, with what agrees with both
  };

  explicit Estimator(const Options& options);

  Verdict add(const Exchange& exchange);
  /// Keeps exchanges for at least so long: a source that is seldom asked.
  void keep(Nanos least) { window_ = std::max(options_.window, least); }
  /// Forgets everything but the rate.
  void clear();

  /// None before `enough` exchanges agree and while in doubt.
  [[nodiscard]] const std::optional<Estimate>& estimate() const { return estimate_; }
  [[nodiscard]] bool in_doubt() const { return suspects_.used > 0; }
  [[nodiscard]] std::size_t size() const { return used_; }

 private:
  /// Age in seconds before the moment that is fitted, and nanoseconds above the anchor.
  struct Point {
    double age = 0;
    double y = 0;
  };
  /// The room between the clouds at one slope (ns/s), with the ages of the points that limit it.
  struct Gap {
    double high = 0, low = 0, high_age = 0, low_age = 0;
    [[nodiscard]] double room() const { return high - low; }
    [[nodiscard]] double slope() const { return high_age - low_age; }
  };
  /// A cloud's points and the part of its hull that faces the other cloud.
  struct Cloud {
    std::vector<Point> points;
    std::vector<Point> hull;
  };

  /// Exchanges in waiting: at most `enough`.
  struct List {
    std::vector<Exchange> items;
    std::size_t used = 0;
  };

  void push(const Exchange& exchange);
  void drop_oldest(std::size_t n);
  [[nodiscard]] const Exchange& at(std::size_t i) const { return ring_[(first_ + i) % ring_.size()]; }
  [[nodiscard]] Exchange& at(std::size_t i) { return ring_[(first_ + i) % ring_.size()]; }
  Exchange* find(std::uint64_t id);

  void load(std::size_t from, const Exchange* extra);
  void load_one(const Exchange& exchange);
  void build_hulls();
  [[nodiscard]] bool feasible(std::size_t from, const Exchange& extra);
  [[nodiscard]] bool agrees(const List& list, const Exchange& extra);

  [[nodiscard]] Gap gap(double slope) const;
  [[nodiscard]] double widest() const;
  [[nodiscard]] double nearest_to_last(double best) const;
  [[nodiscard]] double edge(double from, double limit) const;
  [[nodiscard]] double spread(double slope) const;

  Verdict replace(Exchange& known, const Exchange& exchange);
  Verdict doubt(const Exchange& exchange);
  /// Joins the list, or is its first where they contradict each other. A full one becomes the window.
  Verdict collect(List& list, const Exchange& exchange, Verdict meanwhile);
  void refit();

  Options options_;
  Nanos window_;
  double limit_;   // of slopes, ns/s
  double wander_;  // ns/s, to either side of the middle of all rates in the window
  std::vector<Exchange> ring_;
  std::size_t first_ = 0;
  std::size_t used_ = 0;
  List suspects_;  // contradict the window
  List neutrals_;  // came since, and contradict neither it nor them
  double last_slope_ = 0;
  Cloud upper_, lower_;
  MonoTime now_;          // what ages count from
  Nanos anchor_{};        // what `y` counts from
  Nanos source_bound_{};  // what all exchanges' source bounds have in common
  std::optional<Estimate> estimate_;
};

}  // namespace flagfall::clocksync
