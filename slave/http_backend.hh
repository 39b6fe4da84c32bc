// Connections to one HTTP server of this site, which is asked for what is raced: few, kept, each with one
// request at a time and a buffer of fixed size. The shell; what answers mean is ResponseReader's and
// ContentDesk's. Loop thread only. Asking on a connection that is there allocates nothing.
#pragma once

#include <memory>
#include <vector>

#include "common/base/time.hh"
#include "common/net/loop.hh"
#include "slave/content_desk.hh"

namespace flagfall::slave {

class HttpBackend {
 public:
  struct Options {
    Endpoint to;
    Nanos timeout = std::chrono::milliseconds(500);  // of one answer, its connection included
    unsigned connections = 32;
  };
  /// All references outlive the object. `desk` gets the answers, and counts what else becomes of asks.
  HttpBackend(net::Loop& loop, const Clock& clock, const Options& options, ContentDesk& desk);
  ~HttpBackend();
  HttpBackend(const HttpBackend&) = delete;
  HttpBackend& operator=(const HttpBackend&) = delete;
  HttpBackend(HttpBackend&&) = delete;
  HttpBackend& operator=(HttpBackend&&) = delete;

  void ask(const ContentWish& wish, Bytes request);

 private:
  struct Connection;
  static bool quiet(const Connection& c);
  void connect(Connection& c);
  void connected(Connection& c);
  void send(Connection& c);
  void readable(Connection& c);
  void take(Connection& c, std::size_t octets);
  /// The server has ended the connection, or the host has.
  void lost(Connection& c);
  /// What was asked is over; the connection waits for the next.
  void rest(Connection& c);
  void close(Connection& c);
  void give_up(Connection& c, Counter& why);
  void sweep();

  net::Loop& loop_;     // NOLINT(*-ref-data-members)
  const Clock& clock_;  // NOLINT(*-ref-data-members)
  Options options_;
  ContentDesk& desk_;  // NOLINT(*-ref-data-members)
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> idle_;  // who was used last is used next
  std::vector<Connection*> closed_;
  net::Watch sweeper_;
};

}  // namespace flagfall::slave
