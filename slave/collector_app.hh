// The slave with --collect-only: sessions with the masters and the collectors, and
// nothing that races. Its own clock is of no interest, and says so. Loop thread only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "collect/collector.hh"
#include "common/base/random.hh"
#include "common/daemon/daemon.hh"
#include "common/net/admin.hh"
#include "slave/config.hh"
#include "slave/master_link.hh"

namespace flagfall::slave {

class CollectorApp final : public daemon::Program {
 public:
  /// Checks what the configuration names; binds nothing.
  static Result<std::unique_ptr<daemon::Program>> load(const Config& config);

  /// `config` and `clock` outlive the program.
  CollectorApp(const Config& config, const Clock& clock) : config_(config), clock_(clock) {}
  ~CollectorApp() override;
  CollectorApp(const CollectorApp&) = delete;
  CollectorApp& operator=(const CollectorApp&) = delete;
  CollectorApp(CollectorApp&&) = delete;
  CollectorApp& operator=(CollectorApp&&) = delete;

  void start(net::Loop& loop) override;
  void stop() override;
  void hang_up() override;
  [[nodiscard]] std::string status() const override;

 private:
  void open(net::Loop& loop);
  void open_links(net::Loop& loop);
  void open_admin(net::Loop& loop);
  void report();
  [[nodiscard]] std::string status_json() const;
  [[nodiscard]] std::string metrics_text() const;

  const Config& config_;
  const Clock& clock_;
  SystemRandom random_;
  std::vector<std::unique_ptr<MasterLink>> links_;
  std::unique_ptr<collect::Collector> collector_;
  std::unique_ptr<net::AdminServer> admin_;
  MonoTime started_;
  net::Watch every_second_;
};

}  // namespace flagfall::slave
