#include "common/wire/pulse.hh"

#include <algorithm>
#include <span>

#include "common/wire/limits.hh"

namespace flagfall::wire {
namespace {

constexpr Nanos kHalfMinute = std::chrono::seconds(30);
constexpr Nanos kMostHeld = std::chrono::hours(1);

}  // namespace

RefTime sendable_time(RefTime t) {
  return from_ns<RefTime>(std::clamp(to_ns(t), std::int64_t{0}, kMaxTime));
}
Nanos sendable_bound(Nanos d) {
  return std::clamp(d, Nanos(0), Nanos(kMaxBound));
}

std::optional<MonoTime> Pulse::received(const Heartbeat& heartbeat, MonoTime now) {
  heard(now);
  // The first one is answered at once: both sides know after one round trip how far their clocks can be
  // apart.
  if (echo_ == RefTime{} && sent_count_ <= 1) next_ = std::min(next_, now);
  echo_ = heartbeat.sent;
  echo_received_ = now;
  if (heartbeat.echo == RefTime{}) return std::nullopt;
  const std::span known(sent_.data(), std::min(sent_count_, sent_.size()));
  const auto match = std::ranges::find(known, heartbeat.echo, &Sent::reference);
  if (match == known.end()) return std::nullopt;  // never sent, or forgotten
  const Nanos round_trip = (now - match->mono) - heartbeat.held;
  if (round_trip < Nanos(0))
    return std::nullopt;  // the peer claims to have held it for longer than it was away
  if (now - half_minute_ >= kHalfMinute) {
    smallest_before_ = now - half_minute_ < 2 * kHalfMinute ? smallest_ : Nanos::max();
    smallest_ = Nanos::max();
    half_minute_ = now;
  }
  smallest_ = std::min(smallest_, round_trip);
  return match->mono;
}

std::optional<Heartbeat> Pulse::due(const HostTime& now) {
  if (now.mono < next_) return std::nullopt;
  next_ = now.mono + interval_;
  Heartbeat heartbeat;
  heartbeat.sent = sendable_time(now.reference);
  heartbeat.echo = echo_;
  if (echo_ != RefTime{}) heartbeat.held = std::min(now.mono - echo_received_, kMostHeld);
  heartbeat.clock = now.clock;
  heartbeat.bound = sendable_bound(now.bound);
  sent_.at(sent_count_++ % sent_.size()) = {heartbeat.sent, now.mono};
  return heartbeat;
}

MonoTime Pulse::next_deadline() const {
  return std::min(next_, heard_ + interval_ * kSilence);
}

Nanos Pulse::round_trip() const {
  const Nanos least = std::min(smallest_, smallest_before_);
  return least == Nanos::max() ? Nanos(0) : least;
}

}  // namespace flagfall::wire
