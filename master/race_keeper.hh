// Carries what the request loops and the slaves tell of races to the ledger, and
// what the ledger knows to all who want it. The shell around RaceLedger; it
// decides nothing. Control thread only, but for the loops' ends of their rings.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "common/base/time.hh"
#include "common/net/loop.hh"
#include "master/race_ledger.hh"
#include "master/recent_races.hh"

namespace flagfall::master {

class RaceKeeper final : private RaceObserver {
 public:
  /// `config` and `clock` outlive it.
  RaceKeeper(const Config& config, unsigned loops, const Clock& clock, Random& random);
  ~RaceKeeper() override;
  RaceKeeper(const RaceKeeper&) = delete;
  RaceKeeper& operator=(const RaceKeeper&) = delete;
  RaceKeeper(RaceKeeper&&) = delete;
  RaceKeeper& operator=(RaceKeeper&&) = delete;

  /// What a request loop writes into.
  [[nodiscard]] RecordRing& ring(unsigned loop) { return *rings_.at(loop); }
  /// Is told of everything from now on; outlives the keeper, or its close().
  void add(RaceObserver& observer) { observers_.push_back(&observer); }

  /// Looks into the rings all the time from now on.
  void start(net::Loop& loop);
  /// Twenty times a second: looks into the rings, and lets go of the races whose time has come.
  void turn();
  /// Looks into the rings now.
  void drain();
  /// A slave's report has come.
  void report(std::uint16_t slave, const wire::Report& report);
  /// What a client says that it has seen of a race; `question`: QuestionHash of its name and type. Whether
  /// the race is remembered.
  bool client_report(const ClientReport& report, std::uint64_t question);
  /// The loops have ended: all races finish.
  void close();

  [[nodiscard]] const LedgerCounters& counters() const { return ledger_.counters(); }
  [[nodiscard]] std::size_t remembered() const { return ledger_.remembered(); }
  [[nodiscard]] const RecentRaces& recent() const { return recent_; }
  /// GET /races.
  [[nodiscard]] std::string races_json() const;

 private:
  void timed(const race::OrderTiming& timing) override;
  void settled(const race::FinishedRace& race) override;
  void finished(const race::FinishedRace& race) override;

  const Clock& clock_;  // NOLINT(*-ref-data-members)
  AnswerOwners owners_;
  RaceLedger ledger_;
  RecentRaces recent_;
  std::vector<RaceObserver*> observers_;
  std::vector<std::string> slaves_;
  std::vector<std::string> services_;
  std::vector<std::unique_ptr<RecordRing>> rings_;
  std::vector<std::uint64_t> lost_;  // by ring, as seen last
  std::vector<RaceRecord> waiting_;  // of the drain before
  std::vector<RaceRecord> fresh_;
  net::Watch ticker_;
};

}  // namespace flagfall::master
