#include "common/net/http_get.hh"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http.h>

#include <algorithm>
#include <utility>

#include "common/net/openssl.hh"

namespace flagfall::net {
namespace {

constexpr ev_ssize_t kMostHeaders = 16 * ev_ssize_t{1024};

/// Null when OpenSSL has no memory left.
bufferevent* tls_stream(event_base* base, const std::string& host) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  if (!context) return nullptr;
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL* const connection = SSL_new(context.get());  // the stream's from here on
  if (connection == nullptr) return nullptr;
  if (!host.empty() && !parse_ip(host).ok()) SSL_set_tlsext_host_name(connection, host.c_str());
  return bufferevent_openssl_socket_new(base, -1, connection, BUFFEREVENT_SSL_CONNECTING,
                                        BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
}

}  // namespace

struct HttpGet::Impl {
  struct Free {
    void operator()(evhttp_connection* http) const { evhttp_connection_free(http); }
  };
  Loop& loop;
  Done done;
  HttpReply reply;
  std::unique_ptr<evhttp_connection, Free> connection;  // its end frees the request, too
  Watch soon;

  Impl(Loop& the_loop, Done the_done) : loop(the_loop), done(std::move(the_done)) {}

  void finish(Result<HttpReply> result) {
    if (!done) return;
    // Not within evhttp's own callbacks.
    soon = loop.after(Nanos(0),
                      [tell = std::exchange(done, nullptr), result = std::move(result)] { tell(result); });
  }
  void take(evhttp_request* request) {
    evbuffer* const input = evhttp_request_get_input_buffer(request);
    const std::size_t n = std::min(evbuffer_get_length(input), kMostBody - reply.body.size());
    const std::size_t before = reply.body.size();
    reply.body.resize(before + n);
    (void)evbuffer_copyout(input, reply.body.data() + before, n);
  }
  static void on_part(evhttp_request* request, void* self) {
    auto& impl = *static_cast<Impl*>(self);
    impl.reply.status = evhttp_request_get_response_code(request);
    impl.take(request);  // evhttp drains it
    if (impl.reply.body.size() == kMostBody) impl.finish(std::move(impl.reply));
  }
  static void on_end(evhttp_request* request, void* self) {
    auto& impl = *static_cast<Impl*>(self);
    if (request == nullptr || evhttp_request_get_response_code(request) == 0)
      return impl.finish(Error{"no connection, or an answer that is no HTTP"});
    impl.reply.status = evhttp_request_get_response_code(request);
    impl.take(request);
    impl.finish(std::move(impl.reply));
  }
};

HttpGet::HttpGet(Loop& loop, const HttpQuestion& question, Done done)
    : impl_(std::make_unique<Impl>(loop, std::move(done))) {
  const std::string address = to_string(question.to.ip);
  const std::string host = question.host.empty() ? to_string(question.to) : question.host;
  bufferevent* const stream = question.tls ? tls_stream(loop.raw(), question.host) : nullptr;
  if (question.tls && stream == nullptr) {
    impl_->finish(Error{"TLS: " + openssl_error()});
    return;
  }
  impl_->connection.reset(
      evhttp_connection_base_bufferevent_new(loop.raw(), nullptr, stream, address.c_str(), question.to.port));
  if (!impl_->connection) {
    impl_->finish(Error{"out of memory"});
    return;
  }
  evhttp_connection_set_max_headers_size(impl_->connection.get(), kMostHeaders);
  evhttp_request* const request = evhttp_request_new(Impl::on_end, impl_.get());
  evhttp_request_set_chunked_cb(request, Impl::on_part);
  evkeyvalq* const fields = evhttp_request_get_output_headers(request);
  evhttp_add_header(fields, "Host", host.c_str());
  evhttp_add_header(fields, "User-Agent", "flagfall/" FLAGFALL_VERSION);
  evhttp_add_header(fields, "Connection", "close");
  if (evhttp_make_request(impl_->connection.get(), request, EVHTTP_REQ_GET, question.path.c_str()) != 0) {
    evhttp_request_free(request);  // libevent 2.1 takes it out of its list, and does not free it
    impl_->finish(Error{"no connection"});
  }
}
HttpGet::~HttpGet() = default;

}  // namespace flagfall::net
