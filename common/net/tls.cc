#include "common/net/tls.hh"

#include <fmt/core.h>

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "common/net/openssl.hh"
#include "common/net/pem_files.hh"

namespace flagfall::net {
namespace {

// RFC 7301: a length octet, then the name.
constexpr std::array<std::uint8_t, 9> kAlpn{8, 'f', 'l', 'a', 'g', 'f', 'a', 'l', 'l'};
constexpr std::string_view kOrderLabel = "EXPORTER-flagfall-orders";

/// By the CA, for this role, at this time: what the peer will check.
Status check_signature(SSL_CTX* context, X509* certificate, TlsRole role, const TlsFiles& files,
                       RealTime now) {
  const std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>> check(X509_STORE_CTX_new());
  if (!check || X509_STORE_CTX_init(check.get(), SSL_CTX_get_cert_store(context), certificate, nullptr) != 1)
    return Error{fmt::format("certificate {}: {}", files.certificate, openssl_error())};
  X509_STORE_CTX_set_default(check.get(), role == TlsRole::server ? "ssl_server" : "ssl_client");
  X509_STORE_CTX_set_time(check.get(), 0, static_cast<std::time_t>(to_ns(now) / 1'000'000'000));
  const bool good = X509_verify_cert(check.get()) == 1;
  ERR_clear_error();
  if (good) return Ok{};
  return Error{fmt::format("certificate {}: the CA in {} does not vouch for it ({})", files.certificate,
                           files.ca, X509_verify_cert_error_string(X509_STORE_CTX_get_error(check.get())))};
}

/// A server takes `flagfall` or nothing.
int choose_protocol(SSL* /*connection*/, const unsigned char** out, unsigned char* out_length,
                    const unsigned char* in, unsigned in_length, void* /*unused*/) {
  const Bytes wanted = Bytes(kAlpn).subspan(1);
  ByteReader offers({in, in_length});
  while (offers.left() > 0) {
    const Bytes offer = offers.bytes(offers.u8());
    if (!std::ranges::equal(offer, wanted)) continue;
    *out = offer.data();
    *out_length = static_cast<unsigned char>(offer.size());
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

bool configure(SSL_CTX* context, TlsRole role) {
  // Messages carry their length, so an end without close_notify hides nothing: it is an end, not an error.
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  if (role == TlsRole::server)
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  else if (SSL_CTX_set_alpn_protos(context, kAlpn.data(), kAlpn.size()) != 0)
    return false;
  return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_num_tickets(context, 0) == 1;
}

bool printable(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 0x20 && c <= 0x7e; });
}

std::string_view view(const ASN1_STRING* text) {
  return as_text({ASN1_STRING_get0_data(text), static_cast<std::size_t>(ASN1_STRING_length(text))});
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}

Result<TlsContext> TlsContext::load(TlsRole role, const TlsFiles& files, RealTime now) {
  TlsContext made;
  made.context_.reset(SSL_CTX_new(role == TlsRole::server ? TLS_server_method() : TLS_client_method()));
  SSL_CTX* context = made.context_.get();
  if (context == nullptr || !configure(context, role))
    throw std::runtime_error(fmt::format("OpenSSL cannot do TLS 1.3: {}", openssl_error()));

  const auto ca_expires = pem_expiry(files.ca, "CA", " (make one with `flagfall keygen --ca DIR`)");
  if (!ca_expires) return Error{ca_expires.error()};
  if (SSL_CTX_load_verify_file(context, files.ca.c_str()) != 1) {
    ERR_clear_error();
    return Error{fmt::format("CA {}: there is no PEM certificate in it", files.ca)};
  }
  auto certificate = read_certificate(files.certificate);
  if (!certificate) return Error{certificate.error()};
  auto key = read_key(files.key);
  if (!key) return Error{key.error()};
  if (X509_check_private_key(certificate->get(), key->get()) != 1) {
    ERR_clear_error();
    return Error{fmt::format("key {}: it does not belong to certificate {}", files.key, files.certificate)};
  }
  if (auto valid = check_validity(files.certificate, **certificate, now); !valid) return Error{valid.error()};
  if (auto vouched = check_signature(context, certificate->get(), role, files, now); !vouched)
    return Error{vouched.error()};
  if (SSL_CTX_use_certificate(context, certificate->get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key->get()) != 1)
    return Error{fmt::format("certificate {}: {}", files.certificate, openssl_error())};

  const auto names = certificate_names(**certificate);
  if (names.empty())
    return Error{
        fmt::format("certificate {}: it has no name (a dNSName or a common name)", files.certificate)};
  made.name_ = names.front();
  made.expires_ = to_real(X509_get0_notAfter(certificate->get()));
  made.ca_expires_ = *ca_expires;
  return made;
}

ssl_st* TlsContext::new_connection() const {
  SSL* connection = SSL_new(context_.get());
  if (connection == nullptr) throw std::bad_alloc();
  return connection;
}

std::vector<std::string> certificate_names(const x509_st& certificate) {
  std::vector<std::string> names;
  const auto add = [&](std::string_view name) {
    if (printable(name)) names.emplace_back(name);
  };
  using Names = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;
  const Names alternatives(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  bool any = false;
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives.get(), i);
    if (name->type != GEN_DNS) continue;
    any = true;
    add(view(name->d.dNSName));
  }
  if (any) return names;  // a common name beside them means nothing (RFC 9525 §6.3)
  const X509_NAME* subject = X509_get_subject_name(&certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at >= 0) add(view(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
  return names;
}

RealTime peer_expires(const ssl_st& connection) {
  const X509* certificate = SSL_get0_peer_certificate(&connection);
  return certificate == nullptr ? RealTime() : to_real(X509_get0_notAfter(certificate));
}

std::vector<std::string> peer_names(const ssl_st& connection) {
  const X509* certificate = SSL_get0_peer_certificate(&connection);
  return certificate == nullptr ? std::vector<std::string>{} : certificate_names(*certificate);
}

bool speaks_our_protocol(const ssl_st& connection) {
  const unsigned char* name = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(&connection, &name, &length);
  return std::ranges::equal(Bytes(name, length), Bytes(kAlpn).subspan(1));
}

SealKey export_order_key(ssl_st& connection) {
  std::array<std::uint8_t, 2 * kSealKeySize> exported{};  // the second half is reserved
  if (SSL_export_keying_material(&connection, exported.data(), exported.size(), kOrderLabel.data(),
                                 kOrderLabel.size(), nullptr, 0, 0) != 1)
    throw std::runtime_error(fmt::format("TLS exporter: {}", openssl_error()));
  SealKey key{};
  std::copy_n(exported.begin(), key.size(), key.begin());
  OPENSSL_cleanse(exported.data(), exported.size());
  return key;
}

std::string expiry_warning(const std::string& file, RealTime expires, RealTime now) {
  const auto days = std::chrono::floor<std::chrono::days>(expires - now).count();
  if (days >= 30) return {};
  return fmt::format("certificate {}: it expires on {}, in {} days; renew it with `flagfall keygen --force`",
                     file, utc_text(expires), days);
}

}  // namespace flagfall::net
