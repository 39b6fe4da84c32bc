#include "sim/paths_plan.hh"

#include <cmath>

namespace flagfall::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

void PathsPlan::lay() {
  const bool loss = options_.faults && lots_.chance(0.5);
  const bool duplicate = options_.faults && lots_.chance(0.5);
  const bool reorder = options_.faults && lots_.chance(0.5);
  if (loss) count(faults_, Fault::loss);
  if (duplicate) count(faults_, Fault::duplication);
  if (reorder) count(faults_, Fault::reordering);
  for (SiteId a = 0; a < sites_; ++a)
    for (SiteId b = 0; b < sites_; ++b) {
      Path& path = world_.network.path(a, b);
      path.delay = lots_.between(microseconds(200), milliseconds(40));
      path.jitter = lots_.chance(0.5) ? lots_.between(Nanos(1), milliseconds(3)) : Nanos(0);
      if (loss) path.loss = 0.1 * lots_.unit() * lots_.unit();
      if (duplicate) path.duplicate = 0.1 * lots_.unit();
      if (reorder) path.reorder = 0.2 * lots_.unit();
    }
}

bool PathsPlan::narrow() {
  const bool tail = options_.faults && others_.chance(0.4);
  const bool narrow = options_.faults && others_.chance(0.4);
  const bool hogged = options_.faults && others_.chance(0.35);
  const bool symmetric = others_.chance(0.4) && options_.rtt.empty();
  if (tail) count(faults_, Fault::long_tail);
  if (narrow) count(faults_, Fault::narrow_line);
  if (!symmetric) count(faults_, Fault::asymmetry);
  for (SiteId a = 0; a < sites_; ++a)
    for (SiteId b = 0; b < sites_; ++b) {
      Path& path = world_.network.path(a, b);
      if (symmetric && b < a) path.delay = world_.network.path(b, a).delay;
      if (tail && others_.chance(0.3)) path.tail = others_.between(microseconds(50), milliseconds(1));
      if (narrow && others_.chance(0.2)) {
        const std::int64_t queue = others_.number(4'000, 64'000);
        path.line = Line(others_.number(10'000, 200'000), queue);
      }
    }
  for (SiteId m = 0; m < masters_ && hogged; ++m) {
    const std::int64_t queue = others_.number(16'000, 128'000);
    world_.network.door(m) = Line(others_.number(50'000, 500'000), queue);
  }
  if (!options_.rtt.empty()) repeat_matrix();
  return hogged;
}

void PathsPlan::repeat_matrix() {
  const auto rows = static_cast<SiteId>(std::llround(std::sqrt(static_cast<double>(options_.rtt.size()))));
  std::vector<Nanos> rtt;
  for (SiteId a = 0; a <= sites_; ++a)
    for (SiteId b = 0; b <= sites_; ++b) rtt.push_back(options_.rtt.at(a % rows * rows + b % rows));
  world_.network.set_delays(rtt);
}

void PathsPlan::set_scale() {
  if (!options_.faults || !others_.chance(0.3)) return;
  count(faults_, Fault::leap_second);
  TimeScale& scale = world_.scale;
  scale.leap = kStart + others_.between(seconds(2), options_.length);
  const bool insert = others_.chance(0.7);
  scale.leap_by = insert ? -seconds(1) : seconds(1);
  const Nanos today = kStart.time_since_epoch() % std::chrono::hours(24);
  const RefTime midnight = kStart - today + std::chrono::hours(24);
  scale.shift = midnight - (insert ? seconds(0) : seconds(1)) - scale.leap;
}

}  // namespace flagfall::sim
