#include "common/net/session_stream.hh"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <fmt/core.h>
#include <netinet/tcp.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>
#include <utility>

#include "common/net/openssl.hh"
#include "common/net/sockaddr.hh"

namespace flagfall::net {
namespace {

// One TLS record: what a read takes in before the messages in it are handled.
constexpr std::size_t kInput = std::size_t{16} * 1024;

std::string system_text(int error) {
  return std::generic_category().message(error);
}

/// What a peer's alert, or our own verdict, means to an operator.
std::string explain(unsigned long code, long verify) {  // NOLINT(google-runtime-int): OpenSSL's types
  switch (ERR_GET_REASON(code)) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return fmt::format("its certificate is not good: {}", X509_verify_cert_error_string(verify));
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "it has no certificate";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return "it refused our certificate: its CA did not sign it";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return "it refused our certificate: expired, by its clock";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
      return fmt::format("it refused our certificate: {}", ERR_reason_error_string(code));
    case SSL_R_NO_APPLICATION_PROTOCOL:
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
      return "it speaks TLS, but not flagfall's control protocol";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
      return "it does not speak TLS";
    default:
      break;
  }
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "TLS error";
}

}  // namespace

struct SessionStream::Impl : std::enable_shared_from_this<Impl> {
  struct FreeEvent {
    void operator()(bufferevent* freed) const { bufferevent_free(freed); }
  };
  std::unique_ptr<bufferevent, FreeEvent> event;
  Handler* handler = nullptr;
  wire::MessageReader reader;
  bool dialled = false;
  bool secure = false;
  bool heard = false;  // a message came
  bool finishing = false;
  Watch failure;  // a dial that failed at once

  [[nodiscard]] ssl_st* connection() const { return bufferevent_openssl_get_ssl(event.get()); }

  void start(Loop& loop, const TlsContext& context, int fd, bufferevent_ssl_state state) {
    // On failure libevent frees neither; there is nothing left to do but give up.
    event.reset(bufferevent_openssl_socket_new(loop.raw(), fd, context.new_connection(), state,
                                               BEV_OPT_CLOSE_ON_FREE));
    if (!event) throw std::bad_alloc();
    bufferevent_setcb(event.get(), read_callback, write_callback, event_callback, this);
    bufferevent_setwatermark(event.get(), EV_READ, 0, kInput);
    bufferevent_enable(event.get(), EV_READ | EV_WRITE);
  }

  /// The bufferevent goes; its socket is closed by the loop.
  void close() {
    handler = nullptr;
    event.reset();
  }

  void fail(CloseCause cause, const std::string& why) {
    Handler* const last = std::exchange(handler, nullptr);
    event.reset();
    if (last != nullptr) last->on_closed(cause, why);
  }

  static void read_callback(bufferevent* /*event*/, void* self) {
    static_cast<Impl*>(self)->shared_from_this()->read();
  }
  static void write_callback(bufferevent* /*event*/, void* self) {
    const auto impl = static_cast<Impl*>(self)->shared_from_this();
    if (impl->finishing && impl->event && impl->secure) impl->say_goodbye();
  }
  static void event_callback(bufferevent* /*event*/, short what, void* self) {  // NOLINT(google-runtime-int)
    static_cast<Impl*>(self)->shared_from_this()->happened(static_cast<unsigned>(what));
  }

  void happened(unsigned what) {
    if (!event) return;
    if ((what & BEV_EVENT_CONNECTED) != 0) {
      // Who offers no protocol at all passes OpenSSL's own check (RFC 7301 §3.2 lets it).
      if (!speaks_our_protocol(*connection()))
        return fail(CloseCause::handshake, "it speaks TLS, but not flagfall's control protocol");
      secure = true;
      const int one = 1;
      (void)setsockopt(bufferevent_getfd(event.get()), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      if (handler != nullptr) handler->on_secure();
      return;
    }
    int error = errno;  // libevent leaves the socket's error there
    unsigned long tls = bufferevent_get_openssl_error(event.get());  // NOLINT(google-runtime-int)
    if (ERR_SYSTEM_ERROR(tls)) error = ERR_GET_REASON(tls);
    if (ERR_SYSTEM_ERROR(tls) || ERR_GET_LIB(tls) == 0) tls = 0;  // libevent queues SSL_get_error's code, too
    const long verify = SSL_get_verify_result(connection());      // NOLINT(google-runtime-int)
    ERR_clear_error();
    const bool ended = (what & BEV_EVENT_EOF) != 0 || error == 0;
    // Our certificate is judged after our side of the handshake is done (TLS 1.3): the first that comes is an
    // alert.
    const bool early = !secure || (!heard && ERR_GET_REASON(tls) >= SSL_AD_REASON_OFFSET);
    if (tls != 0) return fail(early ? CloseCause::handshake : CloseCause::failed, explain(tls, verify));
    if (early && dialled && !ended && error != ECONNRESET && error != EPIPE)
      return fail(CloseCause::connect, system_text(error));
    if (early) return fail(CloseCause::handshake, "it closed the connection during the TLS handshake");
    if (ended) return fail(CloseCause::ended, "it closed the connection");
    fail(CloseCause::failed, system_text(error));
  }

  void read() {
    std::array<std::uint8_t, 4096> chunk{};
    while (event) {
      const std::size_t n = bufferevent_read(event.get(), chunk.data(), chunk.size());
      if (n == 0) return;
      if (!finishing) take(Bytes(chunk).first(n));
    }
  }

  void take(Bytes bytes) {
    wire::Message message;
    while (!bytes.empty() && event && !finishing) {
      bytes = bytes.subspan(reader.feed(bytes));
      const auto state = reader.next(message);
      if (state == wire::MessageReader::State::malformed) return fail(CloseCause::malformed, reader.error());
      if (state == wire::MessageReader::State::complete && handler != nullptr)
        handler->on_message(std::move(message));
    }
  }

  void say_goodbye() const {
    ERR_clear_error();
    (void)SSL_shutdown(connection());
    ERR_clear_error();
    (void)shutdown(bufferevent_getfd(event.get()), SHUT_WR);
  }
};

SessionStream::SessionStream(Loop& loop, const TlsContext& context, Fd accepted, Handler& handler)
    : impl_(std::make_shared<Impl>()) {
  impl_->handler = &handler;
  impl_->start(loop, context, accepted.release(), BUFFEREVENT_SSL_ACCEPTING);
}

SessionStream::SessionStream(Loop& loop, const TlsContext& context, const Endpoint& peer, Handler& handler)
    : impl_(std::make_shared<Impl>()) {
  impl_->handler = &handler;
  impl_->dialled = true;
  const SockAddr address(peer);
  Fd fd(socket(peer.ip.family == Family::v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
               0));
  if (fd && (connect(fd.get(), &address.any, address.length) == 0 || errno == EINPROGRESS)) {
    impl_->start(loop, context, fd.release(), BUFFEREVENT_SSL_CONNECTING);
    return;
  }
  impl_->failure = loop.after(Nanos(0), [impl = impl_.get(), error = errno] {
    impl->shared_from_this()->fail(CloseCause::connect, system_text(error));
  });
}

SessionStream::~SessionStream() {
  impl_->failure = Watch();
  impl_->close();
}

bool SessionStream::send(const wire::Message& message) {
  if (!impl_->event || impl_->finishing) return false;
  const auto frame = wire::encode(message);
  if (frame.empty()) return false;
  evbuffer* const output = bufferevent_get_output(impl_->event.get());
  if (evbuffer_get_length(output) + frame.size() > kOutput) return false;
  return bufferevent_write(impl_->event.get(), frame.data(), frame.size()) == 0;
}

void SessionStream::close() {
  impl_->close();
}

void SessionStream::finish() {
  if (!impl_->event || impl_->finishing) return;
  impl_->finishing = true;
  if (impl_->secure && evbuffer_get_length(bufferevent_get_output(impl_->event.get())) == 0)
    impl_->say_goodbye();
}

std::vector<std::string> SessionStream::names() const {
  return impl_->event && impl_->secure ? peer_names(*impl_->connection()) : std::vector<std::string>{};
}

RealTime SessionStream::peer_expires() const {
  return impl_->event && impl_->secure ? net::peer_expires(*impl_->connection()) : RealTime();
}

SealKey SessionStream::order_key() const {
  return export_order_key(*impl_->connection());
}

}  // namespace flagfall::net
