// TLS 1.3 with certificates on both sides: a context loaded from three files, or
// one line that says what is wrong with them. A context never changes after
// load(); connections keep the one that they were made with. Connections are session_stream.hh's.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.hh"
#include "common/base/time.hh"
#include "common/net/seal.hh"

struct ssl_st;
struct ssl_ctx_st;
struct x509_st;

namespace flagfall::net {

/// PEM files. The CA file may hold several certificates (a CA that is being replaced).
struct TlsFiles {
  std::string ca;
  std::string certificate;
  std::string key;
};

enum class TlsRole : std::uint8_t { client, server };

class TlsContext {
 public:
  /// Checks all that can be checked before the first connection: the files are
  /// there, PEM, the key is private (mode 0600 or stricter) and belongs to the
  /// certificate, which is valid at `now` and signed by the CA.
  static Result<TlsContext> load(TlsRole role, const TlsFiles& files, RealTime now);

  /// Our certificate's name, as a peer will see it.
  [[nodiscard]] const std::string& name() const { return name_; }
  /// When our certificate ends.
  [[nodiscard]] RealTime expires() const { return expires_; }
  /// When the last of the CA's certificates does.
  [[nodiscard]] RealTime ca_expires() const { return ca_expires_; }
  /// A new connection's state; the caller owns it.
  [[nodiscard]] ssl_st* new_connection() const;

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  TlsContext() = default;
  std::unique_ptr<ssl_ctx_st, Free> context_;
  std::string name_;
  RealTime expires_;
  RealTime ca_expires_;
};

/// dNSName subject alternative names in their order; without any, the common
/// name. Names that do not print (or hold a NUL) are left out.
std::vector<std::string> certificate_names(const x509_st& certificate);

/// The same of the peer of a finished handshake; empty without a certificate.
std::vector<std::string> peer_names(const ssl_st& connection);

/// When that peer's certificate ends; the epoch without one.
RealTime peer_expires(const ssl_st& connection);

/// Whether ALPN (RFC 7301) chose our protocol; of a finished handshake.
bool speaks_our_protocol(const ssl_st& connection);

/// The key that seals orders, from the connection's exporter (RFC 8446 §7.5).
SealKey export_order_key(ssl_st& connection);

/// A line for a line: days until `expires`, when that is less than 30 days away; else empty.
std::string expiry_warning(const std::string& file, RealTime expires, RealTime now);

}  // namespace flagfall::net
