// What a race of any kind needs before anything is paid for it: nobody has paused racing, the clock is good,
// and slaves are fit. Pure; one object a loop.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/time.hh"
#include "common/race/finished_race.hh"
#include "master/fallback.hh"
#include "master/snapshot.hh"

namespace flagfall::master {

inline constexpr unsigned kMostRunners = 16;  // the range of race.max_slaves

/// Who races, and when.
struct LineUp {
  std::uint64_t id = 0;  // transmit identifier, part 1
  RefTime instant;       // part 2
  MonoTime timestamp;    // what the delay was added to
  unsigned count = 0;
  std::array<Runner, kMostRunners> runners{};
};

class StartLine {
 public:
  /// Ids of different loops never meet while `epoch` (random, one a start) is shared; `loop` < 256.
  StartLine(unsigned max_slaves, unsigned loop, std::uint64_t epoch)
      : max_slaves_(max_slaves), next_id_(epoch + (std::uint64_t{loop} << 56)) {}

  /// Why there are no races at all.
  [[nodiscard]] static std::optional<Fallback> closed(const Snapshot& snapshot, MonoTime now) noexcept;
  /// Those of `fit` that can send from service address `address`, for the instant `timestamp` + `delay`; or
  /// why not.
  std::optional<Fallback> line_up(const Snapshot& snapshot, MonoTime timestamp, Nanos delay, MonoTime now,
                                  const std::vector<Runner>& fit, std::uint8_t address,
                                  LineUp& out) const noexcept;
  /// The one that was lined up last is a race.
  void started() noexcept { ++next_id_; }

 private:
  unsigned choose(const std::vector<Runner>& fit, std::uint8_t address, LineUp& out) const noexcept;

  unsigned max_slaves_;
  std::uint64_t next_id_;
};

}  // namespace flagfall::master
