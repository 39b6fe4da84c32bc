#include "delay/follower.hh"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace flagfall::delay {
namespace {

/// A delay is a whole number of these.
constexpr Nanos kGrain = std::chrono::microseconds(10);
/// It comes down by a twelfth or by this at least: less is not worth a line in the log.
constexpr Nanos kLeastStep = std::chrono::microseconds(200);

/// A fiftieth more than what was needed, so that a path that drifts does not make it short at once.
Nanos with_headroom(Nanos needed) {
  const Nanos padded = std::max(Nanos(0), needed) + std::max(Nanos(0), needed) / 50;
  return (padded / kGrain + 1) * kGrain;
}

/// Half of what may be late: what the delay aims at, so that the share does not waver around its target.
double aim(double on_time) {
  return 1 - (1 - on_time) / 2;
}

/// The least of the values that at least the share `q` of them does not exceed; they are not empty.
Nanos quantile(std::vector<Nanos>& values, double q) {
  const auto n = static_cast<double>(values.size());
  // 0.9 * 10 is a little more than 9.
  const auto rank = static_cast<std::size_t>(std::max(1.0, std::ceil(q * n - 1e-9)));
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(std::min(rank, values.size()) - 1);
  std::ranges::nth_element(values, at);
  return *at;
}

/// Whether so many late ones of `n` are more than chance makes of the share that may be: by `sigmas` of the
/// binomial distribution.
bool too_many(std::size_t late, std::size_t n, double on_time, double sigmas) {
  const double expected = static_cast<double>(n) * (1 - on_time);
  return static_cast<double>(late) > expected + sigmas * std::sqrt(expected * on_time) + 0.5;
}

}  // namespace

std::size_t Follower::Sample::late(Nanos delay) const {
  return static_cast<std::size_t>(std::ranges::count_if(needs, [&](Nanos n) { return n > delay; }));
}

double Follower::Sample::share(Nanos delay) const {
  if (needs.empty()) return 1;
  return 1 - static_cast<double>(late(delay)) / static_cast<double>(needs.size());
}

std::optional<Change> Follower::step(const OneWay::Service& seen, std::span<const std::uint16_t> racing,
                                     MonoTime now) {
  note_racing(racing, now);
  const std::size_t first = seen.rows.first_of(now, kWindow, kWindowRaces, kOldest);
  choose(seen.rows, first, now);
  collect(seen.rows, first, now);
  view_.races = window_.needs.size();
  view_.share = window_.share(delay_);
  const auto wanted = judge(seen, now);
  if (!wanted) return std::nullopt;
  return apply(explain(seen, wanted->first, wanted->second, first), now);
}

void Follower::note_racing(std::span<const std::uint16_t> racing, MonoTime now) {
  for (const std::uint16_t slave : racing) {
    const auto known = std::ranges::find(raced_, slave, &std::pair<std::uint16_t, MonoTime>::first);
    if (known == raced_.end())
      raced_.emplace_back(slave, now);
    else
      known->second = now;
  }
  std::erase_if(raced_, [&](const auto& each) { return now - each.second > kAway; });
}

/// Fills view_.slaves, in ascending order.
void Follower::choose(const Rows& rows, std::size_t first, MonoTime now) {
  std::vector<std::pair<Nanos, std::uint16_t>> ranked;
  for (const auto& [slave, when] : raced_) ranked.emplace_back(Nanos(0), slave);
  if (follow_.nearest && *follow_.nearest < ranked.size()) {
    for (auto& [typical, slave] : ranked) {
      scratch_.clear();
      for (std::size_t i = first; i < rows.size(); ++i)
        for (const Need& need : rows[i].all())
          if (need.slave == slave && now - rows[i].at <= kOldest) scratch_.push_back(need.needed);
      // Who has hardly raced is not known to be near.
      typical = scratch_.size() < kLeastRecent ? Nanos::max() : quantile(scratch_, 0.5);
    }
    std::ranges::sort(ranked);
    ranked.resize(*follow_.nearest);
  }
  view_.slaves.clear();
  for (const auto& [typical, slave] : ranked) view_.slaves.push_back(slave);
  std::ranges::sort(view_.slaves);
}

bool Follower::counted(std::uint16_t slave) const {
  return std::ranges::binary_search(view_.slaves, slave);
}

/// Of the last seconds, rows that still wait for reports count, too: a late slave is late whoever follows.
void Follower::collect(const Rows& rows, std::size_t first, MonoTime now) {
  recent_.needs.clear();
  window_.needs.clear();
  since_.needs.clear();
  const std::size_t recent = rows.first_of(now, kRecent, kLeastRecent, kOldest);
  recent_since_ = recent < rows.size() ? rows[recent].at : now;
  for (std::size_t i = first; i < rows.size(); ++i) {
    const Row& row = rows[i];
    Nanos most = Nanos::min();
    for (const Need& need : row.all())
      if (counted(need.slave)) most = std::max(most, need.needed);
    if (!row.whole || most == Nanos::min()) continue;
    if (row.at >= recent_since_) recent_.needs.push_back(most);
    if (provisional_since_ && row.at >= *provisional_since_) since_.needs.push_back(most);
    if (Rows::settled(row, now)) window_.needs.push_back(most);
  }
}

Nanos Follower::candidate(Sample& sample) const {
  return sample.needs.empty() ? Nanos(0) : with_headroom(quantile(sample.needs, aim(follow_.on_time)));
}

/// What every order in the window would have been on time with, whatever the clocks' error was.
Nanos Follower::largest(const OneWay::Service& seen) const {
  Nanos most{};
  Nanos bound{};
  for (const std::uint16_t slave : view_.slaves) {
    const Window* const window = seen.window(slave);
    if (window == nullptr) continue;
    most = std::max(most, window->most_needed());
    bound = std::max(bound, window->bound());
  }
  return most + bound;
}

/// The delay that is wanted instead of the present one, and why; none: it stays.
std::optional<std::pair<Nanos, Cause>> Follower::judge(const OneWay::Service& seen, MonoTime now) {
  const bool never_late = follow_.on_time >= 1;
  const Nanos most = never_late ? largest(seen) : Nanos(0);
  const Nanos enough = never_late ? with_headroom(most) : candidate(window_);
  const Nanos lately = never_late ? enough : candidate(recent_);
  const bool judgeable = window_.needs.size() >= (measured_ ? kLeastWindow : kLeastRecent);
  view_.wanted = judgeable ? enough : Nanos(0);
  view_.limited = judgeable && std::clamp(enough, follow_.at_least, follow_.at_most) != enough;

  const bool short_now = never_late
                             ? most >= delay_
                             : recent_.needs.size() >= kLeastRecent &&
                                   too_many(recent_.late(delay_), recent_.needs.size(), follow_.on_time, 3);
  if (short_now) return std::pair(std::max(lately, delay_ + kGrain), Cause::late);
  if (!judgeable) return std::nullopt;
  if (!measured_) return std::pair(std::max(enough, lately), Cause::measured);
  if (!never_late && falls_short_since(now)) return std::pair(candidate(since_), Cause::reviewed);
  if (enough > delay_ && too_many(window_.late(delay_), window_.needs.size(), follow_.on_time, 2))
    return std::pair(enough, Cause::slipping);
  const Nanos down = std::max(enough, lately);
  const bool worth_it = down + std::max(down / 12, kLeastStep) <= delay_ && delay_ > follow_.at_least;
  if (worth_it && now - changed_ >= patience_) return std::pair(down, Cause::slack);
  return std::nullopt;
}

/// Few races followed the change that made the delay what it is, when it was made. What has followed since
/// says more, and needs not wait until it dominates the window.
bool Follower::falls_short_since(MonoTime now) {
  if (!provisional_since_ || now - *provisional_since_ > kReview || now - changed_ < kReviewPause)
    return false;
  return since_.needs.size() >= kLeastWindow &&
         too_many(since_.late(delay_), since_.needs.size(), 1 - (1 - follow_.on_time) * 3 / 4, 0) &&
         candidate(since_) >= delay_ + delay_ / 100;
}

Change Follower::explain(const OneWay::Service& seen, Nanos wanted, Cause cause, std::size_t first) {
  Change change;
  change.from = delay_;
  change.wanted = wanted;
  change.to = std::clamp(wanted, follow_.at_least, follow_.at_most);
  change.cause = cause;
  const Sample& sample = cause == Cause::late ? recent_ : cause == Cause::reviewed ? since_ : window_;
  const MonoTime begin = cause == Cause::late       ? recent_since_
                         : cause == Cause::reviewed ? *provisional_since_
                                                    : MonoTime::min();
  change.races = sample.needs.size();
  change.share = sample.share(delay_);
  change.needs = Nanos(-1);
  for (const std::uint16_t slave : view_.slaves) {
    scratch_.clear();
    for (std::size_t i = first; i < seen.rows.size(); ++i)
      if (seen.rows[i].at >= begin)
        for (const Need& need : seen.rows[i].all())
          if (need.slave == slave) scratch_.push_back(need.needed);
    const Window* const window = seen.window(slave);
    if (window == nullptr || scratch_.empty()) continue;
    const Nanos needs = follow_.on_time >= 1 ? window->most_needed() : quantile(scratch_, follow_.on_time);
    if (needs <= change.needs) continue;
    change.slave = slave;
    change.needs = needs;
    change.bound = window->bound();
  }
  return change;
}

std::optional<Change> Follower::apply(Change change, MonoTime now) {
  if (change.cause == Cause::measured) measured_ = true;
  if (change.to == change.from) {
    const bool short_of = change.wanted > change.to && change.share < follow_.on_time;
    if (!short_of || (said_limited_ && now - *said_limited_ < kOldest)) return std::nullopt;
    said_limited_ = now;
    change.cause = Cause::limited;
    return change;
  }
  if (now - changed_ >= kForgive) patience_ = kPatience;
  if (change.to > change.from) {
    if (lowered_ && now - *lowered_ < kRegret) patience_ = std::min(2 * patience_, kMostPatience);
    lowered_.reset();
  } else {
    lowered_ = now;
    said_limited_.reset();
  }
  if (change.cause == Cause::late || change.cause == Cause::measured) provisional_since_ = now;
  delay_ = change.to;
  changed_ = now;
  view_.share = window_.share(delay_);
  ++changes_;
  return change;
}

}  // namespace flagfall::delay
