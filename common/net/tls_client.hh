// TLS on a connected, blocking socket, as a client that trusts CAs and wants a
// name: what the operator's command speaks to an admin listener with. The
// sessions of masters and slaves are session_stream.hh's. One thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/base/bytes.hh"
#include "common/base/result.hh"
#include "common/net/fd.hh"

struct ssl_st;
struct ssl_ctx_st;

namespace flagfall::net {

class TlsClient {
 public:
  /// Shakes hands: TLS 1.2 at least, a certificate for `host` (a name or an address) by one of the CAs in
  /// `ca`, a PEM file; empty: by one that this host trusts. `fd` outlives the connection; its time limits
  /// hold. Errors say what is wrong with the peer, or to do.
  static Result<TlsClient> open(const Fd& fd, const std::string& host, const std::string& ca);

  /// All of it.
  Status send(std::string_view bytes);
  /// What has come, at most `room`; 0 at the end.
  Result<std::size_t> receive(MutableBytes room);

 private:
  struct Free {
    void operator()(ssl_st* connection) const;
    void operator()(ssl_ctx_st* context) const;
  };
  TlsClient() = default;
  std::unique_ptr<ssl_ctx_st, Free> context_;
  std::unique_ptr<ssl_st, Free> ssl_;
};

}  // namespace flagfall::net
