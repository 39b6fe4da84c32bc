// Remembers every race for a few seconds and joins what arrives about it: the
// slaves' reports, errors from the client's host, questions to beacons. Each
// race leaves once, as a value with at most one verdict. Pure: time is in the
// records; memory is set aside at the start; nothing a stranger sends changes
// more than a counter unless it names a race. Control thread only.
// docs/design/who-won.md says why the rules are as they are.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/random.hh"
#include "common/wire/session.hh"
#include "master/answer_owners.hh"
#include "master/client_report.hh"
#include "master/race_observer.hh"
#include "master/race_records.hh"
#include "master/slot_index.hh"
#include "master/verdict.hh"

namespace flagfall::master {

struct LedgerCounters {
  std::uint64_t started = 0;
  std::uint64_t forgotten = 0;  // no room: nothing is known of them
  std::uint64_t finished = 0;
  std::uint64_t repeated = 0;  // races whose question came again
  /// By way, then certainty.
  std::array<std::array<std::uint64_t, 2>, race::kWayNames.size()> verdicts{};
  std::uint64_t errors_used = 0;       // that named a runner of a race
  std::uint64_t errors_unknown = 0;    // no such race, or no runner's answer: forged, or of an answer of ours
  std::uint64_t errors_ambiguous = 0;  // several runners have the quoted addresses
  std::uint64_t errors_early = 0;      // before anything could have been sent: forged
  std::uint64_t reports_unknown = 0;   // orders that were reported for no race that is remembered
  std::uint64_t reports_foreign = 0;   // by a slave that did not run in it, or twice
  std::uint64_t beacons_used = 0;
  std::uint64_t beacons_unknown = 0;
  std::uint64_t clients_used = 0;      // races of which their client told what arrived
  std::uint64_t clients_unknown = 0;   // told of no race that is remembered, or again
  std::uint64_t clients_early = 0;     // before anything could have been sent: invented
  std::uint64_t segments_unknown = 0;  // acknowledged in no race that is remembered, or again
  std::uint64_t segments_early = 0;    // before anything could have been sent: forged
  std::uint64_t records_lost = 0;      // by full rings

  /// f(name, value) for each; verdicts as verdicts_icmp_certain and so on.
  template <class F>
  void for_each(F f) const;
};

struct LedgerOptions {
  std::size_t races = 16384;              // remembered at once
  unsigned runners = race::kMostRunners;  // in one race at most
  VerdictRules rules;
  /// A race leaves so long after its query: what is reported, unwanted or asked again by then counts.
  Nanos hold = std::chrono::seconds(3);
  /// By how much a slave's instant may be before ours.
  Nanos clock_error = std::chrono::milliseconds(10);
};

class RaceLedger {
 public:
  /// `owners` and `observer` outlive the ledger.
  RaceLedger(const LedgerOptions& options, const AnswerOwners& owners, Random& random,
             RaceObserver& observer);

  void started(const RaceStarted& started);
  void repeated(const QuestionRepeated& repeated);
  void unwanted(const AnswerUnwanted& unwanted);
  void segment_won(const SegmentWon& won);
  /// What a slave has reported: orders, and questions to its beacons; `slave` is its index.
  void report(std::uint16_t slave, const wire::Report& report);
  /// This slave was asked for the name that it had given as its answer in this race.
  void beacon(std::uint16_t slave, const wire::BeaconWin& win);
  /// A client tells what it has seen of its race; `question`: QuestionHash of its name and type. False: no
  /// such race is remembered.
  bool client_report(const ClientReport& report, std::uint64_t question);
  /// So many records did not reach us: no race that is remembered now can be judged.
  void records_lost(std::uint64_t count);

  /// Lets go of the races whose time has come.
  void advance(MonoTime now);
  /// Lets go of all.
  void close();

  [[nodiscard]] std::size_t remembered() const { return used_; }
  [[nodiscard]] const LedgerCounters& counters() const { return counters_; }

 private:
  /// One runner, in few octets: there are many.
  struct Run {
    static constexpr Nanos kNever = Nanos::min();
    Nanos one_way{}, bound{}, expected{}, transmit_error{};
    Nanos unwanted = kNever;       // the first error for its answer, after the instant
    Nanos echo_unwanted = kNever;  // and for its echo
    Nanos seen = kNever;           // by the client, as it says
    race::Fate fate = race::Fate::unreported;
  };
  struct Entry {
    RaceStarted start;
    bool asked_again = false;
    bool records_lost = false;
    bool looked = false;   // its time to be settled has come
    bool settled = false;  // the observer knows its verdict
    bool beacons_differ = false;
    bool client_told = false;
    bool beacon_same_address = false;
    std::optional<std::uint16_t> beacon;
    std::optional<std::uint16_t> segment;  // whose the client's TCP acknowledged,
    Nanos acknowledged{};                  // so long after the instant
  };
  [[nodiscard]] std::uint64_t id_hash(std::uint64_t id) const;
  [[nodiscard]] std::uint64_t client_hash(const IpAddress& client, std::uint64_t question) const;
  [[nodiscard]] std::optional<std::uint32_t> find(std::uint64_t race) const;
  [[nodiscard]] Run* run_of(std::uint32_t slot, std::uint16_t slave);
  [[nodiscard]] std::span<Run> runs(std::uint32_t slot) {
    return std::span(runs_).subspan(std::size_t{slot} * options_.runners, entries_[slot].start.count);
  }
  void ask_again(Entry& entry);
  void note_error(std::uint32_t slot, const AnswerUnwanted& unwanted);
  [[nodiscard]] race::FinishedRace judged(std::uint32_t slot);
  /// Tells its verdict, when its time has come and there is one.
  void settle(std::uint32_t slot);
  void finish(std::uint32_t slot);

  LedgerOptions options_;
  const AnswerOwners& owners_;  // NOLINT(*-ref-data-members)
  RaceObserver& observer_;      // NOLINT(*-ref-data-members)
  SeededHash hash_;
  std::vector<Entry> entries_;
  std::vector<Run> runs_;             // options_.runners an entry
  std::vector<std::uint32_t> free_;   // slots
  std::vector<std::uint32_t> order_;  // slots in use, oldest first from `oldest_`, as a ring
  std::size_t oldest_ = 0;
  std::size_t used_ = 0;
  std::size_t looked_ = 0;  // of the oldest: those that were looked at for a verdict
  SlotIndex by_id_;
  SlotIndex by_question_;
  LedgerCounters counters_;
};

template <class F>
void LedgerCounters::for_each(F f) const {
  f("races_remembered", started);
  f("races_forgotten", forgotten);
  f("races_finished", finished);
  f("races_asked_again", repeated);
  static constexpr std::array<std::array<const char*, 2>, race::kWayNames.size()> kNames{
      {{"verdicts_icmp_likely", "verdicts_icmp_certain"},
       {"verdicts_beacon_likely", "verdicts_beacon_certain"},
       {"verdicts_client_likely", "verdicts_client_certain"},
       {"verdicts_tcp_likely", "verdicts_tcp_certain"}}};
  for (std::size_t w = 0; w < kNames.size(); ++w)
    for (std::size_t c = 0; c < 2; ++c) f(kNames.at(w).at(c), verdicts.at(w).at(c));
  f("unwanted_used", errors_used);
  f("unwanted_unknown", errors_unknown);
  f("unwanted_ambiguous", errors_ambiguous);
  f("unwanted_early", errors_early);
  f("outcomes_unknown", reports_unknown);
  f("outcomes_foreign", reports_foreign);
  f("beacons_used", beacons_used);
  f("beacons_unknown", beacons_unknown);
  f("client_reports_used", clients_used);
  f("client_reports_unknown", clients_unknown);
  f("client_reports_early", clients_early);
  f("segments_unknown", segments_unknown);
  f("segments_early", segments_early);
  f("race_records_lost", records_lost);
}

}  // namespace flagfall::master
