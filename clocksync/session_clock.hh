// A peer's reference time from the heartbeats of the session with it: relative
// mode (docs/design/relative.md). A heartbeat that echoes one of ours is an
// exchange of four stamps, read by programs instead of kernels: later or earlier
// than the packets, and so wider, never wrong. The map is relative to the peer:
// its own bound is not part of ours. Pure; one thread.
#pragma once

#include <cstdint>
#include <optional>

#include "clocksync/estimator.hh"
#include "clocksync/ref_clock.hh"
#include "common/wire/session.hh"

namespace flagfall::clocksync {

/// `echoed`: when ours was sent that `heartbeat` echoes; `received`: when that came. t2 may be late, too.
Exchange exchange_of(const wire::Heartbeat& heartbeat, MonoTime echoed, MonoTime received);

class SessionClock {
 public:
  /// `asymmetry`: how much of the round trip may well be one way's alone, 0 to 1: enters the expected error.
  explicit SessionClock(double asymmetry);

  /// A session begins, with this interval between heartbeats. What is known of the peer stays.
  void begin(Nanos heartbeat);
  /// A heartbeat came at `received`; `echoed` is when the one that it echoes was sent, if it echoes one.
  void heartbeat(const wire::Heartbeat& heartbeat, std::optional<MonoTime> echoed, MonoTime received);

  /// Unknown until some heartbeats agree and while the peer's clock is; synchronised from then on.
  [[nodiscard]] const RefMap& map() const { return map_; }

 private:
  Estimator::Options options_;
  Nanos interval_{};
  Estimator estimator_;
  std::uint64_t next_id_ = 1;
  RefMap map_;
};

}  // namespace flagfall::clocksync
