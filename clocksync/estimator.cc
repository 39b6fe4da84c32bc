#include "clocksync/estimator.hh"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace flagfall::clocksync {
namespace {

constexpr double kNanosPerPpm = 1000;  // ns/s
/// Rooms are compared to a thousandth of a nanosecond: below any stamp's resolution.
constexpr double kExact = 1e-3;
/// Tangents of a piecewise linear function end after as many steps as it has pieces; hulls have about ten.
constexpr int kMostSteps = 64;
/// Residuals nearest to the line that tell how dense the clouds are there.
constexpr std::size_t kNearest = 4;
/// Sample spacings are a third of what they estimate, so they are doubled (measured: nine errors in ten are
/// less).
constexpr double kSpreads = 2.0;
/// The most likely line may make the bound this much wider than half the round
/// trip, or than the least that is possible.
constexpr double kWidth = 1.1;
constexpr double kYield = 1.02;
/// Stamps and results are whole nanoseconds.
constexpr Nanos kRounding{2};
/// What a crystal at rest may gain on the line within minutes; for likely, not for worst errors.
constexpr double kQuietPpm = 1.0;

double cross(double x1, double y1, double x2, double y2) {
  return x1 * y2 - x2 * y1;
}

Nanos up(double ns) {
  return Nanos(std::llround(std::ceil(ns)));
}

}  // namespace

Estimator::Estimator(const Options& options)
    : options_(options),
      window_(options.window),
      limit_(options.max_rate_ppm * kNanosPerPpm),
      wander_(options.wander_ppm * kNanosPerPpm / 2),
      ring_(options.capacity),
      suspects_{std::vector<Exchange>(options.enough)},
      neutrals_{std::vector<Exchange>(options.enough)} {
  assert(options.enough >= 2 && options.capacity > options.enough);
  for (Cloud* cloud : {&upper_, &lower_}) {
    cloud->points.reserve(options.capacity + 1);
    cloud->hull.reserve(options.capacity + 1);
  }
}

void Estimator::clear() {
  first_ = used_ = suspects_.used = neutrals_.used = 0;
  estimate_.reset();
}

Estimator::Verdict Estimator::add(const Exchange& exchange) {
  if (exchange.t4 < exchange.t1 || exchange.t3 < exchange.t2 || exchange.round_trip() < Nanos(0))
    return Verdict::absurd;
  if (Exchange* known = find(exchange.id)) return replace(*known, exchange);
  if (used_ > 0 && exchange.t4 + window_ < at(used_ - 1).t4) return Verdict::absurd;
  while (used_ > 0 && at(0).t4 + window_ < exchange.t4) drop_oldest(1);

  // The longest part of the window that it agrees with: a rate that changed
  // contradicts the oldest exchanges, a step contradicts them all.
  std::size_t from = 0;
  bool fits = feasible(from, exchange);
  while (!fits && (used_ - from) / 2 >= options_.enough) {
    from += (used_ - from + 1) / 2;
    fits = feasible(from, exchange);
  }
  if (!fits) return doubt(exchange);
  Verdict verdict = from > 0 ? Verdict::shortened : Verdict::taken;
  if (in_doubt()) {
    if (agrees(suspects_, exchange)) return collect(neutrals_, exchange, Verdict::neutral);
    suspects_.used = neutrals_.used = 0;
    verdict = Verdict::absolved;
  }
  drop_oldest(from);
  push(exchange);
  refit();
  return verdict;
}

Estimator::Verdict Estimator::replace(Exchange& known, const Exchange& exchange) {
  const Exchange before = known;
  known = exchange;
  if (!in_doubt()) load(0, nullptr);
  if (in_doubt() || gap(widest()).room() >= 0) {
    if (!in_doubt()) refit();
    return Verdict::replaced;
  }
  known = before;
  return Verdict::absurd;
}

Estimator::Verdict Estimator::doubt(const Exchange& exchange) {
  estimate_.reset();
  if (!agrees(suspects_, exchange)) neutrals_.used = 0;  // the side that they agree with is forgotten
  return collect(suspects_, exchange, Verdict::doubted);
}

Estimator::Verdict Estimator::collect(List& list, const Exchange& exchange, Verdict meanwhile) {
  if (list.used > 0 && !agrees(list, exchange)) list.used = 0;
  list.items[list.used++] = exchange;
  if (list.used < options_.enough) return meanwhile;
  first_ = used_ = 0;
  for (const Exchange& item : list.items) push(item);
  suspects_.used = neutrals_.used = 0;
  refit();
  return Verdict::restarted;
}

void Estimator::push(const Exchange& exchange) {
  if (used_ == ring_.size()) drop_oldest(1);
  ++used_;
  at(used_ - 1) = exchange;
}

void Estimator::drop_oldest(std::size_t n) {
  first_ = (first_ + n) % ring_.size();
  used_ -= n;
}

Exchange* Estimator::find(std::uint64_t id) {
  for (std::size_t i = used_; i-- > 0;)
    if (at(i).id == id) return &at(i);
  for (List* list : {&suspects_, &neutrals_})
    for (std::size_t i = 0; i < list->used; ++i)
      if (list->items[i].id == id) return &list->items[i];
  return nullptr;
}

// ---- the clouds

/// Fills the clouds with the window from number `from` on, and one more.
void Estimator::load(std::size_t from, const Exchange* extra) {
  upper_.points.clear();
  lower_.points.clear();
  const Exchange& newest = extra != nullptr ? *extra : at(used_ - 1);
  anchor_ = newest.lower();
  now_ = newest.t4;
  source_bound_ = newest.source_bound;
  for (std::size_t i = from; i < used_; ++i) {
    now_ = std::max(now_, at(i).t4);
    source_bound_ = std::min(source_bound_, at(i).source_bound);
  }
  for (std::size_t i = from; i < used_; ++i) load_one(at(i));
  if (extra != nullptr) load_one(*extra);
  build_hulls();
}

void Estimator::load_one(const Exchange& exchange) {
  // Oldest first; they come nearly so, but replies may overtake each other.
  const auto insert = [this](Cloud& cloud, MonoTime t, double y) {
    const Point p{std::chrono::duration<double>(now_ - t).count(), y};
    auto place = cloud.points.end();
    while (place != cloud.points.begin() && std::prev(place)->age < p.age) --place;
    cloud.points.insert(place, p);
  };
  // What the source itself may be wrong by loosens its limits, but for what is common to all: that is added
  // to the bound in the end. So a server that was worse a minute ago spoils nothing.
  const Nanos loose = exchange.source_bound - source_bound_;
  insert(upper_, exchange.t1, static_cast<double>((exchange.upper() + loose - anchor_).count()));
  insert(lower_, exchange.t4, -static_cast<double>((exchange.lower() - loose - anchor_).count()));
}

/// The lower hull of each cloud: lower limits were turned over, so one way serves both.
void Estimator::build_hulls() {
  for (Cloud* cloud : {&upper_, &lower_}) {
    auto& hull = cloud->hull;
    hull.clear();
    for (const Point& p : cloud->points) {
      while (hull.size() >= 2) {
        const Point& a = hull[hull.size() - 2];
        const Point& b = hull.back();
        // Time runs against age; a turn that is not to the left hides b.
        if (cross(a.age - b.age, b.y - a.y, a.age - p.age, p.y - a.y) > 0) break;
        hull.pop_back();
      }
      hull.push_back(p);
    }
  }
}

bool Estimator::feasible(std::size_t from, const Exchange& extra) {
  load(from, &extra);
  return gap(widest()).room() >= 0;
}

bool Estimator::agrees(const List& list, const Exchange& extra) {
  upper_.points.clear();
  lower_.points.clear();
  anchor_ = extra.lower();
  now_ = extra.t4;
  source_bound_ = extra.source_bound;
  for (std::size_t i = 0; i < list.used; ++i) {
    now_ = std::max(now_, list.items[i].t4);
    source_bound_ = std::min(source_bound_, list.items[i].source_bound);
  }
  for (std::size_t i = 0; i < list.used; ++i) load_one(list.items[i]);
  load_one(extra);
  build_hulls();
  return gap(widest()).room() >= 0;
}

// ---- the line

/// A limit of the past holds now as limit + slope x age, looser by what wander may have done.
Estimator::Gap Estimator::gap(double slope) const {
  const auto support = [](const std::vector<Point>& hull, double steep) {
    Point least{0, hull.front().y + steep * hull.front().age};
    least.age = hull.front().age;
    for (const Point& p : hull) {
      const double y = p.y + steep * p.age;
      if (y < least.y) least = {p.age, y};
    }
    return least;
  };
  const Point high = support(upper_.hull, wander_ + slope);
  const Point low = support(lower_.hull, wander_ - slope);
  return {high.y, -low.y, high.age, low.age};
}

/// The slope with the most room. Room is concave and piecewise linear in the
/// slope: the tangents from both sides meet at the top after a few steps.
double Estimator::widest() const {
  double left = -limit_;
  double right = limit_;
  Gap l = gap(left);
  Gap r = gap(right);
  if (l.slope() <= 0) return left;
  if (r.slope() >= 0) return right;
  double s = 0;
  for (int i = 0; i < kMostSteps; ++i) {
    s = (r.room() - l.room() + l.slope() * left - r.slope() * right) / (l.slope() - r.slope());
    s = std::clamp(s, left, right);
    const Gap g = gap(s);
    if (g.room() >= l.room() + l.slope() * (s - left) - kExact || g.slope() == 0) return s;
    (g.slope() > 0 ? left : right) = s;
    (g.slope() > 0 ? l : r) = g;
  }
  return s;
}

/// Slopes whose room is less by no more than noise are as good as the best one:
/// of these, the nearest to the last. A few exchanges do not turn the line.
double Estimator::nearest_to_last(double best) const {
  const double wanted = gap(best).room() - 2 * spread(best);
  if (gap(last_slope_).room() >= wanted) return last_slope_;
  double good = best;
  double poor = last_slope_;
  for (int i = 0; i < 16; ++i) {
    const double middle = (good + poor) / 2;
    (gap(middle).room() >= wanted ? good : poor) = middle;
  }
  return good;
}

/// The slope between `from`, where there is room, and `limit` at which the room ends.
double Estimator::edge(double from, double limit) const {
  double s = limit;
  for (int i = 0; i < kMostSteps; ++i) {
    const Gap g = gap(s);
    if (g.room() >= -kExact) return s;
    if (g.slope() == 0) break;
    // From outside, a concave function's tangent never passes its root.
    s -= g.room() / g.slope();
    if ((limit > from) != (s > from)) return from;
  }
  return s;
}

/// How far the line's ends may be off: the distance at which the nearest limits
/// of each cloud follow each other estimates how far the nearest is from the truth.
double Estimator::spread(double slope) const {
  const auto spacing = [](const std::vector<Point>& points, double steep) {
    std::array<double, kNearest> least{};
    std::size_t n = 0;
    for (const Point& p : points) {
      const double y = p.y + steep * p.age;
      if (n < kNearest) {
        least[n++] = y;
      } else if (y < least.back()) {
        least.back() = y;
      } else {
        continue;
      }
      for (std::size_t i = n - 1; i > 0 && least[i] < least[i - 1]; --i) std::swap(least[i], least[i - 1]);
    }
    return n < 2 ? 0.0 : (least[n - 1] - least[0]) / static_cast<double>(n - 1);
  };
  return std::hypot(spacing(upper_.points, wander_ + slope), spacing(lower_.points, wander_ - slope)) / 2;
}

void Estimator::refit() {
  estimate_.reset();
  if (used_ < options_.enough) return;
  load(0, nullptr);
  const double best = widest();
  const double slope = nearest_to_last(best);
  Nanos least = Nanos::max();
  for (std::size_t i = 0; i < used_; ++i) least = std::min(least, at(i).round_trip());
  const double floor = static_cast<double>(least.count()) / 2;

  // Every line that lies between the clouds is possible: the steepest one is
  // highest now, the flattest one lowest. The line with the most room is the most
  // likely; where it lies near an edge it gives way, or one side would cost width.
  const double steepest = edge(best, limit_);
  const double flattest = edge(best, -limit_);
  const double highest = gap(steepest).high;
  const double lowest = gap(flattest).low;
  const double allowed = std::max(kYield * (highest - lowest) / 2, kWidth * floor);
  const Gap middle = gap(slope);
  const double likely = (middle.high + middle.low) / 2;
  const double centre = std::clamp(likely, highest - allowed, lowest + allowed);
  const double half = std::max(highest - centre, centre - lowest);
  const double noise = kSpreads * spread(slope) + std::abs(centre - likely);
  const double span = std::max(upper_.points.front().age, 1e-3);  // seconds

  Estimate e;
  e.at = now_;
  e.offset = anchor_ + Nanos(std::llround(centre));
  e.rate_ppm = slope / kNanosPerPpm;
  // Never below half the round trip, though queueing may have left less room:
  // room that is too small also comes from a rate that changed.
  e.bound = up(std::max(half, floor)) + kRounding + source_bound_;
  e.growth_ppm =
      std::max(options_.drift_ppm, (std::max(steepest - slope, slope - flattest) + wander_) / kNanosPerPpm);
  e.expected = up(noise + options_.asymmetry * floor);
  e.expected_growth_ppm = kQuietPpm + std::min(2 * noise / span, 2 * limit_) / kNanosPerPpm;
  e.round_trip = least;
  e.source_bound = source_bound_;
  estimate_ = e;
  last_slope_ = slope;
}

}  // namespace flagfall::clocksync
