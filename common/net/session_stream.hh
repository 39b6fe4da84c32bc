// One control connection: TLS (libevent's bufferevent_openssl) that carries
// session messages. Bounded both ways: one frame and one read of input, kOutput
// octets of output. Loop thread only. It decides nothing; the cores do. The process
// ignores SIGPIPE (common/daemon sees to it): OpenSSL writes with write(2).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/ip.hh"
#include "common/net/fd.hh"
#include "common/net/loop.hh"
#include "common/net/seal.hh"
#include "common/net/tls.hh"
#include "common/wire/session.hh"

namespace flagfall::net {

using wire::CloseCause;

class SessionStream {
 public:
  /// Unsent octets at most; a peer that reads nothing must not cost more.
  static constexpr std::size_t kOutput = std::size_t{256} * 1024;

  class Handler {
   public:
    virtual ~Handler() = default;
    /// The handshake is done on our side; names() and order_key() are there.
    virtual void on_secure() = 0;
    virtual void on_message(wire::Message&& message) = 0;
    /// Once, and last. Not after close(). `why` is one line without the peer's address.
    virtual void on_closed(CloseCause cause, const std::string& why) = 0;

   protected:
    Handler() = default;
    Handler(const Handler&) = default;
    Handler& operator=(const Handler&) = default;
  };

  /// The server's end of an accepted socket. `context` and `handler` outlive the stream.
  SessionStream(Loop& loop, const TlsContext& context, Fd accepted, Handler& handler);
  /// The client's end: dials `peer`. A failure at once comes through on_closed, too, from the loop.
  SessionStream(Loop& loop, const TlsContext& context, const Endpoint& peer, Handler& handler);
  /// May happen within a handler call.
  ~SessionStream();
  SessionStream(const SessionStream&) = delete;
  SessionStream& operator=(const SessionStream&) = delete;
  SessionStream(SessionStream&&) = delete;
  SessionStream& operator=(SessionStream&&) = delete;

  /// False, and nothing queued, when the stream is closed, kOutput would be exceeded, or the message breaks a
  /// limit.
  bool send(const wire::Message& message);
  /// At once; what is unsent is lost. No handler call comes afterwards.
  void close();
  /// After all that was queued has been sent, says goodbye to the peer, whose end then closes
  /// (on_closed). The owner sets the time limit. Messages that still come are dropped.
  void finish();

  /// The peer's certificate's names; empty before on_secure.
  [[nodiscard]] std::vector<std::string> names() const;
  /// When that ends; the epoch before on_secure.
  [[nodiscard]] RealTime peer_expires() const;
  /// Only after on_secure, before close().
  [[nodiscard]] SealKey order_key() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace flagfall::net
