// TLS for web clients: several certificates, chosen by the name that a client asks for (SNI, RFC 6066 §3),
// and connections that are read and written like sockets. HTTP/1.1 alone is spoken (ALPN, RFC 7301).
#pragma once

#include <sys/types.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/net/server_tls.hh"

namespace flagfall::net {

/// Immutable; any thread. Connections keep it.
class WebTls {
 public:
  struct Files {
    std::string certificate;
    std::string key;
  };
  /// The first one is for clients that name no server, or one that none is for. Reads files.
  static Result<std::shared_ptr<const WebTls>> load(const std::vector<Files>& files, RealTime now);

  /// When the first certificate ends.
  [[nodiscard]] RealTime expires() const;
  [[nodiscard]] ssl_st* new_connection() const { return certificates_.front().new_connection(); }
  /// Of the certificate for this server, in lower case: exact, otherwise by a wildcard for one label (RFC
  /// 9525 §6.3), otherwise the first one's.
  [[nodiscard]] ssl_ctx_st* context_for(std::string_view name) const noexcept;

 private:
  WebTls() = default;
  std::vector<ServerTls> certificates_;
  std::unordered_map<std::string, std::size_t> by_name_;  // "*.x.test" as it is
};

/// The server's end of a connection. Its calls say what recv() and send() would: -1 and EAGAIN when the
/// socket must be waited for, -1 and EPROTO for octets that are no TLS or not ours; 0 at its end.
class TlsStream {
 public:
  /// `fd` outlives it, and does not block.
  TlsStream(std::shared_ptr<const WebTls> tls, int fd);

  [[nodiscard]] ssize_t read(std::span<char> room) noexcept;
  /// What was not written is to be shown again.
  [[nodiscard]] ssize_t write(std::string_view octets) noexcept;
  /// Tells the client that no more is written.
  void end() noexcept;
  /// After EAGAIN of read(): it waits until the socket can be written to.
  [[nodiscard]] bool blocked() const noexcept { return blocked_; }
  /// The handshake is over.
  [[nodiscard]] bool established() const noexcept;

 private:
  struct Free {
    void operator()(ssl_st* connection) const;
  };
  [[nodiscard]] ssize_t failed(int result) noexcept;

  std::shared_ptr<const WebTls> tls_;  // its certificates are looked at in the handshake
  std::unique_ptr<ssl_st, Free> connection_;
  bool blocked_ = false;
};

}  // namespace flagfall::net
