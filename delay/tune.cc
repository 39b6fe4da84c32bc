#include "delay/tune.hh"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

namespace flagfall::delay {
namespace {

/// Where the trade is worth looking at: the shares people name.
constexpr std::array kLandmarks{0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0};
/// Fewer expected late races than this say little about the share of late ones.
constexpr double kTelling = 10;
/// Shares that a file or a command line gives are not exact in binary.
constexpr double kSame = 1e-9;

Nanos rounded_up(Nanos delay) {
  const Nanos step = delay_step(delay);
  const Nanos up = (delay + step - Nanos(1)) / step * step;
  return std::clamp(up, kLeastDelay, kMostDelay);
}

Nanos recommend(const Trade& trade, const TuneOptions& options) {
  const Nanos needed = trade.quantile(options.on_time);
  // All of them: also those that the clocks made look earlier than they were, and the next one.
  if (options.on_time >= 1) return rounded_up(needed + options.bound + Nanos(1));
  return rounded_up(needed);
}

Candidate candidate(const Trade& trade, std::size_t slaves, Nanos delay, Nanos ideal) {
  Candidate out;
  out.delay = delay;
  out.together = trade.together(delay);
  for (std::size_t i = 0; i < slaves; ++i) out.slaves.push_back(trade.slave(i, delay));
  out.nearest_wins = trade.nearest_wins(delay);
  out.added = delay - ideal;
  return out;
}

std::vector<CurvePoint> curve(const Trade& trade, std::size_t slaves,
                              const std::vector<Candidate>& candidates, std::size_t points) {
  // From below where the first slave begins to be on time, to a little behind the last candidate.
  Nanos first = Nanos::max();
  for (std::size_t i = 0; i < slaves; ++i)
    if (trade.slave(i, Nanos(0)).of > 0) first = std::min(first, trade.slave_quantile(i, 0));
  const Nanos last = candidates.back().delay;
  first = std::min(first, candidates.front().delay);
  const Nanos margin = std::max((last - first) / 20, kLeastDelay);
  const Nanos from = std::max(first - margin, Nanos(0));
  const Nanos width = last + margin - from;
  std::vector<CurvePoint> out;
  for (std::size_t p = 0; p < points; ++p) {
    CurvePoint point;
    point.delay = from + width * static_cast<std::int64_t>(p) / static_cast<std::int64_t>(points - 1);
    point.together = trade.together(point.delay).value;
    for (std::size_t i = 0; i < slaves; ++i) point.slaves.push_back(trade.slave(i, point.delay).value);
    out.push_back(std::move(point));
  }
  return out;
}

}  // namespace

const Candidate* Tune::recommended() const {
  const auto at = std::ranges::find_if(candidates, &Candidate::recommended);
  return at == candidates.end() ? nullptr : &*at;
}

Nanos delay_step(Nanos delay) {
  using std::chrono::microseconds;
  return delay < std::chrono::milliseconds(1) ? microseconds(10) : microseconds(100);
}

Tune tune(const NeedsTable& table, const TuneOptions& options) {
  assert(options.on_time > 0 && options.on_time <= 1 && options.curve_points != 1);
  const Trade trade(table, options.trade);
  Tune out;
  out.races = trade.races();
  out.on_time = options.on_time;
  for (std::size_t i = 0; i < table.slaves(); ++i)
    out.slaves.push_back({trade.slave(i, Nanos(0)).of, trade.counted()[i], trade.slave_quantile(i, 0.5),
                          trade.slave_quantile(i, 0.99), trade.slave_quantile(i, 1)});
  if (trade.races() == 0) return out;
  out.ideal = trade.quantile(0.5);
  const Nanos best = recommend(trade, options);
  std::set<Nanos> delays{best};
  for (const double share : kLandmarks) delays.insert(rounded_up(trade.quantile(share)));
  if (options.current) delays.insert(*options.current);
  for (const Nanos delay : delays) {
    Candidate& c = out.candidates.emplace_back(candidate(trade, table.slaves(), delay, out.ideal));
    c.current = options.current == delay;
    c.recommended = delay == best;
    if (c.recommended) out.out_of_reach = c.together.value < options.on_time - kSame;
  }
  const double late = 1 - options.on_time;
  if (late > 0 && static_cast<double>(out.races) * late < kTelling - 1e-6)
    out.wanted_races = static_cast<std::uint64_t>(std::ceil(kTelling / late - 1e-6));
  if (options.curve_points > 0)
    out.curve = curve(trade, table.slaves(), out.candidates, options.curve_points);
  return out;
}

}  // namespace flagfall::delay
