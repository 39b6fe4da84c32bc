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
#include "common/daemon/reloadable.hh"
#include "common/dns/cookies.hh"
#include "common/net/admin.hh"
#include "common/net/worker.hh"
#include "master/config.hh"
#include "master/delay_control.hh"
#include "master/delegation.hh"
#include "master/director_desk.hh"
#include "master/director_metrics.hh"
#include "master/director_routes.hh"
#include "master/home_desk.hh"
#include "master/known_networks.hh"
#include "master/lookup.hh"
#include "master/loops.hh"
#include "master/race_keeper.hh"
#include "master/race_statistics.hh"
#include "master/reload_plan.hh"
#include "master/report_limit.hh"
#include "master/slave_hub.hh"
#include "master/slave_stats.hh"
#include "master/snapshot_builder.hh"
#include "master/status.hh"
#include "master/tune_routes.hh"
#include "master/win_metrics.hh"

namespace flagfall::master {

class App final : public daemon::Program {
 public:
  /// Reads zones, cookie secrets and certificates.
  static Result<std::unique_ptr<daemon::Program>> load(const Config& given,
                                                       daemon::ReadAgain<Config> read_again);

  void start(net::Loop& loop) override;
  void stop() override;
  void hang_up() override;
  [[nodiscard]] std::string status() const override;

  struct Reloaded {
    std::string error;  // why nothing has changed; empty: it has
    bool dry_run = false;
    std::size_t zones = 0;
    std::vector<config::Difference> changed;  // of the configuration
    std::vector<config::Difference> needs_restart;
  };

 private:
  App(std::unique_ptr<Config> config, daemon::ReadAgain<Config> read_again, Delegation delegation,
      std::shared_ptr<const Zones> zones, std::shared_ptr<const dns::Cookies> cookies,
      std::unique_ptr<DirectorDesk> director);

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
  enum class Reload : std::uint8_t {
    all,
    dry_run,  // reads all, and changes nothing
    zones,    // not the configuration
  };
  using WhenReloaded = std::function<void(const Reloaded&)>;
  /// Reads the files again, in another thread. `done` is called on this one.
  void reload(Reload what, const WhenReloaded& done);
  struct Files;
  std::string take_over(Files files);
  void log_reload(const Reloaded& told) const;
  void tick();
  void hurry_or_not();
  void hurry();
  void order(const DirectorDesk::Pings& pings);
  /// Lets the delays follow what the slaves report.
  void follow_delays();
  void log_clock();
  void log_slaves();
  void log_failed_orders();
  [[nodiscard]] std::string metrics_text() const;
  [[nodiscard]] std::string with_status(const std::function<std::string(const StatusSource&)>& tell) const;

  std::unique_ptr<Config> own_config_;  // a reload changes some of it, in place
  const Config& config_;                // the same
  daemon::ReadAgain<Config> read_again_;
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
  PingTally pings_;

  std::vector<Endpoint> listen_;
  std::optional<SnapshotBuilder> builder_;
  std::optional<KnownNetworks> known_;
  std::optional<DirectorKeeper> director_keeper_;
  std::optional<DirectorRoutes> director_routes_;
  std::optional<Lookup> lookup_;
  HomeDesk homes_{random_};
  std::optional<DelayControl> delays_;
  std::optional<TuneRoutes> tune_;
  std::vector<SlaveStats> stats_;
  std::optional<DelayFeed> delay_feed_;
  std::optional<WinMetrics> wins_;
  std::optional<RaceKeeper> races_;  // outlives the loops
  std::optional<QuestionHash> question_hash_;
  Loops loops_;
  std::shared_ptr<const net::WebTls> web_tls_;  // null: none
  std::unique_ptr<clocksync::ClockSource> source_;
  std::unique_ptr<SlaveHub> hub_;
  std::unique_ptr<RaceStatistics> statistics_;
  std::optional<daemon::AuditLog> audit_;
  std::unique_ptr<net::AdminServer> admin_;
  std::unique_ptr<net::Worker> reader_;
  Snapshot published_;
  net::Watch ticker_;
  net::Loop* loop_ = nullptr;  // since start()
  net::Watch hurrier_;

  std::optional<std::string> clock_said_;  // the last clock_why_not() in the log
  std::vector<std::string> slave_said_;    // and what the master held against each slave
  ReportLimit report_limit_{random_};
  std::uint64_t reports_limited_ = 0;
  std::uint64_t failed_orders_ = 0;
  LogLimit failed_orders_limit_{1};
};

/// [admin], with the master's own token.
net::AdminOptions admin_options(const AdminConfig& admin);
/// From the configured file, or a random one that nobody shares.
Result<std::shared_ptr<const dns::Cookies>> load_cookies(const Config& config, Random& random);

}  // namespace flagfall::master
