// The shell around a ResponderCore: one thread with one event loop, and the UDP
// and TCP sockets of the slave's own addresses. A thread of its own, so that a
// flood of questions delays no order. Made, started and destroyed by the loop
// thread; it decides nothing.
#pragma once

#include <memory>
#include <vector>

#include "common/net/tcp.hh"
#include "slave/responder_core.hh"

namespace flagfall::slave {

class Responder {
 public:
  struct Options {
    std::vector<Endpoint> listen;
    int receive_buffer = 0;
    net::TcpOptions tcp;
    ResponderCore::Options core;
  };
  /// Binds. Throws std::system_error. `clock` outlives it; `random` is only used here.
  Responder(const Options& options, const Clock& clock, Random& random);
  /// Ends the thread.
  ~Responder();
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  Responder(Responder&&) = delete;
  Responder& operator=(Responder&&) = delete;

  void start();
  /// What to answer for from now on.
  void publish(std::shared_ptr<const OwnNames> names);
  /// Before its answer leaves. Loop thread. Where there is no room the beacon is answered and does not count.
  void issued(const IssuedBeacon& beacon);
  /// The next win, if there is one. Loop thread.
  [[nodiscard]] bool pop(BeaconWin& win);

  /// Any thread: everything that it counts, f(name, value).
  template <class F>
  void for_each_counter(F f) const {
    core().counters().for_each([&](const char* name, const Counter& c) { f(name, c.get()); });
    core().dns().for_each([&](const char* name, const Counter& c) { f(name, c.get()); });
    f("dns_tcp_connections", tcp_connections());
  }

 private:
  struct Shell;
  [[nodiscard]] const ResponderCore& core() const;
  [[nodiscard]] std::uint64_t tcp_connections() const;
  std::unique_ptr<Shell> shell_;
};

}  // namespace flagfall::slave
