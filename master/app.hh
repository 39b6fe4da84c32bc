// flagfall-master as a program: reads the files, binds, and is then the control
// thread: sessions, clock, admin socket, and the snapshots that the request
// loops live on. See request_loop.hh for the other threads.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clocksync/clock_source.hh"
#include "common/base/log_limit.hh"
#include "common/base/random.hh"
#include "common/daemon/audit.hh"
#include "common/daemon/daemon.hh"
#include "common/dns/cookies.hh"
#include "common/net/admin.hh"
#include "common/net/worker.hh"
#include "master/config.hh"
#include "master/delay_control.hh"
#include "master/delegation.hh"
#include "master/director_desk.hh"
#include "master/director_routes.hh"
#include "master/known_networks.hh"
#include "master/race_keeper.hh"
#include "master/race_statistics.hh"
#include "master/report_limit.hh"
#include "master/request_loop.hh"
#include "master/slave_hub.hh"
#include "master/slave_stats.hh"
#include "master/snapshot_builder.hh"
#include "master/status.hh"
#include "master/tune_routes.hh"
#include "master/win_metrics.hh"

namespace flagfall::master {

class App final : public daemon::Program {
 public:
  /// Reads zones, cookie secrets and certificates. `config` outlives the program.
  static Result<std::unique_ptr<daemon::Program>> load(const Config& config);

  void start(net::Loop& loop) override;
  void stop() override;
  void hang_up() override;
  [[nodiscard]] std::string status() const override;

 private:
  App(const Config& config, Delegation delegation, std::shared_ptr<const Zones> zones,
      std::shared_ptr<const dns::Cookies> cookies, std::unique_ptr<DirectorDesk> director);

  void open(net::Loop& loop);
  void open_loops();
  void open_control(net::Loop& loop);
  void open_admin(net::Loop& loop);
  void audit_commands();
  [[nodiscard]] net::AdminReply client_report(const net::AdminRequest& request);
  void open_sources();
  void open_director();
  /// Reads the zones again when a service is delegated that was not, or the other way round.
  void follow_delegation();
  /// Makes a snapshot of what is now, and gives it to all loops.
  void publish();
  [[nodiscard]] Snapshot snapshot_now() const;
  void pause(bool paused);
  using Reloaded = std::function<void(const std::string& error)>;
  /// Reads zones and cookie secrets again, in another thread. `done`, on this one: why the old ones stay;
  /// empty when they do not.
  void reload(const Reloaded& done);
  struct Files {
    Result<std::shared_ptr<const Zones>> zones;
    Result<std::shared_ptr<const dns::Cookies>> cookies;  // null: those that there are stay
  };
  std::string take_over(Files files);
  void tick();
  /// Lets the delays follow what the slaves report.
  void follow_delays();
  void log_clock();
  void log_slaves();
  void log_failed_orders();
  [[nodiscard]] std::string metrics_text() const;
  [[nodiscard]] std::string with_status(const std::function<std::string(const StatusSource&)>& tell) const;

  const Config& config_;
  Delegation delegation_;
  std::vector<bool> zones_for_;  // what zones_ are, or are being, loaded for: delegation_.all()
  std::shared_ptr<const Zones> zones_;
  std::shared_ptr<const dns::Cookies> cookies_;
  std::unique_ptr<DirectorDesk> director_;
  std::vector<std::shared_ptr<const Zones>> retired_;  // freed here, and not by a request loop
  SystemClock clock_;
  SystemRandom random_;
  MonoTime started_;
  bool paused_ = false;
  MonoTime pinged_;
  MonoTime counted_;

  std::vector<Endpoint> listen_;
  std::optional<SnapshotBuilder> builder_;
  std::optional<KnownNetworks> known_;
  std::optional<DirectorKeeper> director_keeper_;
  std::optional<DirectorRoutes> director_routes_;
  std::optional<DelayControl> delays_;
  std::optional<TuneRoutes> tune_;
  std::vector<SlaveStats> stats_;
  std::optional<DelayFeed> delay_feed_;
  std::optional<WinMetrics> wins_;
  std::optional<RaceKeeper> races_;  // outlives the loops
  std::optional<QuestionHash> question_hash_;
  std::vector<std::unique_ptr<RequestLoop>> loops_;
  std::unique_ptr<clocksync::ClockSource> source_;
  std::unique_ptr<SlaveHub> hub_;
  std::unique_ptr<RaceStatistics> statistics_;
  std::optional<daemon::AuditLog> audit_;
  std::unique_ptr<net::AdminServer> admin_;
  std::unique_ptr<net::Worker> reader_;
  Snapshot published_;
  net::Watch ticker_;

  std::optional<std::string> clock_said_;  // the last clock_why_not() in the log
  std::vector<std::string> slave_said_;    // and what the master held against each slave
  ReportLimit report_limit_{random_};
  std::uint64_t reports_limited_ = 0;
  std::uint64_t failed_orders_ = 0;
  LogLimit failed_orders_limit_{1};
};

}  // namespace flagfall::master
