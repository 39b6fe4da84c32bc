// What each delay buys: the share of races in which every slave was on time, each
// slave's share, and how surely the nearest slave wins, for any delay, from one
// service's rows (docs/design/tune.md). Made once, O(races · log races); asked in
// O(slaves · log races). Pure; one owner.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "delay/needs_table.hh"

namespace flagfall::delay {

/// A share of `of` cases, with its interval by Wilson's score at 95 % (for cases that are independent of each
/// other). `of` 0: nothing is known; the interval is everything.
struct Share {
  double value = 0;
  double low = 0;
  double high = 1;
  std::uint64_t of = 0;
};
Share share_of(std::uint64_t part, std::uint64_t whole);

struct TradeOptions {
  /// 0: all slaves must be on time together. N: only the N that need least by their medians.
  unsigned nearest = 0;
  /// Late orders are dropped, not sent at once.
  bool late_drops = false;
  /// How often each slave is the nearest of a client, for `nearest_wins`: one weight a column, not negative;
  /// empty or all zero: all alike.
  std::vector<double> weights = {};
};

class Trade {
 public:
  Trade(const NeedsTable& table, const TradeOptions& options);

  /// Races with a slave that counts.
  [[nodiscard]] std::uint64_t races() const { return together_.size(); }
  /// Which columns must be on time together.
  [[nodiscard]] const std::vector<bool>& counted() const { return counted_; }

  /// Of the races: all slaves that count and were in it on time.
  [[nodiscard]] Share together(Nanos delay) const;
  /// Of the slave's races.
  [[nodiscard]] Share slave(std::size_t slave, Nanos delay) const;
  /// The chance that a client's nearest slave wins, at least: it does when it is on time, and also when it is
  /// late by no more than every other (unless late ones are dropped). What it may still win by being much
  /// nearer is not counted. Of those slaves that have raced; nothing without races.
  [[nodiscard]] std::optional<double> nearest_wins(Nanos delay) const;

  /// The least delay with which the share `q` (in 0..1) of the races, or of a slave's, would have been on
  /// time: none below it reaches `q`. Zero without races.
  [[nodiscard]] Nanos quantile(double q) const;
  [[nodiscard]] Nanos slave_quantile(std::size_t slave, double q) const;

 private:
  using Sorted = std::vector<Nanos>;
  std::vector<bool> counted_;
  Sorted together_;              // what each race needed for all that count
  std::vector<Sorted> slaves_;   // what each slave needed
  std::vector<Sorted> sure_;     // from which delay on it surely wins where it is nearest
  std::vector<double> weights_;  // as given
};

}  // namespace flagfall::delay
