// Who won a race, from what is known of it at its end. Pure; the rules and their
// reasons are in docs/design/who-won.md.
#pragma once

#include <optional>
#include <span>

#include "common/race/finished_race.hh"

namespace flagfall::master {

struct VerdictRules {
  bool icmp = true;
  /// Errors within so long of the query say that the client had its answer, and not that it had given up.
  Nanos certain_within = std::chrono::milliseconds(50);
  /// Later ones say nothing: most clients have asked again by then, maybe somewhere else.
  Nanos likely_within = std::chrono::seconds(1);
};

/// What is known of one runner, beside its result.
struct RunnerEvidence {
  std::optional<Nanos> unwanted;       // its answer found the port closed: so long after the instant
  std::optional<Nanos> echo_unwanted;  // and its echo did
  bool echo = false;                   // an echo was ordered of it
  std::optional<Nanos> seen;           // the client says that it had its answer: so long after the instant
  std::optional<Nanos> acknowledged;   // the client's TCP has taken its segment: so long after the instant
};

struct RaceEvidence {
  /// From the query's receipt to the instant, by the master's clock.
  Nanos lead{};
  bool asked_again = false;
  bool records_lost = false;
  std::optional<std::uint16_t> beacon;  // the slave that was asked for its beacon
  bool beacon_same_address = false;     // by the address that its answer went to
};

/// Fills in `race.runners[...].arrival` and `race.verdict`. `runners` has race.count entries.
void judge(const VerdictRules& rules, const RaceEvidence& evidence, std::span<const RunnerEvidence> runners,
           race::FinishedRace& race);

}  // namespace flagfall::master
