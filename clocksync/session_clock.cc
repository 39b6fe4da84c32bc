#include "clocksync/session_clock.hh"

#include <algorithm>
#include <utility>

namespace flagfall::clocksync {
namespace {

/// Exchanges that a window has room for, whatever the interval.
constexpr int kExchanges = 16;
/// `held` is the peer's monotonic time, its reference time may run differently by as much (Estimator's slope
/// limit).
constexpr int kHeldShare = 10'000;  // 100 ppm

Estimator::Options options_for(double asymmetry) {
  Estimator::Options options;
  options.asymmetry = asymmetry;
  return options;
}

}  // namespace

Exchange exchange_of(const wire::Heartbeat& heartbeat, MonoTime echoed, MonoTime received) {
  Exchange exchange;
  exchange.t1 = echoed;
  // Late is safe for t2: a limit that is too wide is still a limit.
  exchange.t2 = heartbeat.sent - heartbeat.held + heartbeat.held / kHeldShare;
  exchange.t3 = heartbeat.sent;
  exchange.t4 = received;
  return exchange;
}

SessionClock::SessionClock(double asymmetry) : options_(options_for(asymmetry)), estimator_(options_) {
  map_.why = "relative to the master: no heartbeat of it yet";
}

void SessionClock::begin(Nanos heartbeat) {
  if (heartbeat == interval_) return;
  interval_ = heartbeat;
  options_.window = std::max(Estimator::Options().window, interval_ * kExchanges);
  estimator_ = Estimator(options_);
}

void SessionClock::heartbeat(const wire::Heartbeat& heartbeat, std::optional<MonoTime> echoed,
                             MonoTime received) {
  if (heartbeat.clock == wire::ClockStatus::unknown) {
    estimator_.clear();  // what it calls reference time is about to become another
    map_.status = wire::ClockStatus::unknown;
    map_.why = "relative to the master: its clock is not synchronised";
    return;
  }
  if (!echoed) return;
  Exchange exchange = exchange_of(heartbeat, *echoed, received);
  exchange.id = next_id_++;
  (void)estimator_.add(exchange);
  const auto& estimate = estimator_.estimate();
  if (!estimate) {
    map_.status = wire::ClockStatus::unknown;
    map_.why = estimator_.in_doubt() ? "relative to the master: a clock was set, waiting for it to settle"
                                     : "relative to the master: waiting for more heartbeats of it";
    return;
  }
  RefMap next;
  next.offset = estimate->offset;
  next.bound = estimate->bound;
  next.measured = estimate->at;
  next.status = wire::ClockStatus::synchronised;
  next.rate_ppm = next.clock_drift_ppm = estimate->rate_ppm;
  next.drift_ppm = estimate->growth_ppm;
  next.expected = estimate->expected;
  next.expected_drift_ppm = estimate->expected_growth_ppm;
  map_ = std::move(next);
}

}  // namespace flagfall::clocksync
