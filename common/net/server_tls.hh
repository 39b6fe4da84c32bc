// A TLS server's certificate and key, for clients that anybody may be: browsers, Prometheus. TLS 1.3 or 1.2,
// certificates on the server's side only. A context never changes after load(); connections keep the one
// that they were made with. Start-up and reload: reads files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.hh"
#include "common/base/time.hh"

struct ssl_st;
struct ssl_ctx_st;

namespace flagfall::net {

class ServerTls {
 public:
  /// PEM: the certificate, with those between it and its CA behind it; a key of mode 0600 or stricter.
  static Result<ServerTls> load(const std::string& certificate, const std::string& key, RealTime now);
  /// When the certificate ends.
  [[nodiscard]] RealTime expires() const { return expires_; }
  /// The servers that it is for, as certificate_names() has them.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  /// A new connection's state; the caller owns it.
  [[nodiscard]] ssl_st* new_connection() const;
  [[nodiscard]] ssl_ctx_st* context() const { return context_.get(); }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  ServerTls() = default;
  std::unique_ptr<ssl_ctx_st, Free> context_;
  std::vector<std::string> names_;
  RealTime expires_;
};

}  // namespace flagfall::net
