// Winning-server statistics of a running master: takes finished races from the
// ledger and counters from the request loops, and once a second hands the sums to
// the store, which writes them in a thread of its own (stats/store.hh). Answers
// GET /stats from the file, in another thread. Control thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/random.hh"
#include "common/net/admin.hh"
#include "common/net/loop.hh"
#include "common/net/worker.hh"
#include "master/config.hh"
#include "master/loops.hh"
#include "master/race_observer.hh"
#include "stats/question.hh"
#include "stats/store.hh"
#include "stats/tally.hh"

namespace flagfall::master {

/// Tells a counter's name and where it stands.
using CounterSink = std::function<void(std::string_view name, std::uint64_t value)>;
/// What the statistics keep of the request loops' counters: races ordered, and answers without a race by
/// reason.
void tell_counters(const Loops& loops, const CounterSink& sink);

class RaceStatistics final : public RaceObserver {
 public:
  /// `counters` is called once a second. All arguments outlive it.
  RaceStatistics(net::Loop& loop, const Config& config, const Clock& clock, Random& random,
                 std::function<void(const CounterSink&)> counters);
  /// Writes what there is, for some seconds at most.
  ~RaceStatistics() override;
  RaceStatistics(const RaceStatistics&) = delete;
  RaceStatistics& operator=(const RaceStatistics&) = delete;
  RaceStatistics(RaceStatistics&&) = delete;
  RaceStatistics& operator=(RaceStatistics&&) = delete;

  void finished(const race::FinishedRace& race) override;

  /// Counts what the counters have grown by; by itself once a second, and once more before the loops end.
  void sample();
  /// Registers GET /stats.
  void serve(net::AdminServer& admin);
  /// How the keeping goes: "statistics" of GET /status.
  [[nodiscard]] nlohmann::json health() const;

 private:
  struct Waiting {
    stats::Question question;
    net::AdminServer::Answer answer;
  };
  void flush();
  void ask(const net::AdminRequest& request, const net::AdminServer::Answer& answer);
  void next_question();
  [[nodiscard]] std::int64_t now() const;

  const Config& config_;
  const Clock& clock_;
  std::function<void(const CounterSink&)> counters_;
  std::map<std::string, std::uint64_t, std::less<>> sampled_;
  stats::Tally tally_;
  std::unique_ptr<stats::Store> store_;  // none: not enabled
  std::deque<Waiting> waiting_;
  net::Worker reader_;
  net::Watch ticker_;
};

}  // namespace flagfall::master
