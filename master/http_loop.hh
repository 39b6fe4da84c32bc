// The shell around an HttpDesk: one thread with one event loop, the listeners, and the connections of web
// clients. Made, started and destroyed by the control thread; only publish() and the counters may be used
// while it runs. What octets mean is HttpStream's; how long a connection may take is in the options.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/counters.hh"
#include "common/base/ip.hh"
#include "common/base/random.hh"
#include "common/base/time.hh"
#include "common/http/request_reader.hh"
#include "common/net/web_tls.hh"
#include "master/http_desk.hh"
#include "master/http_racing.hh"

namespace flagfall::master {

struct HttpLoopOptions {
  WebScheme scheme = WebScheme::http;
  std::vector<Endpoint> listen;
  http::RequestLimits limits;
  std::size_t connections = 10000;
  unsigned network_connections = 1000;
  unsigned prefix_v4 = 24;  // of a client network
  unsigned prefix_v6 = 56;
  unsigned requests = 1000;  // of one connection
  Nanos header_timeout = std::chrono::seconds(10);
  Nanos idle_timeout = std::chrono::seconds(60);
  std::size_t services = 0;
  std::string unique_names{};                   // UniqueWatch
  std::uint64_t epoch = 0;                      // random, shared by all loops of one start
  RecordRing* records = nullptr;                // where it tells of clients and races; outlives it
  std::optional<HttpRacing::Options> racing{};  // none: redirects are not raced
  std::shared_ptr<const net::WebTls> tls{};     // of https
};

/// Written by the loop, read by any thread.
struct HttpLoopCounters {
  Counter accepted;
  Counter closed;           // for any reason; accepted - closed are open
  Counter evicted;          // closed to make room for a new one
  Counter network_full;     // closed at once: their network has as many as it may
  Counter accept_errors;    // out of descriptors or memory
  Counter idle_timeouts;    // no request came
  Counter header_timeouts;  // a header took too long
  Counter body_timeouts;    // or its content
  Counter send_timeouts;    // the client did not take its answers
  Counter resets;           // by the client, or its host
  Counter tls_errors;       // octets that are no TLS, or a handshake that failed

  template <class F>
  void for_each(F&& f) const {
    f("accepted", accepted);
    f("closed", closed);
    f("evicted", evicted);
    f("network_full", network_full);
    f("accept_errors", accept_errors);
    f("idle_timeouts", idle_timeouts);
    f("header_timeouts", header_timeouts);
    f("body_timeouts", body_timeouts);
    f("send_timeouts", send_timeouts);
    f("resets", resets);
    f("tls_errors", tls_errors);
  }
};

class HttpLoop {
 public:
  /// Binds the sockets. `clock` outlives it; `random` is only used here. Throws std::system_error.
  HttpLoop(const HttpLoopOptions& options, const Clock& clock, Random& random,
           const std::shared_ptr<const Snapshot>& first);
  /// Ends the thread.
  ~HttpLoop();
  HttpLoop(const HttpLoop&) = delete;
  HttpLoop& operator=(const HttpLoop&) = delete;
  HttpLoop(HttpLoop&&) = delete;
  HttpLoop& operator=(HttpLoop&&) = delete;

  /// The thread keeps CAP_NET_ADMIN of the caller's capabilities, where it races, and no other.
  void start();
  /// Any thread. The loop takes it over between two answers.
  void publish(std::shared_ptr<const Snapshot> snapshot);

  /// Any thread. Of connections from now on; those that there are keep their certificates.
  void renew(std::shared_ptr<const net::WebTls> tls);

  [[nodiscard]] WebScheme scheme() const;
  /// Where it really listens (ports, when 0 was asked for).
  [[nodiscard]] std::vector<Endpoint> local() const;
  [[nodiscard]] const HttpLoopCounters& counters() const;
  [[nodiscard]] const HttpCounters& requests() const;
  [[nodiscard]] std::uint64_t led(std::size_t service, director::ServerIndex server) const;
  /// Null: redirects are not raced.
  [[nodiscard]] const HttpRacing* racing() const;

 private:
  struct Shell;
  std::unique_ptr<Shell> shell_;
};

}  // namespace flagfall::master
