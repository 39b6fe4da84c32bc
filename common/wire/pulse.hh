// One side of a session's heartbeat: when to send the next, whether the peer is
// still alive, and the round trip from the echoes (docs/protocol.md §3). Pure;
// master and slave use the same.
#pragma once

#include <array>
#include <optional>

#include "common/base/time.hh"
#include "common/wire/session.hh"

namespace flagfall::wire {

/// What a host knows of time at one moment; every event of the session cores brings it.
struct HostTime {
  MonoTime mono;
  RefTime reference;  // of any quality; `clock` and `bound` say how good
  ClockStatus clock = ClockStatus::unknown;
  Nanos bound{};
};

/// A reference time as messages may carry it: 0 to kMaxTime.
RefTime sendable_time(RefTime t);
/// A clock bound as messages may carry it.
Nanos sendable_bound(Nanos d);

class Pulse {
 public:
  /// A session silent for as many intervals is dead.
  static constexpr int kSilence = 3;

  /// The peer counts as heard at `now`; the first heartbeat is due at once,
  /// and the second as soon as one came to echo.
  Pulse(MonoTime now, Nanos interval) : interval_(interval), heard_(now), next_(now) {}

  /// Any message came.
  void heard(MonoTime now) { heard_ = now; }
  /// A heartbeat came: notes what to echo, and takes the round trip from its echo, if it has one.
  /// Returns when the heartbeat that it echoes was sent.
  std::optional<MonoTime> received(const Heartbeat& heartbeat, MonoTime now);
  /// The heartbeat to send, when one is due.
  std::optional<Heartbeat> due(const HostTime& now);

  [[nodiscard]] bool dead(MonoTime now) const { return now - heard_ >= interval_ * kSilence; }
  [[nodiscard]] MonoTime last_heard() const { return heard_; }
  /// When due() or dead() may change.
  [[nodiscard]] MonoTime next_deadline() const;
  /// The smallest round trip of the last half to whole minute; zero before there was one.
  [[nodiscard]] Nanos round_trip() const;

 private:
  struct Sent {
    RefTime reference;
    MonoTime mono;
  };
  Nanos interval_;
  MonoTime heard_;
  MonoTime next_;
  std::array<Sent, 8> sent_{};  // an echo older than eight intervals tells nothing
  std::size_t sent_count_ = 0;
  RefTime echo_{};
  MonoTime echo_received_;
  // Minimum of this half minute and of the one before.
  Nanos smallest_ = Nanos::max();
  Nanos smallest_before_ = Nanos::max();
  MonoTime half_minute_;
};

}  // namespace flagfall::wire
