#include "master/race_keeper.hh"

#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/overload.hh"

namespace flagfall::master {
namespace {

constexpr Nanos kDrain = std::chrono::milliseconds(50);

LedgerOptions ledger_options(const Config& config) {
  LedgerOptions out;
  out.races = config.verdicts.races;
  out.runners = config.race.max_slaves;
  out.rules.icmp = config.verdicts.icmp;
  out.rules.certain_within = config.verdicts.certain_within;
  out.clock_error = config.clock.max_error;
  return out;
}

}  // namespace

RaceKeeper::RaceKeeper(const Config& config, unsigned loops, const Clock& clock, Random& random)
    : clock_(clock),
      owners_(config),
      ledger_(ledger_options(config), owners_, random, *this),
      slaves_(slave_names(config)),
      lost_(loops, 0) {
  for (const ServiceConfig& service : config.services) services_.push_back(service.name);
  for (unsigned i = 0; i < loops; ++i) rings_.push_back(std::make_unique<RecordRing>());
}

RaceKeeper::~RaceKeeper() = default;

void RaceKeeper::start(net::Loop& loop) {
  ticker_ = loop.every(kDrain, [this] { turn(); });
}

void RaceKeeper::turn() {
  drain();
  ledger_.advance(clock_.mono());
}

/// Steering and the kernel give an error, or a question over TCP, to any loop: its
/// ring may be looked into before that of its race's. So what speaks of races
/// waits for the next time, and requests for unique names after the questions.
void RaceKeeper::drain() {
  for (std::size_t i = 0; i < rings_.size(); ++i) {
    RaceRecord record;
    for (std::size_t n = 0; n < RecordRing::kRecords && rings_[i]->ring.pop(record); ++n) {
      if (const auto* started = std::get_if<RaceStarted>(&record)) {
        ledger_.started(*started);
      } else if (const auto* asked = std::get_if<NetworkAsked>(&record)) {
        for (RaceObserver* const o : observers_) o->asked(*asked);
      } else if (const auto* unique = std::get_if<UniqueName>(&record);
                 unique != nullptr && !unique->fetched) {
        for (RaceObserver* const o : observers_) o->unique(*unique);
      } else {
        fresh_.push_back(record);
      }
    }
    const std::uint64_t lost = rings_[i]->lost.get();
    if (lost != lost_[i]) ledger_.records_lost(lost - std::exchange(lost_[i], lost));
  }
  for (const RaceRecord& record : waiting_)
    std::visit(Overload{[](const RaceStarted&) {}, [](const NetworkAsked&) {},
                        [this](const UniqueName& r) {
                          for (RaceObserver* const o : observers_) o->unique(r);
                        },
                        [this](const QuestionRepeated& r) { ledger_.repeated(r); },
                        [this](const AnswerUnwanted& r) { ledger_.unwanted(r); },
                        [this](const SegmentWon& r) { ledger_.segment_won(r); }},
               record);
  waiting_.clear();
  std::swap(waiting_, fresh_);
}

void RaceKeeper::report(std::uint16_t slave, const wire::Report& report) {
  if (report.outcomes.empty() && report.beacon_wins.empty()) return;
  drain();
  ledger_.report(slave, report);
}

bool RaceKeeper::client_report(const ClientReport& report, std::uint64_t question) {
  drain();
  return ledger_.client_report(report, question);
}

void RaceKeeper::close() {
  ticker_ = net::Watch();
  drain();
  drain();
  ledger_.close();
}

void RaceKeeper::timed(const race::OrderTiming& timing) {
  for (RaceObserver* const o : observers_) o->timed(timing);
}

void RaceKeeper::settled(const race::FinishedRace& race) {
  for (RaceObserver* const o : observers_) o->settled(race);
}

void RaceKeeper::finished(const race::FinishedRace& race) {
  recent_.finished(race);
  for (RaceObserver* const o : observers_) o->finished(race);
}

std::string RaceKeeper::races_json() const {
  nlohmann::json races = nlohmann::json::array();
  for (std::size_t i = 0; i < recent_.size(); ++i)
    races.push_back(race_json(recent_.at(i), slaves_, services_));
  return nlohmann::json{{"finished", recent_.total()}, {"races", races}}.dump();
}

}  // namespace flagfall::master
