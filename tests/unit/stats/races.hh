// Finished races for the tests, in a few words.
#pragma once

#include <initializer_list>
#include <utility>

#include "common/race/finished_race.hh"

namespace flagfall::stats {

inline constexpr std::int64_t kNow = 1'795'255'200;  // 2026-11-21T10:00:00Z

struct Ran {
  std::uint16_t slave = 0;
  race::Fate fate = race::Fate::sent;
  std::optional<double> arrival_ms = {};
};

inline Nanos ms(double value) {
  return Nanos(static_cast<std::int64_t>(value * 1e6));
}

inline race::FinishedRace race_of(const char* client, std::initializer_list<Ran> runners,
                                  std::int64_t at = kNow, std::uint16_t service = 0) {
  race::FinishedRace race;
  race.instant = from_ns<RefTime>(at * 1'000'000'000);
  race.client = {*parse_ip(client), 5353};
  race.service = service;
  for (const Ran& r : runners) {
    race::RunnerResult& result = race.runners.at(race.count++);
    result.slave = r.slave;
    result.fate = r.fate;
    if (r.arrival_ms) result.arrival = ms(*r.arrival_ms);
  }
  return race;
}

inline race::FinishedRace won(race::FinishedRace race, std::uint16_t winner,
                              std::optional<double> margin_ms = {}, bool within_error = false,
                              race::Way way = race::Way::icmp,
                              race::Certainty certainty = race::Certainty::certain) {
  race.verdict = race::Verdict{winner, way, certainty, {}, within_error};
  if (margin_ms) race.verdict->margin = ms(*margin_ms);
  return race;
}

}  // namespace flagfall::stats
