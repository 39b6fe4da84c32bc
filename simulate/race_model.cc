#include "simulate/race_model.hh"

#include <cassert>
#include <cmath>

namespace flagfall::simulate {
namespace {

/// net/ipv4/icmp.c: to one destination a burst of six, then one a second (docs/design/who-won.md).
constexpr BucketLimit kHostErrors{1, 6};
/// A resolver closes its port so long after its answer came, ms: an answer that is closer finds it open.
constexpr double kOpen = 0.1;

Nanos nanos(double ms) {
  return Nanos(static_cast<std::int64_t>(ms * 1e6));
}

}  // namespace

RaceModel::RaceModel(const Options& options, std::size_t sites, std::uint64_t seed)
    : jitter_(options.jitter),
      told_(options.told),
      clock_ms_(std::chrono::duration<double, std::milli>(options.clock_error).count()),
      dice_(seed),
      offset_(sites),
      errors_(kHostErrors) {
  set_clocks();
}

void RaceModel::set_clocks() {
  for (double& offset : offset_) offset = (2 * dice_.unit() - 1) * clock_ms_;
}

bool RaceModel::tells(const IpAddress& host, MonoTime now) {
  std::uint32_t key = 0;
  for (std::size_t i = 0; i < 4; ++i) key = key << 8U | host.octets.at(i);
  MonoTime& full_at = hosts_[key];
  if (!errors_.may_take(full_at, now)) return false;
  full_at = errors_.take(full_at, now);
  return true;
}

Ran RaceModel::run(const Latencies& world, const master::RacePlan& plan, const Course& course) {
  assert(plan.count > 0);
  Ran out;
  out.race.id = plan.id;
  out.race.client = course.client;
  out.race.delay = course.delay;
  out.race.count = plan.count;
  const double delay = std::chrono::duration<double, std::milli>(course.delay).count();
  std::array<double, race::kMostRunners> arrival{};
  std::array<master::RunnerEvidence, race::kMostRunners> evidence{};
  std::size_t first = 0;
  double paid = 0;
  for (std::size_t i = 0; i < plan.count; ++i) {
    const std::uint16_t slave = plan.runners.at(i).slave;
    const std::size_t site = course.sites[slave];
    const double there = course.master && *course.master != site
                             ? way(world.between(course.slice, *course.master, site).value_or(0) / 2)
                             : 0;
    const bool late = there > delay;
    const double sent = (late ? there : delay) + (late ? 0 : offset_[site]);
    const double rtt = world.rtt(course.slice, course.place, site);
    arrival.at(i) = sent + way(rtt / 2);
    out.late += late ? 1U : 0U;
    auto& runner = out.race.runners.at(i);
    runner.slave = slave;
    runner.fate = late ? race::Fate::sent_late : race::Fate::sent;
    runner.one_way = nanos(there);
    runner.expected = nanos(clock_ms_);
    if (i > 0 && arrival.at(i) >= arrival.at(first)) continue;
    first = i;
    paid = sent + rtt;
  }
  out.winner = out.race.runners.at(first).slave;
  out.ms = paid;
  const double back = course.master ? way(world.rtt(course.slice, course.place, *course.master) / 2) : 0;
  const bool told = !course.mute && dice_.unit() < told_;
  for (std::size_t i = 0; i < plan.count && told; ++i) {
    if (i == first || arrival.at(i) - arrival.at(first) < kOpen || !tells(course.client.ip, course.now))
      continue;
    evidence.at(i).unwanted = nanos(arrival.at(i) + back - delay);
    ++out.errors;
  }
  master::RaceEvidence whole;
  whole.lead = course.delay;
  master::judge({}, whole, std::span(evidence).first(plan.count), out.race);
  return out;
}

}  // namespace flagfall::simulate
