// Wins by server since the start, for Prometheus: counters and margins, by service and slave, of every
// race with a verdict. Control thread only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/histogram.hh"
#include "common/metrics/families.hh"
#include "master/config.hh"
#include "master/race_observer.hh"

namespace flagfall::master {

class WinMetrics final : public RaceObserver {
 public:
  /// `slaves`: slave_names(config). Both outlive the object.
  WinMetrics(const Config& config, const std::vector<std::string>& slaves);

  void finished(const race::FinishedRace& race) override;
  void add_to(metrics::Families& out) const;

 private:
  struct Wins {
    std::uint64_t ran = 0;  // in races with a verdict
    std::uint64_t won = 0;
    std::uint64_t within_error = 0;
  };
  const Config& config_;
  const std::vector<std::string>& slaves_;
  std::vector<std::vector<Wins>> wins_;              // by service, then slave
  std::vector<std::unique_ptr<Histogram>> margins_;  // by slave
};

}  // namespace flagfall::master
