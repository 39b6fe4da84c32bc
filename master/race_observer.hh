// Whoever wants to know what became of races: told on the control thread, while
// it has other things to do. Decides nothing.
#pragma once

#include "common/race/finished_race.hh"
#include "master/race_records.hh"

namespace flagfall::master {

class RaceObserver {
 public:
  virtual ~RaceObserver() = default;
  /// A slave's report of one order, as soon as it has come and when its race is known.
  virtual void timed(const race::OrderTiming& /*timing*/) {}
  /// Clients of its network have asked, told of now and then only.
  virtual void asked(const NetworkAsked& /*asked*/) {}
  /// A unique name was asked for, or fetched; the question is told of before the request.
  virtual void unique(const UniqueName& /*name*/) {}
  /// Once a race, as soon as it has a verdict; at its end when it has none.
  virtual void settled(const race::FinishedRace& /*race*/) {}
  /// Once a race, some seconds after its instant, when nothing more is expected of it.
  virtual void finished(const race::FinishedRace& /*race*/) {}

 protected:
  RaceObserver() = default;
  RaceObserver(const RaceObserver&) = default;
  RaceObserver& operator=(const RaceObserver&) = default;
};

}  // namespace flagfall::master
