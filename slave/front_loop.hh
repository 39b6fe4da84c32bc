// The shell around a FrontDesk: one thread with one event loop, the listeners, and the connections of web
// clients with those to the content servers behind. A thread of its own, so that no order waits for a web
// client. What becomes of a client is decided at its connection's first request; who is served here is joined
// to the content server, octet for octet in both directions. Made, started and destroyed by the loop thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "common/base/ip.hh"
#include "common/http/request_reader.hh"
#include "slave/front_desk.hh"

namespace flagfall::slave {

/// Written by the front end's thread, read by any.
struct FrontLoopCounters {
  Counter accepted;
  Counter closed;           // for any reason; accepted - closed are open
  Counter evicted;          // before their first request, to make room for a new one
  Counter full;             // closed at once: nobody could be evicted
  Counter network_full;     // closed at once: their network has as many as it may
  Counter accept_errors;    // out of descriptors or memory
  Counter idle_timeouts;    // no octet in either direction
  Counter header_timeouts;  // a first request took too long
  Counter send_timeouts;    // the client did not take our answer
  Counter joined;           // to the content server
  Counter backend_failed;   // which did not take the connection: 502
  Counter resets;           // by the client, or its host
  Counter backend_resets;   // by the content server: the client's connection is reset, too
  Counter octets_to_backend;
  Counter octets_to_client;

  template <class F>
  void for_each(F&& f) const {
    f("front_accepted", accepted);
    f("front_closed", closed);
    f("front_evicted", evicted);
    f("front_full", full);
    f("front_network_full", network_full);
    f("front_accept_errors", accept_errors);
    f("front_idle_timeouts", idle_timeouts);
    f("front_header_timeouts", header_timeouts);
    f("front_send_timeouts", send_timeouts);
    f("front_joined", joined);
    f("front_backend_failed", backend_failed);
    f("front_resets", resets);
    f("front_backend_resets", backend_resets);
    f("front_octets_to_backend", octets_to_backend);
    f("front_octets_to_client", octets_to_client);
  }
};

class FrontLoop {
 public:
  struct Server {
    Endpoint listen;
    Endpoint backend;
    bool proxy_protocol = false;
  };
  struct Options {
    std::vector<Server> servers;
    FrontDesk::Options desk;
    http::RequestLimits limits;  // of a first request's header
    std::size_t connections = 10000;
    unsigned network_connections = 1000;
    unsigned prefix_v4 = 24;  // of a client network
    unsigned prefix_v6 = 56;
    Nanos header_timeout = std::chrono::seconds(10);
    Nanos idle_timeout = std::chrono::minutes(2);
    Nanos backend_timeout = std::chrono::seconds(3);
  };
  /// Called on the front end's thread.
  using Ask = std::function<void(FrontDesk::Question)>;

  /// Binds. Throws std::system_error. `clock` outlives it; `random` is only used here.
  FrontLoop(const Options& options, const Clock& clock, Random& random, Ask ask);
  /// Ends the thread, and all connections with it.
  ~FrontLoop();
  FrontLoop(const FrontLoop&) = delete;
  FrontLoop& operator=(const FrontLoop&) = delete;
  FrontLoop(FrontLoop&&) = delete;
  FrontLoop& operator=(FrontLoop&&) = delete;

  void start();
  // What the masters say; any thread.
  void use(std::shared_ptr<const FrontSites> sites);
  void session(std::size_t master, bool there);
  void answered(std::size_t master, wire::HomeAnswer answer);

  /// Where it really listens (ports, when 0 was asked for).
  [[nodiscard]] std::vector<Endpoint> local() const;
  /// Any thread: everything that it counts, f(name, value).
  template <class F>
  void for_each_counter(F f) const {
    desk().counters().for_each([&](const char* name, const Counter& c) { f(name, c.get()); });
    counters().for_each([&](const char* name, const Counter& c) { f(name, c.get()); });
  }

 private:
  struct Shell;
  [[nodiscard]] const FrontDesk& desk() const;
  [[nodiscard]] const FrontLoopCounters& counters() const;
  std::unique_ptr<Shell> shell_;
};

}  // namespace flagfall::slave
