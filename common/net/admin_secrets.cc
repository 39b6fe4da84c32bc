#include "common/net/admin_secrets.hh"

#include <fmt/core.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <new>
#include <system_error>

#include "common/base/bytes.hh"
#include "common/net/openssl.hh"
#include "common/net/pem_files.hh"

namespace flagfall::net {
namespace {

constexpr std::size_t kLeastToken = 16, kMostToken = 512;
// TLS 1.2 with forward secrecy and AEAD only (RFC 9325 §4.2).
constexpr auto kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

std::array<std::uint8_t, 32> digest_of(std::string_view text) {
  std::array<std::uint8_t, 32> out{};
  SHA256(as_bytes(text).data(), text.size(), out.data());
  return out;
}

}  // namespace

Result<AdminToken> AdminToken::from(std::string_view text) {
  if (text.size() < kLeastToken || text.size() > kMostToken ||
      !std::ranges::all_of(text, [](char c) { return c > 0x20 && c <= 0x7e; }))
    return Error{fmt::format("it must be one line of {} to {} printable characters without a space",
                             kLeastToken, kMostToken)};
  AdminToken made;
  made.digest_ = digest_of(text);
  return made;
}

Result<AdminToken> AdminToken::load(const std::string& file) {
  const std::string make = fmt::format("make one with `(umask 077; openssl rand -hex 32 > {})`", file);
  struct stat status {};
  if (stat(file.c_str(), &status) != 0)
    return Error{fmt::format("token {}: {} ({})", file, std::generic_category().message(errno), make)};
  if ((status.st_mode & 077) != 0)
    return Error{fmt::format("token {}: others than its owner may read it (mode {:04o}); run `chmod 600 {}`",
                             file, status.st_mode & 07777, file)};
  std::ifstream in(file);
  std::string text(kMostToken + 2, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in && !in.eof())
    return Error{fmt::format("token {}: it must be readable by the user that runs this daemon", file)};
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.ends_with('\n')) text.pop_back();
  auto token = from(text);
  OPENSSL_cleanse(text.data(), text.size());
  if (!token) return Error{fmt::format("token {}: {}; {}", file, token.error(), make)};
  return token;
}

bool AdminToken::matches(std::string_view shown) const {
  const auto digest = digest_of(shown);
  return CRYPTO_memcmp(digest.data(), digest_.data(), digest.size()) == 0;
}

void AdminTls::Free::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}

Result<AdminTls> AdminTls::load(const std::string& certificate_file, const std::string& key_file,
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
  AdminTls made;
  made.context_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = made.context_.get();
  if (context == nullptr) throw std::bad_alloc();
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_num_tickets(context, 0) != 1 || SSL_CTX_set_cipher_list(context, kCiphers) != 1 ||
      SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key->get()) != 1)
    return Error{fmt::format("certificate {}: {}", certificate_file, openssl_error())};
  made.expires_ = to_real(X509_get0_notAfter(certificate->get()));
  return made;
}

ssl_st* AdminTls::new_connection() const {
  SSL* connection = SSL_new(context_.get());
  if (connection == nullptr) throw std::bad_alloc();
  return connection;
}

Result<AdminSecrets> AdminSecrets::load(const AdminFiles& files, RealTime now) {
  AdminSecrets made;
  if (!files.certificate.empty()) {
    auto tls = AdminTls::load(files.certificate, files.key, now);
    if (!tls) return Error{"admin listener: " + tls.error()};
    made.tls = std::move(*tls);
  }
  if (!files.token.empty()) {
    auto token = AdminToken::load(files.token);
    if (!token) return Error{"admin listener: " + token.error()};
    made.token = *token;
  }
  if (!files.report_token.empty()) {
    auto token = AdminToken::load(files.report_token);
    if (!token) return Error{"admin listener: " + token.error()};
    if (made.token == *token)
      return Error{fmt::format("admin listener: token {}: it is the operator's, too; make another",
                               files.report_token)};
    made.report_token = *token;
  }
  return made;
}

}  // namespace flagfall::net
