// Everything that a slave collects, and to whom it is told: pings by order of a
// master, TCP paths, loads and checks to all masters. Shell; the parts decide. Loop
// thread only, but for the constructor.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collect/config.hh"
#include "collect/load_reader.hh"
#include "collect/pinger.hh"
#include "collect/probe.hh"
#include "collect/tcp_reader.hh"

namespace flagfall::collect {

class Collector {
 public:
  /// To the master of that place in the configuration; false when it could not be sent.
  using Send = std::function<bool(std::size_t master, const wire::Evidence& evidence)>;

  /// Opens what needs privileges. `config` and `checks` outlive the collector. Throws
  /// std::runtime_error or std::system_error with a line that says what to do.
  Collector(const CollectConfig& config, const std::vector<CheckConfig>& checks);
  ~Collector();
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;
  Collector(Collector&&) = delete;
  Collector& operator=(Collector&&) = delete;

  /// Begins. All references outlive the collector.
  void start(net::Loop& loop, const Clock& clock, Random& random, std::size_t masters, Send send);
  /// A master's order.
  void ping(std::size_t master, const wire::PingOrder& order);
  /// A master's session is over.
  void forget(std::size_t master);

  /// For status: the latest.
  [[nodiscard]] const std::vector<wire::Load>& loads() const { return loads_; }
  [[nodiscard]] std::vector<wire::Check> checks() const;
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> counters() const;

 private:
  struct Monitor;
  void look();
  void report();
  void probe_due(Monitor& monitor);
  void arm(Monitor& monitor);
  void tell_paths(const TcpReader::Look& look);
  void add_pings(const std::vector<PingDesk::Result>& results);
  void flush_pings();
  void send_to_all(const wire::Evidence& evidence);

  const CollectConfig& config_;
  const std::vector<CheckConfig>& check_configs_;
  std::vector<PingSocket> sockets_;  // until start()
  LoadReader load_reader_;
  std::vector<wire::Load> loads_;

  net::Loop* loop_ = nullptr;
  const Clock* clock_ = nullptr;
  Random* random_ = nullptr;
  Send send_;
  std::unique_ptr<Pinger> pinger_;
  std::unique_ptr<TcpReader> tcp_;
  std::optional<std::uint64_t> open_;  // connections of the servers, as of the last look
  std::vector<std::unique_ptr<Monitor>> monitors_;
  std::vector<std::vector<wire::PingResult>> pings_;  // by master, to be sent
  bool flushing_ = false;                             // ping_timer_ is armed
  std::uint64_t sent_ = 0;
  std::uint64_t unsent_ = 0;
  net::Watch report_timer_;
  net::Watch tcp_timer_;
  net::Watch ping_timer_;
};

}  // namespace flagfall::collect
