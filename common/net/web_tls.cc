#include "common/net/web_tls.hh"

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>

#include "common/base/bytes.hh"
#include "common/net/openssl.hh"

namespace flagfall::net {
namespace {

constexpr std::size_t kMostName = 253;
constexpr std::string_view kProtocol = "http/1.1";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// SNI. Who asks for a server that no certificate is for gets the first one, and may judge it.
int choose_certificate(SSL* connection, int* /*alert*/, void* tls) {
  const char* const name = SSL_get_servername(connection, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  std::string_view asked = name;
  if (asked.size() > 1 && asked.ends_with('.')) asked.remove_suffix(1);
  if (asked.size() > kMostName) return SSL_TLSEXT_ERR_NOACK;
  std::array<char, kMostName> room{};
  std::ranges::transform(asked, room.begin(), lower);
  SSL_CTX* const chosen = static_cast<const WebTls*>(tls)->context_for({room.data(), asked.size()});
  return SSL_set_SSL_CTX(connection, chosen) != nullptr ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int choose_protocol(SSL* /*connection*/, const unsigned char** out, unsigned char* out_length,
                    const unsigned char* in, unsigned in_length, void* /*unused*/) {
  ByteReader offers({in, in_length});
  while (offers.left() > 0) {
    const Bytes offer = offers.bytes(offers.u8());
    if (as_text(offer) != kProtocol) continue;
    *out = offer.data();
    *out_length = static_cast<unsigned char>(offer.size());
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

Result<std::shared_ptr<const WebTls>> WebTls::load(const std::vector<Files>& files, RealTime now) {
  const std::shared_ptr<WebTls> made(new WebTls);
  for (const Files& each : files) {
    auto loaded = ServerTls::load(each.certificate, each.key, now);
    if (!loaded) return Error{loaded.error()};
    SSL_CTX* const context = loaded->context();
    // Octets of a connection that waits take no memory.
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
    for (std::string name : loaded->names()) {
      std::ranges::transform(name, name.begin(), lower);
      made->by_name_.emplace(std::move(name), made->certificates_.size());
    }
    made->certificates_.push_back(std::move(*loaded));
  }
  if (made->certificates_.empty()) return Error{"there is no certificate"};
  SSL_CTX* const first = made->certificates_.front().context();
  SSL_CTX_set_tlsext_servername_callback(first, choose_certificate);
  SSL_CTX_set_tlsext_servername_arg(first, made.get());
  return std::shared_ptr<const WebTls>(made);
}

RealTime WebTls::expires() const {
  return std::ranges::min_element(certificates_, {}, &ServerTls::expires)->expires();
}

ssl_ctx_st* WebTls::context_for(std::string_view name) const noexcept {
  auto at = by_name_.find(std::string(name));
  if (const std::size_t dot = name.find('.');
      at == by_name_.end() && dot != std::string_view::npos && dot > 0)
    at = by_name_.find("*" + std::string(name.substr(dot)));
  return certificates_[at == by_name_.end() ? 0 : at->second].context();
}

void TlsStream::Free::operator()(ssl_st* connection) const {
  SSL_free(connection);
}

TlsStream::TlsStream(std::shared_ptr<const WebTls> tls, int fd)
    : tls_(std::move(tls)), connection_(tls_->new_connection()) {
  if (SSL_set_fd(connection_.get(), fd) != 1) throw std::bad_alloc();
  SSL_set_accept_state(connection_.get());
}

ssize_t TlsStream::failed(int result) noexcept {
  blocked_ = false;
  switch (SSL_get_error(connection_.get(), result)) {
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    case SSL_ERROR_WANT_WRITE:
      blocked_ = true;
      errno = EAGAIN;
      return -1;
    case SSL_ERROR_WANT_READ:
      errno = EAGAIN;
      return -1;
    case SSL_ERROR_SYSCALL:
      if (errno == 0 || errno == EAGAIN || errno == EINTR) errno = ECONNRESET;
      return -1;
    default:
      ERR_clear_error();
      errno = EPROTO;
      return -1;
  }
}

ssize_t TlsStream::read(std::span<char> room) noexcept {
  ERR_clear_error();
  errno = 0;
  std::size_t got = 0;
  const int result = SSL_read_ex(connection_.get(), room.data(), room.size(), &got);
  return result == 1 ? static_cast<ssize_t>(got) : failed(result);
}

ssize_t TlsStream::write(std::string_view octets) noexcept {
  ERR_clear_error();
  errno = 0;
  std::size_t done = 0;
  const int result = SSL_write_ex(connection_.get(), octets.data(), octets.size(), &done);
  if (result == 1) return static_cast<ssize_t>(done);
  const ssize_t why = failed(result);
  if (why == 0) errno = EPIPE;
  return -1;
}

void TlsStream::end() noexcept {
  if (!established()) return;
  ERR_clear_error();
  (void)SSL_shutdown(connection_.get());
  ERR_clear_error();
}

bool TlsStream::established() const noexcept {
  return SSL_is_init_finished(connection_.get()) == 1;
}

}  // namespace flagfall::net
