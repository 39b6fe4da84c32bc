#include "master/race_core.hh"

#include <algorithm>
#include <cassert>
#include <span>

namespace flagfall::master {
namespace {

constexpr std::uint16_t kTypeA = 1;
constexpr std::uint16_t kTypeAaaa = 28;

/// A bracket this narrow needs no second try; three reads of a vDSO clock take about 0.1 us.
constexpr Nanos kNarrow = std::chrono::microseconds(2);

/// The most races that the guard lets one of `loops` loops start within the longest retry window.
double most_races(const RaceOptions& o, unsigned loops) {
  const double window_s = static_cast<double>(std::max(o.retry_window, kDropRetry).count()) * 1e-9;
  const auto in_window = [&](const BucketLimit& l) { return l.burst + l.rate * window_s; };
  return (in_window(o.guard.total) + in_window(o.guard.verified_total)) / loops;
}

}  // namespace

BurstTimes read_times(const Clock& clock) {
  const MonoTime before = clock.mono();
  const RealTime real = clock.real();
  const MonoTime after = clock.mono();
  if (after - before < kNarrow)
    return {after, real.time_since_epoch() - before.time_since_epoch() - (after - before) / 2};
  const RealMinusMono careful = read_real_minus_mono(clock);
  return {clock.mono(), careful.offset};
}

MonoTime received_at(RealTime stamp, const BurstTimes& times) {
  if (stamp == RealTime()) return times.now;
  const MonoTime t(stamp.time_since_epoch() - times.real_minus_mono);
  return std::min(t, times.now);
}

RaceCore::RaceCore(const RaceOptions& options, unsigned loop, unsigned loops, std::uint64_t epoch,
                   Random& random)
    : options_(options),
      start_line_(options.max_slaves, loop, epoch),
      guard_(options.guard, loops, random),
      retries_(most_races(options, loops), random),
      teaching_(options.teach, random),
      lots_(random.next()),
      beacons_(options.known, random) {
  if (options.any_shadow) shadow_guard_.emplace(options.guard, loops, random);
  assert(loop < loops && loops <= 256);
  assert(options.max_slaves >= 1 && options.max_slaves <= kMostRunners);
}

RacePlan RaceCore::decide(const Snapshot& snapshot, const RaceQuestion& q, const BurstTimes& times) noexcept {
  assert(q.service < snapshot.services.size());
  RacePlan plan;
  const RacedService& service = snapshot.services[q.service];
  const auto raced_recently = [&] {
    const Nanos window = std::max({options_.retry_window, service.retry_window, service.delay});
    return retries_.raced_recently(retries_.key(q.client, q.name, q.type), times.now, window);
  };
  const auto plain = [&](Fallback why) {
    plan.why = why;
    return plan;
  };
  const auto refuse = [&](Fallback why) {
    plan.repeated = raced_recently();
    return plain(why);
  };
  const bool v6 = q.type == kTypeAaaa;
  if ((!v6 && q.type != kTypeA) || !(v6 ? service.has_v6 : service.has_v4))
    return plain(Fallback::type_not_raced);
  if (const auto why = StartLine::closed(snapshot, times.now)) return refuse(*why);
  if (q.request_size > options_.most_request) return refuse(Fallback::too_big);
  const MonoTime timestamp = options_.timestamp == RaceOptions::Timestamp::receipt ? q.received : times.now;
  if (const auto why = start_line_.line_up(snapshot, timestamp, service.delay, times.now,
                                           v6 ? service.v6 : service.v4, q.address, plan))
    return refuse(*why);

  const std::uint64_t key = retries_.key(q.client, q.name, q.type);
  const Nanos window = std::max({options_.retry_window, service.retry_window, service.delay});
  if (retries_.raced_recently(key, times.now, window)) {
    plan.repeated = true;
    return plain(Fallback::retry);
  }
  // After the retry, which must be answered in any case and be seen as one: with a small share it is the sign
  // that raced answers do not arrive. Before the guard: what is not raced costs nothing.
  if (service.race_share < 1 && lots_.unit() >= service.race_share) return plain(Fallback::not_sampled);
  assert(!service.shadow || shadow_guard_);
  RaceGuard& guard = service.shadow ? *shadow_guard_ : guard_;
  if (const auto why = guard.take(q.client, q.verified, times.now)) return plain(*why);
  plan.shadow = service.shadow;
  // All of them or none: a slave that answers with its address would have one look-up less.
  const auto beacon = [](const Runner& runner) { return runner.beacon; };
  plan.beacon = !service.shadow &&
                std::all_of(plan.runners.begin(), plan.runners.begin() + plan.count, beacon) &&
                beacons_.take(service.beacon, q.service, q.client, q.recursive, times.now);
  if (!plan.shadow && !plan.beacon) {
    const auto lesson = teaching_.lesson(std::span(plan.runners).first(plan.count), options_.max_slaves,
                                         q.client, q.known, times.now);
    // Without one its host would hardly tell who lost, and later lessons would lack the errors that it sends.
    if (q.known.bound && options_.teach.share > 0 && lesson.count == 0) {
      plan.count = 0;
      return plain(Fallback::not_sampled);
    }
    if (lesson.count > 0) plan.count = lesson.count;
    plan.echo = lesson.echo;
  }
  retries_.remember(key, times.now);
  plan.race = true;
  start_line_.started();
  return plan;
}

}  // namespace flagfall::master
