// The slave as a daemon: owns every part and ties them together. Everything but
// the transmit thread runs on the loop's thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "clocksync/clock_source.hh"
#include "clocksync/learned_source.hh"
#include "collect/collector.hh"
#include "common/base/random.hh"
#include "common/base/result.hh"
#include "common/daemon/daemon.hh"
#include "common/net/admin.hh"
#include "slave/config.hh"
#include "slave/front_loop.hh"
#include "slave/http_backend.hh"
#include "slave/masters.hh"
#include "slave/order_desk.hh"
#include "slave/order_intake.hh"
#include "slave/responder.hh"
#include "slave/shot.hh"
#include "slave/status.hh"
#include "slave/transmitter.hh"
#include "slave/udp_backends.hh"

namespace flagfall::slave {

class App final : public daemon::Program {
 public:
  /// Checks what the configuration names; binds nothing.
  static Result<std::unique_ptr<daemon::Program>> load(const Config& config);

  /// `config` and `clock` outlive the program.
  App(const Config& config, const Clock& clock);
  ~App() override;
  App(const App&) = delete;
  App& operator=(const App&) = delete;
  App(App&&) = delete;
  App& operator=(App&&) = delete;

  void start(net::Loop& loop) override;
  void stop() override;
  void hang_up() override;
  [[nodiscard]] std::string status() const override;

 private:
  void open(net::Loop& loop);
  void start_transmitter(std::vector<SourceSocket> sources);
  void open_clock(net::Loop& loop);
  void open_responder();
  void open_front(net::Loop& loop);
  void open_backends(net::Loop& loop);
  void open_http_backends(net::Loop& loop);
  /// New services of a master; whether its beacon zone is answered for.
  bool take_services(std::size_t master, const wire::Services& services);
  void take_wins();
  void use_servers(const std::vector<wire::TimeServer>& servers);
  void open_admin(net::Loop& loop);
  [[nodiscard]] StatusSource status_source() const;
  [[nodiscard]] Masters::Counters counters() const;

  const Config& config_;
  const Clock& clock_;
  SystemRandom random_;
  const wire::SipKey beacon_key_;  // new at each start
  ShotPool pool_;
  OrderDesk desk_;
  ContentDesk contents_;
  std::unique_ptr<clocksync::ClockSource> source_;
  net::Fd awake_;                                // transmit.cpu_dma_latency
  clocksync::LearnedSource* learned_ = nullptr;  // that is `source_`, when masters name the servers
  std::unique_ptr<Transmitter> transmitter_;
  std::unique_ptr<Responder> responder_;  // none without dns.listen
  std::unique_ptr<FrontLoop> front_;      // none without front.server
  std::vector<wire::Services> services_;  // the latest of each master; kept when its session is lost
  std::vector<std::unique_ptr<HttpBackend>> http_backends_;  // as configured
  std::unique_ptr<OrderIntake> intake_;
  std::unique_ptr<collect::Collector> collector_;
  std::unique_ptr<UdpBackends> backends_;  // none: no service of datagrams is answered
  std::unique_ptr<Masters> masters_;
  std::unique_ptr<net::AdminServer> admin_;
  MonoTime started_;
  net::Watch take_back_;
};

}  // namespace flagfall::slave
