#include "common/net/tcp.hh"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <fmt/core.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <list>
#include <system_error>
#include <utility>

#include "common/net/sockaddr.hh"

namespace flagfall::net {
namespace {

/// Read ahead of the protocol at most: one DNS message with its length (RFC 1035 §4.2.2).
constexpr std::size_t kMostRead = 65'535 + 2;
/// After running out of descriptors, do not try again before.
constexpr Nanos kAcceptPause = std::chrono::milliseconds(100);

struct BufferEventDeleter {
  void operator()(bufferevent* b) const { bufferevent_free(b); }
};
struct ListenerDeleter {
  void operator()(evconnlistener* l) const { evconnlistener_free(l); }
};

}  // namespace

Fd tcp_listener(const Endpoint& local, bool reuse_port, int backlog) {
  const bool v6 = local.ip.family == Family::v6;
  Fd fd(check(socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  const int one = 1;
  if (v6) check(setsockopt(fd.get(), SOL_IPV6, IPV6_V6ONLY, &one, sizeof one), "IPV6_V6ONLY");
  check(setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), "SO_REUSEADDR");
  if (reuse_port) check(setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &one, sizeof one), "SO_REUSEPORT");
  const SockAddr address(local);
  const std::string where = to_string(local);
  if (bind(fd.get(), &address.any, address.length) != 0 || listen(fd.get(), backlog) != 0) {
    const int error = errno;
    std::string what = fmt::format("listen on TCP {}", where);
    if (error == EADDRINUSE)
      what += fmt::format(": another program has this port; see `ss -tlnp sport = :{}`", local.port);
    if (error == EACCES) what += ": ports below 1024 need CAP_NET_BIND_SERVICE (see configs/systemd)";
    if (error == EADDRNOTAVAIL) what += ": this host does not have the address; see `ip address`";
    throw std::system_error(error, std::generic_category(), what);
  }
  return fd;
}

struct TcpServer::Shell {
  struct Connection;
  using Connections = std::list<Connection>;

  Loop& loop;
  Fd fd;
  TcpOptions options;
  MakeProtocol make;
  TcpCounters counters;
  Connections connections;  // the one that was idle longest is first
  std::unique_ptr<evconnlistener, ListenerDeleter> listener;
  Watch resume;

  struct Connection {
    Shell* shell = nullptr;
    Connections::iterator self;
    std::unique_ptr<TcpProtocol> protocol;
    std::unique_ptr<bufferevent, BufferEventDeleter> stream;
    Watch idle;
    bool closing = false;  // only what is unsent is still to be done
    bool ended = false;    // the peer sends no more
  };

  Shell(Loop& on, Fd listening, TcpOptions opts, MakeProtocol maker)
      : loop(on), fd(std::move(listening)), options(opts), make(std::move(maker)) {}

  void close(Connection& c) {
    ++counters.closed;
    connections.erase(c.self);
  }

  void touch(Connection& c) {
    connections.splice(connections.end(), connections, c.self);
    c.idle = loop.after(options.idle, [this, &c] {
      ++counters.idle_closed;
      close(c);
    });
  }

  void accept(int raw, const sockaddr& from, socklen_t length) {
    Fd accepted(raw);
    const auto peer = to_endpoint(from, length);
    if (!peer) return;
    if (connections.size() >= options.connections && !connections.empty()) {
      ++counters.evicted;
      close(connections.front());
    }
    const int one = 1;
    (void)setsockopt(raw, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    Connection& c = connections.emplace_back();
    c.self = std::prev(connections.end());
    c.shell = this;
    c.protocol = make(*peer);
    c.stream.reset(bufferevent_socket_new(loop.raw(), raw, BEV_OPT_CLOSE_ON_FREE));
    (void)accepted.release();
    ++counters.accepted;
    bufferevent_setcb(c.stream.get(), on_bytes, on_bytes, on_event, &c);
    bufferevent_setwatermark(c.stream.get(), EV_READ, 0, kMostRead);
    bufferevent_enable(c.stream.get(), EV_READ | EV_WRITE);
    touch(c);
  }

  /// Hands the protocol what came, as long as the peer reads what it gets.
  void pump(Connection& c) {
    evbuffer* in = bufferevent_get_input(c.stream.get());
    evbuffer* out = bufferevent_get_output(c.stream.get());
    while (!c.closing && evbuffer_get_length(out) < options.most_unsent) {
      const std::size_t n = evbuffer_get_contiguous_space(in);
      if (n == 0) break;
      const TcpProtocol::Step step = c.protocol->take({evbuffer_pullup(in, static_cast<ev_ssize_t>(n)), n});
      if (!step.reply.empty()) evbuffer_add(out, step.reply.data(), step.reply.size());
      evbuffer_drain(in, step.taken);
      if (step.message) touch(c);
      c.closing = step.close;
      if (step.taken == 0 && !step.message) break;
    }
    if (c.ended && evbuffer_get_length(in) == 0) c.closing = true;
    if (c.closing && evbuffer_get_length(out) == 0) close(c);
  }

  /// Bytes came, or all that was unsent went out.
  static void on_bytes(bufferevent* /*stream*/, void* arg) {
    auto* c = static_cast<Connection*>(arg);
    c->shell->pump(*c);
  }
  static void on_event(bufferevent* /*stream*/, short what, void* arg) {  // NOLINT(google-runtime-int)
    auto* c = static_cast<Connection*>(arg);
    if ((what & BEV_EVENT_EOF) != 0 && (what & BEV_EVENT_WRITING) == 0) {
      c->ended = true;  // a half-closed peer still gets its answers
      c->shell->pump(*c);
    } else if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
      c->shell->close(*c);
    }
  }
  static void on_accept(evconnlistener* /*listener*/, int raw, sockaddr* from, int length, void* arg) {
    static_cast<Shell*>(arg)->accept(raw, *from, static_cast<socklen_t>(length));
  }
  static void on_accept_error(evconnlistener* listener, void* arg) {
    auto* shell = static_cast<Shell*>(arg);
    ++shell->counters.accept_errors;
    evconnlistener_disable(listener);
    shell->resume = shell->loop.after(kAcceptPause, [listener] { evconnlistener_enable(listener); });
  }
};

TcpServer::TcpServer(Loop& loop, Fd listener, TcpOptions options, MakeProtocol make)
    : shell_(std::make_unique<Shell>(loop, std::move(listener), options, std::move(make))) {
  Shell& s = *shell_;
  s.listener.reset(
      evconnlistener_new(loop.raw(), Shell::on_accept, &s, LEV_OPT_CLOSE_ON_EXEC, 0, s.fd.get()));
  if (!s.listener) throw std::system_error(ENOMEM, std::generic_category(), "listen on TCP");
  evconnlistener_set_error_cb(s.listener.get(), Shell::on_accept_error);
}

TcpServer::~TcpServer() = default;

const TcpCounters& TcpServer::counters() const {
  return shell_->counters;
}

}  // namespace flagfall::net
