// What is known of a race once nothing more is expected of it: who ran, what
// became of each order, who won, how that was learned and how sure it is.
// Values only; the master's ledger makes them on its control thread, statistics
// and (later) the director read them. See docs/design/who-won.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "common/base/ip.hh"
#include "common/base/time.hh"

namespace flagfall::race {

/// Slaves in one race at most; the range of race.max_slaves.
inline constexpr unsigned kMostRunners = 16;

/// How a verdict was learned.
enum class Way : std::uint8_t {
  icmp,    // the losers' answers found the client's port closed
  beacon,  // the answer named a zone of the slave's own, and that slave was asked for it
  client,  // the client counted the arrivals itself (`flagfall race --report`): never more than likely
  tcp,     // the client's TCP acknowledged the winner's segment
};
inline constexpr std::array<std::string_view, 4> kWayNames{"icmp", "beacon", "client", "tcp"};

enum class Certainty : std::uint8_t { likely, certain };
inline constexpr std::array<std::string_view, 2> kCertaintyNames{"likely", "certain"};

/// What became of one runner's order, by its report.
enum class Fate : std::uint8_t { unreported, sent, sent_late, dropped_late, refused, failed, withheld };
inline constexpr std::array<std::string_view, 7> kFateNames{
    "unreported", "sent", "sent_late", "dropped_late", "refused", "failed", "withheld"};

struct RunnerResult {
  std::uint16_t slave = 0;  // index into the configuration's sorted slave names
  Fate fate = Fate::unreported;
  Nanos one_way{};   // the order's way until it was judged, in reference time; with any fate but unreported
  Nanos bound{};     // worst error of one_way: both clocks' bounds
  Nanos expected{};  // its likely error
  Nanos transmit_error{};  // transmit time minus instant; sent and sent_late
  /// From the instant until the master heard that this runner's answer reached the client's host: the way
  /// there plus the way from the client to the master. So only differences between runners of one client
  /// mean anything.
  std::optional<Nanos> arrival;
};

struct Verdict {
  std::uint16_t winner = 0;  // slave index
  Way way = Way::icmp;
  Certainty certainty = Certainty::likely;
  /// The winner's arrival before the next one's, where both are known.
  std::optional<Nanos> margin;
  /// The margin is no larger than what the clocks' and transmitters' errors may explain: the win is worth
  /// nothing.
  bool within_error = false;
};

struct FinishedRace {
  std::uint64_t id = 0;
  RefTime instant;
  MonoTime received;  // when the query came
  Nanos delay{};      // the service's, at that time
  Nanos dispatch{};   // from the timestamp until the orders were sent; dispatch + one_way is the delay needed
  Endpoint client;
  std::uint16_t service = 0;  // index into the configuration's services
  bool shadow = false;        // ordered and timed, but the slaves did not send
  unsigned count = 0;
  std::array<RunnerResult, kMostRunners> runners{};
  std::optional<Verdict> verdict;

  [[nodiscard]] std::span<const RunnerResult> ran() const { return std::span(runners).first(count); }
};

/// One reported order, joined with its race at once: what the delay is computed from.
struct OrderTiming {
  std::uint64_t race = 0;
  std::uint16_t service = 0;
  std::uint16_t slave = 0;
  Fate fate = Fate::sent;
  Nanos delay{};
  Nanos dispatch{};
  Nanos one_way{};
  Nanos bound{};
};

}  // namespace flagfall::race
