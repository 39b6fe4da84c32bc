// The open connections of one admin listener, bounded in number and in time: one
// that does not bring a whole request, or take its whole reply, in time is cut,
// however it trickles. evhttp owns the connections; this holds a reference to
// each one's bufferevent and looks now and then which are gone. Loop thread only.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/time.hh"
#include "common/net/loop.hh"

struct bufferevent;

namespace flagfall::net {

struct AdminLimits {
  std::size_t connections = 64;
  /// From the connection, or the end of the last reply, to a whole request (TLS handshake included).
  Nanos request = std::chrono::seconds(15);
  /// To take a whole reply.
  Nanos reply = std::chrono::seconds(60);
};

struct AdminConnectionCounters {
  std::uint64_t accepted = 0;
  std::uint64_t evicted = 0;    // cut, as they were too many
  std::uint64_t timed_out = 0;  // cut, as they took too long
};

class AdminConnections {
 public:
  AdminConnections(Loop& loop, const AdminLimits& limits);
  ~AdminConnections();
  AdminConnections(const AdminConnections&) = delete;
  AdminConnections& operator=(const AdminConnections&) = delete;
  AdminConnections(AdminConnections&&) = delete;
  AdminConnections& operator=(AdminConnections&&) = delete;

  /// A new one, whose descriptor evhttp sets when the caller returns. When there are too many, the one that
  /// has brought no request for longest is cut; when all are being served, this one.
  void add(bufferevent* stream);
  /// A whole request came: our time runs now, not the client's.
  void serving(const bufferevent* stream);
  /// Its reply goes out.
  void replying(const bufferevent* stream);
  /// The reply has gone out.
  void replied(const bufferevent* stream);

  [[nodiscard]] const AdminConnectionCounters& counters() const { return counters_; }
  /// As of the last look.
  [[nodiscard]] std::size_t open() const { return all_.size(); }

 private:
  enum class Stage : std::uint8_t { request, serving, reply };
  struct One {
    bufferevent* stream = nullptr;  // with a reference
    Stage stage = Stage::request;
    MonoTime since;
    bool cut = false;
  };
  void enter(const bufferevent* stream, Stage stage);
  void sweep();
  void forget_closed();
  static void cut(One& one);

  AdminLimits limits_;
  SystemClock clock_;
  std::vector<One> all_;
  AdminConnectionCounters counters_;
  Watch sweeper_;
  Loop& loop_;
  Watch soon_;
};

}  // namespace flagfall::net
