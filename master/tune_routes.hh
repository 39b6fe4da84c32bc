// What `flagfall tune`, `flagfall record` and the built-in page ask of a master:
// GET /rows, the rows of a service as JSON lines, piece by piece, and GET /tune,
// what they say of its delay (docs/admin.md). Learns from finished races which
// slave is nearest to whom. Control thread only; decides nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hh"
#include "common/base/time.hh"
#include "common/net/admin.hh"
#include "delay/nearest.hh"
#include "delay/rows_file.hh"
#include "master/config.hh"
#include "master/delay_control.hh"
#include "master/race_observer.hh"

namespace flagfall::master {

class TuneRoutes final : public RaceObserver {
 public:
  /// Rows in one answer at most: some 400 kB with three slaves, a few milliseconds of this thread.
  static constexpr std::size_t kMostRows = 4000;
  /// A tune takes milliseconds of this thread, and says the same for a while.
  static constexpr Nanos kFresh = std::chrono::seconds(1);

  /// All outlive the object. `instance`: of this process, random; not 0.
  TuneRoutes(const Config& config, const DelayControl& delays, const Clock& clock, std::uint64_t instance);

  void finished(const race::FinishedRace& race) override;
  /// Registers the routes; the object outlives the server's requests.
  void add_to(net::AdminServer& server);

  /// ?service=NAME, and &after=NUMBER&instance=HEX or &after=now.
  [[nodiscard]] net::AdminReply rows(const net::AdminRequest& request) const;
  /// ?service=NAME
  [[nodiscard]] net::AdminReply tune(const net::AdminRequest& request);

 private:
  struct Service {
    std::vector<std::uint16_t> slaves;  // one a column: index of the slave
    delay::Nearest nearest;
    std::string tune;  // the last body
    std::optional<MonoTime> tuned;
  };
  [[nodiscard]] Result<std::size_t> find(const net::AdminRequest& request, int& status) const;
  [[nodiscard]] delay::RowsHeader header(std::size_t service) const;
  /// One a column; false: nobody of this service was in the race.
  static bool fill(const Service& service, const delay::Row& row, std::span<Nanos> needed);

  const Config& config_;
  const DelayControl& delays_;
  const Clock& clock_;
  std::uint64_t instance_;
  std::vector<Service> services_;
};

}  // namespace flagfall::master
