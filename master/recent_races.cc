#include "master/recent_races.hh"

#include <fmt/core.h>

#include <cassert>
#include <nlohmann/json.hpp>

namespace flagfall::master {
namespace {

using nlohmann::json;

double ms(Nanos n) {
  return static_cast<double>(n.count()) * 1e-6;
}
double us(Nanos n) {
  return static_cast<double>(n.count()) * 1e-3;
}

json runner_json(const race::RunnerResult& r, const std::vector<std::string>& slaves) {
  using race::Fate;
  const bool known = r.fate != Fate::unreported;
  const bool sent = r.fate == Fate::sent || r.fate == Fate::sent_late;
  return {{"slave", slaves.at(r.slave)},
          {"fate", race::kFateNames.at(static_cast<std::size_t>(r.fate))},
          {"one_way_ms", known ? json(ms(r.one_way)) : json(nullptr)},
          {"bound_ms", known ? json(ms(r.bound)) : json(nullptr)},
          {"expected_error_ms", known ? json(ms(r.expected)) : json(nullptr)},
          {"transmit_error_us", sent ? json(us(r.transmit_error)) : json(nullptr)},
          {"arrival_ms", r.arrival ? json(ms(*r.arrival)) : json(nullptr)}};
}

json verdict_json(const race::Verdict& v, const std::vector<std::string>& slaves) {
  return {{"winner", slaves.at(v.winner)},
          {"way", race::kWayNames.at(static_cast<std::size_t>(v.way))},
          {"certainty", race::kCertaintyNames.at(static_cast<std::size_t>(v.certainty))},
          {"margin_ms", v.margin ? json(ms(*v.margin)) : json(nullptr)},
          {"within_error", v.within_error}};
}

}  // namespace

void RecentRaces::finished(const race::FinishedRace& race) {
  if (races_.size() < kMost) {
    races_.push_back(race);
  } else {
    races_[total_ % kMost] = race;
  }
  ++total_;
}

const race::FinishedRace& RecentRaces::at(std::size_t from_newest) const {
  assert(from_newest < races_.size());
  return races_[(total_ - 1 - from_newest) % kMost];
}

json race_json(const race::FinishedRace& race, const std::vector<std::string>& slaves,
               const std::vector<std::string>& services) {
  json runners = json::array();
  for (const race::RunnerResult& r : race.ran()) runners.push_back(runner_json(r, slaves));
  return {{"race", fmt::format("{:016x}", race.id)},
          {"instant_ns", to_ns(race.instant)},
          {"client", to_string(race.client)},
          {"service", services.at(race.service)},
          {"delay_ms", ms(race.delay)},
          {"dispatch_ms", ms(race.dispatch)},
          {"shadow", race.shadow},
          {"runners", runners},
          {"verdict", race.verdict ? verdict_json(*race.verdict, slaves) : json(nullptr)}};
}

}  // namespace flagfall::master
