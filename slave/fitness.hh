// May this slave race for a master? Its clock and the master's decide. Pure; one
// a master.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "clocksync/estimator.hh"
#include "clocksync/ref_clock.hh"
#include "common/base/time.hh"
#include "common/wire/session.hh"

namespace flagfall::slave {

/// The master's clock as its last heartbeat told it.
struct MasterClock {
  wire::ClockStatus status = wire::ClockStatus::unknown;
  Nanos bound{};
  MonoTime heard;
  /// Its last heartbeat and ours that it echoed: whatever our clock says, it may not say that one of the two
  /// arrived before it was sent.
  std::optional<clocksync::Exchange> exchange = {};
};

class Fitness {
 public:
  /// A heartbeat that was long under way contradicts nothing: one is not enough to believe a clock again.
  static constexpr Nanos kPenance = std::chrono::seconds(10);

  /// `most`: clock.max_error, for both bounds together.
  explicit Fitness(Nanos most) : most_(most) {}

  /// Judges anew; true when racing() or, while standing down, the kind of reason
  /// changed.
  bool update(const clocksync::RefMap& own, const MasterClock& master, MonoTime now);

  [[nodiscard]] bool racing() const { return racing_; }
  /// One line while not racing.
  [[nodiscard]] const std::string& why_not() const { return why_not_; }
  /// Own bound plus the master's, as of the last update.
  [[nodiscard]] Nanos bound() const { return bound_; }

 private:
  enum class Reason : std::uint8_t { none, not_yet, own_clock, master_clock, bound, apart };
  Nanos most_;
  Nanos bound_{};
  Reason reason_ = Reason::not_yet;
  std::optional<MonoTime> contradicted_;  // when a heartbeat last did so
  std::string own_trouble_;               // the kind of it, of this host's clock
  bool racing_ = false;
  std::string why_not_ = "the master's first heartbeats have not come yet";
};

}  // namespace flagfall::slave
