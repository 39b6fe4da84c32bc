#include "common/net/server_tls.hh"

#include <fmt/core.h>

#include <new>

#include "common/net/openssl.hh"
#include "common/net/pem_files.hh"
#include "common/net/tls.hh"

namespace flagfall::net {
namespace {

// TLS 1.2 with forward secrecy and AEAD only (RFC 9325 §4.2).
constexpr auto kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

}  // namespace

void ServerTls::Free::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}

Result<ServerTls> ServerTls::load(const std::string& certificate_file, const std::string& key_file,
                                  RealTime now) {
  auto certificate = read_certificate(certificate_file);
  if (!certificate) return Error{certificate.error()};
  auto key = read_key(key_file);
  if (!key) return Error{key.error()};
  if (X509_check_private_key(certificate->get(), key->get()) != 1) {
    ERR_clear_error();
    return Error{fmt::format("key {}: it does not belong to certificate {}", key_file, certificate_file)};
  }
  if (auto valid = check_validity(certificate_file, **certificate, now); !valid) return Error{valid.error()};
  ServerTls made;
  made.context_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = made.context_.get();
  if (context == nullptr) throw std::bad_alloc();
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  // One record a call: who sends key updates without end would never let a read return.
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_num_tickets(context, 0) != 1 || SSL_CTX_set_cipher_list(context, kCiphers) != 1 ||
      SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key->get()) != 1)
    return Error{fmt::format("certificate {}: {}", certificate_file, openssl_error())};
  made.names_ = certificate_names(**certificate);
  made.expires_ = to_real(X509_get0_notAfter(certificate->get()));
  return made;
}

ssl_st* ServerTls::new_connection() const {
  SSL* connection = SSL_new(context_.get());
  if (connection == nullptr) throw std::bad_alloc();
  return connection;
}

}  // namespace flagfall::net
