#include "common/net/tls_client.hh"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <system_error>

#include "common/base/ip.hh"
#include "common/net/openssl.hh"

namespace flagfall::net {
namespace {

/// After a call on `ssl` that failed with `result`.
std::string trouble(const ssl_st* ssl, int result) {
  const int saved = errno;
  const int kind = SSL_get_error(ssl, result);
  if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) return "no answer in time";
  if (kind == SSL_ERROR_SYSCALL && ERR_peek_error() == 0)
    return saved == 0 ? "the peer closed the connection" : std::generic_category().message(saved);
  return openssl_error();
}

}  // namespace

void TlsClient::Free::operator()(ssl_st* connection) const {
  SSL_free(connection);
}
void TlsClient::Free::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}

Result<TlsClient> TlsClient::open(const Fd& fd, const std::string& host, const std::string& ca) {
  TlsClient out;
  out.context_.reset(SSL_CTX_new(TLS_client_method()));
  if (!out.context_) return Error{"TLS: " + openssl_error()};
  SSL_CTX_set_min_proto_version(out.context_.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(out.context_.get(), SSL_VERIFY_PEER, nullptr);
  // A server that closes without a word has still sent its whole answer: HTTP says how long that is.
  SSL_CTX_set_options(out.context_.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  const int loaded = ca.empty() ? SSL_CTX_set_default_verify_paths(out.context_.get())
                                : SSL_CTX_load_verify_file(out.context_.get(), ca.c_str());
  if (loaded != 1) {
    ERR_clear_error();
    return Error{fmt::format("{}: no certificates of CAs in PEM can be read there", ca.empty() ? "CAs" : ca)};
  }
  out.ssl_.reset(SSL_new(out.context_.get()));
  if (!out.ssl_) return Error{"TLS: " + openssl_error()};
  X509_VERIFY_PARAM* wanted = SSL_get0_param(out.ssl_.get());
  const bool address = parse_ip(host).ok();
  const int set = address ? X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str())
                          : X509_VERIFY_PARAM_set1_host(wanted, host.c_str(), host.size());
  if (set != 1 || SSL_set_fd(out.ssl_.get(), fd.get()) != 1) return Error{"TLS: " + openssl_error()};
  if (!address) SSL_set_tlsext_host_name(out.ssl_.get(), host.c_str());
  ERR_clear_error();
  errno = 0;
  if (const int shaken = SSL_connect(out.ssl_.get()); shaken != 1) {
    const auto verdict = SSL_get_verify_result(out.ssl_.get());
    if (verdict == X509_V_OK) return Error{"TLS: " + trouble(out.ssl_.get(), shaken)};
    ERR_clear_error();
    return Error{fmt::format("TLS: its certificate is not trusted for {}: {}", host,
                             X509_verify_cert_error_string(verdict))};
  }
  return out;
}

Status TlsClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    ERR_clear_error();
    errno = 0;
    const int n =
        SSL_write(ssl_.get(), bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX)));
    if (n <= 0) return Error{"TLS: " + trouble(ssl_.get(), n)};
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return Ok{};
}

Result<std::size_t> TlsClient::receive(MutableBytes room) {
  ERR_clear_error();
  errno = 0;
  const int n =
      SSL_read(ssl_.get(), room.data(), static_cast<int>(std::min<std::size_t>(room.size(), INT_MAX)));
  if (n > 0) return static_cast<std::size_t>(n);
  if (SSL_get_error(ssl_.get(), n) == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
  return Error{"TLS: " + trouble(ssl_.get(), n)};
}

}  // namespace flagfall::net
