// A TCP server on a loop: a cap on connections, an idle time-out that a trickle
// of bytes does not stretch, bounded buffers, answers in the order of the
// requests. What the bytes mean is the Protocol's. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "common/base/bytes.hh"
#include "common/base/counters.hh"
#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "common/net/fd.hh"
#include "common/net/loop.hh"

namespace flagfall::net {

/// A bound, listening, non-blocking socket; `reuse_port` as for UDP; `backlog`: connections that nobody has
/// accepted yet. Throws std::system_error that names the address and says what to do.
Fd tcp_listener(const Endpoint& local, bool reuse_port, int backlog = 256);

/// What one connection's bytes mean; made anew for each connection.
class TcpProtocol {
 public:
  virtual ~TcpProtocol() = default;

  struct Step {
    std::size_t taken = 0;  // of `bytes`; less only when the call ended at a message
    Bytes reply;            // sent as it is; valid until the next call
    bool message = false;   // a whole message came: the idle time starts again
    bool close = false;     // send what there is, then close
  };
  /// Bytes as they come, at any split. Called again with what was not taken.
  virtual Step take(Bytes bytes) = 0;

 protected:
  TcpProtocol() = default;
  TcpProtocol(const TcpProtocol&) = default;
  TcpProtocol& operator=(const TcpProtocol&) = default;
};

struct TcpOptions {
  std::size_t connections = 1000;  // one more closes the one that was idle longest
  Nanos idle = std::chrono::seconds(10);
  /// A client that does not read its answers is not read from beyond this.
  std::size_t most_unsent = 128 * std::size_t{1024};
};

/// Written by the loop, read by any thread.
struct TcpCounters {
  Counter accepted;
  Counter evicted;  // closed to make room for a new one
  Counter idle_closed;
  Counter accept_errors;  // out of descriptors or memory
  Counter closed;         // for any reason; accepted - closed are open
};

class TcpServer {
 public:
  using MakeProtocol = std::function<std::unique_ptr<TcpProtocol>(const Endpoint& peer)>;
  TcpServer(Loop& loop, Fd listener, TcpOptions options, MakeProtocol make);
  ~TcpServer();
  TcpServer(const TcpServer&) = delete;
  TcpServer& operator=(const TcpServer&) = delete;
  TcpServer(TcpServer&&) = delete;
  TcpServer& operator=(TcpServer&&) = delete;

  [[nodiscard]] const TcpCounters& counters() const;

 private:
  struct Shell;
  std::unique_ptr<Shell> shell_;
};

}  // namespace flagfall::net
