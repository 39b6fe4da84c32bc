#include "master/verdict.hh"

#include <algorithm>
#include <cassert>

#include "common/wire/order.hh"

namespace flagfall::master {
namespace {

using race::Certainty;
using race::Fate;
using race::Verdict;
using race::Way;

/// May the client have had this runner's answer as its first? An echo leaves also when the kernel did not
/// take the answer itself.
bool may_have_won(const race::RunnerResult& result, const RunnerEvidence& evidence) {
  if (evidence.unwanted) return false;
  switch (result.fate) {
    case Fate::unreported:
    case Fate::sent:
    case Fate::sent_late:
      return true;
    case Fate::failed:
      return evidence.echo;
    case Fate::dropped_late:
    case Fate::refused:
    case Fate::withheld:
      return false;
  }
  return true;
}

bool was_sent(Fate fate) {
  return fate == Fate::sent || fate == Fate::sent_late;
}

std::optional<Verdict> by_errors(const VerdictRules& rules, const RaceEvidence& evidence,
                                 std::span<const RunnerEvidence> runners, const race::FinishedRace& race) {
  if (!rules.icmp || race.shadow || evidence.asked_again || evidence.records_lost) return std::nullopt;
  std::optional<std::size_t> winner;
  std::optional<Nanos> first;  // the port was closed by then
  bool all_reported = true;
  bool overtaken = false;  // an echo may have come before its answer, which then seems to have lost
  for (std::size_t i = 0; i < race.count; ++i) {
    all_reported = all_reported && race.runners.at(i).fate != Fate::unreported;
    overtaken = overtaken || (runners[i].echo && runners[i].unwanted && !runners[i].echo_unwanted);
    if (runners[i].unwanted) first = std::min(first.value_or(Nanos::max()), *runners[i].unwanted);
    if (!may_have_won(race.runners.at(i), runners[i])) continue;
    if (winner) return std::nullopt;
    winner = i;
  }
  if (!winner || !first) return std::nullopt;
  const Nanos waited = evidence.lead + *first;
  if (waited > rules.likely_within) return std::nullopt;
  const race::RunnerResult& result = race.runners.at(*winner);
  const bool certain = all_reported && !overtaken && was_sent(result.fate) && waited <= rules.certain_within;
  return Verdict{result.slave, Way::icmp, certain ? Certainty::certain : Certainty::likely, {}, false};
}

/// The client's kernel names the segment that it took (docs/design/tcp-race.md): certain, unless the slave
/// says that it sent none.
std::optional<Verdict> by_acknowledgement(std::span<const RunnerEvidence> runners,
                                          const race::FinishedRace& race) {
  for (std::size_t i = 0; i < race.count; ++i)
    if (runners[i].acknowledged && may_have_won(race.runners.at(i), {}))
      return Verdict{race.runners.at(i).slave, Way::tcp, Certainty::certain, {}, false};
  return std::nullopt;
}

/// The client's own word, where nothing else tells: never more than likely.
std::optional<Verdict> by_client(const RaceEvidence& evidence, std::span<const RunnerEvidence> runners,
                                 const race::FinishedRace& race) {
  if (race.shadow || evidence.asked_again) return std::nullopt;
  std::optional<std::size_t> winner;
  for (std::size_t i = 0; i < race.count; ++i) {
    if (!runners[i].seen) continue;
    // An answer that was never sent has arrived: nothing of this is to be believed.
    RunnerEvidence without_errors;
    without_errors.echo = runners[i].echo;
    if (!may_have_won(race.runners.at(i), without_errors)) return std::nullopt;
    if (!winner || *runners[i].seen < *runners[*winner].seen) winner = i;
  }
  if (!winner) return std::nullopt;
  return Verdict{race.runners.at(*winner).slave, Way::client, Certainty::likely, {}, false};
}

void measure(race::FinishedRace& race) {
  Verdict& verdict = *race.verdict;
  const auto ran = race.ran();
  const auto winner = std::ranges::find(ran, verdict.winner, &race::RunnerResult::slave);
  if (winner == ran.end() || !winner->arrival) return;
  const race::RunnerResult* next = nullptr;
  for (const race::RunnerResult& r : ran)
    if (r.slave != verdict.winner && r.arrival && (next == nullptr || *r.arrival < *next->arrival)) next = &r;
  if (next == nullptr) return;
  const auto error = [](const race::RunnerResult& r) {
    return r.expected + std::chrono::abs(r.transmit_error);
  };
  verdict.margin = *next->arrival - *winner->arrival;
  verdict.within_error = *verdict.margin <= error(*winner) + error(*next);
}

}  // namespace

void judge(const VerdictRules& rules, const RaceEvidence& evidence, std::span<const RunnerEvidence> runners,
           race::FinishedRace& race) {
  assert(runners.size() == race.count);
  for (std::size_t i = 0; i < race.count; ++i) {
    auto& arrival = race.runners.at(i).arrival;
    arrival = runners[i].unwanted;
    if (!arrival && runners[i].echo_unwanted) arrival = *runners[i].echo_unwanted - wire::kEchoAfter;
    if (!arrival) arrival = runners[i].acknowledged;
  }
  race.verdict = by_acknowledgement(runners, race);
  if (race.verdict) return measure(race);
  if (evidence.beacon) {
    // Another address may be the same resolver's, or somebody's who reads along (docs/design/beacon.md).
    const Certainty certainty = evidence.beacon_same_address ? Certainty::certain : Certainty::likely;
    race.verdict = Verdict{*evidence.beacon, Way::beacon, certainty, {}, false};
  } else {
    race.verdict = by_errors(rules, evidence, runners, race);
  }
  if (!race.verdict) {
    race.verdict = by_client(evidence, runners, race);
    // Times by errors and times by the client are not to be compared with each other.
    if (race.verdict)
      for (std::size_t i = 0; i < race.count; ++i) race.runners.at(i).arrival = runners[i].seen;
  }
  if (race.verdict) measure(race);
}

}  // namespace flagfall::master
