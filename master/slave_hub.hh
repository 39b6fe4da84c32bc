// The master's side of all control sessions, shell: the listening sockets, TLS,
// timers and the log around master/hub_core.hh, which decides. Control thread
// only. The owner turns changes into a snapshot for the request loops.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/result.hh"
#include "common/base/time.hh"
#include "common/net/loop.hh"
#include "common/wire/session.hh"
#include "master/slave_state.hh"

namespace flagfall::master {

struct HubOptions {
  std::vector<Endpoint> listen;
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
  Nanos heartbeat = std::chrono::seconds(1);
  /// Names that may register, with what each is to serve.
  std::map<std::string, wire::Services> slaves;
  /// Whom slaves shall ask for the time, when they leave that to the master.
  std::vector<wire::TimeServer> time_servers;
};

struct HubCallbacks {
  /// A slave's fitness, session, readiness or clock changed.
  std::function<void()> changed;
  /// Outcomes of races, as reported.
  std::function<void(const SlaveState&, const wire::Report&)> report;
  /// The master's own clock for heartbeats: status and bound.
  std::function<std::pair<wire::ClockStatus, Nanos>()> clock;
  /// Reference time now.
  std::function<RefTime()> reference_now;
  /// What a slave's collectors found; pings only of addresses that were ordered of this session, each once.
  /// May be empty.
  std::function<void(const SlaveState&, const wire::Evidence&)> evidence = {};
  /// Where a client of a slave's front end belongs. May be empty: nobody knows.
  std::function<wire::HomeAnswer(const SlaveState&, const wire::HomeQuestion&)> home = {};
};

class SlaveHub {
 public:
  /// Reads the files, binds and listens; throws std::system_error or std::runtime_error with a line
  /// that says what to do. No callback may destroy the hub.
  SlaveHub(net::Loop& loop, const Clock& clock, HubOptions options, HubCallbacks callbacks);
  ~SlaveHub();
  SlaveHub(const SlaveHub&) = delete;
  SlaveHub& operator=(const SlaveHub&) = delete;
  SlaveHub(SlaveHub&&) = delete;
  SlaveHub& operator=(SlaveHub&&) = delete;

  /// New slaves and services: what changed is sent to the slaves, who is gone is refused.
  void update(std::map<std::string, wire::Services> slaves);
  /// Has a slave ping; what comes of it arrives as evidence, silence included, at the latest `within`
  /// (10 ms to 60 s) and a round trip later. Returns how many addresses were taken: none without a
  /// session, and not those that wait already, are not one host's, or find no room (8,192 wait at most).
  /// May be called from a callback.
  std::size_t order_pings(const std::string& slave, std::span<const IpAddress> addresses, Nanos within);
  /// Reads the certificate files again, for sessions from now on. An error, and nothing changes.
  [[nodiscard]] Status reload_certificates();
  /// All configured slaves, by name. The pointers hold until update().
  [[nodiscard]] std::vector<const SlaveState*> slaves() const;
  /// When the certificates in use end: ours, and the CA's.
  [[nodiscard]] RealTime certificate_expires() const;
  [[nodiscard]] RealTime ca_expires() const;
  /// When the certificate ends that the slave showed last; the epoch before its first session.
  [[nodiscard]] RealTime slave_certificate_expires(const std::string& slave) const;
  /// Counted refusals and errors, by name, for status.
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> counters() const;
  /// Where it really listens, in the order of the options.
  [[nodiscard]] std::vector<Endpoint> local() const;

 private:
  struct Shell;
  std::unique_ptr<Shell> shell_;
};

}  // namespace flagfall::master
