#include "delay/trade.hh"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace flagfall::delay {
namespace {

/// Two-sided 95 % of the normal distribution.
constexpr double kZ = 1.959964;

std::uint64_t count_until(const std::vector<Nanos>& sorted, Nanos delay) {
  return static_cast<std::uint64_t>(std::ranges::upper_bound(sorted, delay) - sorted.begin());
}

Nanos at_quantile(const std::vector<Nanos>& sorted, double q) {
  if (sorted.empty()) return Nanos(0);
  // The smallest k with k/n >= q, robust against q*n being a hair above a whole number.
  const double wanted = std::ceil(q * static_cast<double>(sorted.size()) - 1e-6);
  const auto most = static_cast<double>(sorted.size());
  return sorted[static_cast<std::size_t>(std::clamp(wanted, 1.0, most)) - 1];
}

/// The columns that count: all, or the `nearest` with the smallest medians among those that have raced.
std::vector<bool> choose(const std::vector<std::vector<Nanos>>& slaves, unsigned nearest) {
  std::vector<bool> out(slaves.size(), nearest == 0);
  if (nearest == 0) return out;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < slaves.size(); ++i)
    if (!slaves[i].empty()) order.push_back(i);
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return at_quantile(slaves[i], 0.5); });
  for (std::size_t i = 0; i < order.size() && i < nearest; ++i) out[order[i]] = true;
  return out;
}

}  // namespace

Share share_of(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return {};
  const auto n = static_cast<double>(whole);
  const double p = static_cast<double>(part) / n;
  // Wilson, JASA 22 (1927): right also for shares near 0 and 1, where p ± z·sqrt(pq/n) is not.
  const double z2 = kZ * kZ;
  const double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double half = kZ / (1 + z2 / n) * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  return {p, part == 0 ? 0 : middle - half, part == whole ? 1 : middle + half, whole};
}

Trade::Trade(const NeedsTable& table, const TradeOptions& options)
    : slaves_(table.slaves()), sure_(table.slaves()), weights_(options.weights) {
  weights_.resize(table.slaves(), 0);
  if (std::accumulate(weights_.begin(), weights_.end(), 0.0) <= 0) std::ranges::fill(weights_, 1.0);
  for (std::size_t r = 0; r < table.races(); ++r) {
    const auto race = table.race(r);
    Nanos least = Nanos::max();
    for (const Nanos needed : race)
      if (needed != NeedsTable::kAbsent) least = std::min(least, needed);
    for (std::size_t i = 0; i < race.size(); ++i) {
      if (race[i] == NeedsTable::kAbsent) continue;
      slaves_[i].push_back(race[i]);
      const bool never_behind = !options.late_drops && race[i] == least;
      sure_[i].push_back(never_behind ? Nanos(0) : race[i]);
    }
  }
  for (Sorted& each : slaves_) std::ranges::sort(each);
  for (Sorted& each : sure_) std::ranges::sort(each);
  counted_ = choose(slaves_, options.nearest);
  together_.reserve(table.races());
  for (std::size_t r = 0; r < table.races(); ++r) {
    const auto race = table.race(r);
    Nanos most = NeedsTable::kAbsent;
    for (std::size_t i = 0; i < race.size(); ++i)
      if (counted_[i]) most = std::max(most, race[i]);
    if (most != NeedsTable::kAbsent) together_.push_back(most);
  }
  std::ranges::sort(together_);
}

Share Trade::together(Nanos delay) const {
  return share_of(count_until(together_, delay), together_.size());
}

Share Trade::slave(std::size_t slave, Nanos delay) const {
  return share_of(count_until(slaves_[slave], delay), slaves_[slave].size());
}

std::optional<double> Trade::nearest_wins(Nanos delay) const {
  double sum = 0, weight = 0;
  for (std::size_t i = 0; i < sure_.size(); ++i) {
    if (sure_[i].empty()) continue;
    weight += weights_[i];
    sum += weights_[i] * static_cast<double>(count_until(sure_[i], delay)) /
           static_cast<double>(sure_[i].size());
  }
  if (weight <= 0) return std::nullopt;
  return sum / weight;
}

Nanos Trade::quantile(double q) const {
  return at_quantile(together_, q);
}
Nanos Trade::slave_quantile(std::size_t slave, double q) const {
  return at_quantile(slaves_[slave], q);
}

}  // namespace flagfall::delay
