#include "slave/http_backend.hh"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "common/net/fd.hh"
#include "common/net/sockaddr.hh"

namespace flagfall::slave {
namespace {

/// How often unanswered asks are looked at.
constexpr Nanos kSweep = std::chrono::milliseconds(50);

}  // namespace

struct HttpBackend::Connection {
  enum class Phase : std::uint8_t { closed, connecting, asked, idle };
  net::Fd fd;
  net::Watch readable;
  net::Watch writable;  // while connecting
  http::ResponseReader reader;
  std::string request;
  ContentWish wish;
  MonoTime since;  // when it was asked
  Phase phase = Phase::closed;
  bool used = false;  // it has answered before
};

HttpBackend::HttpBackend(net::Loop& loop, const Clock& clock, const Options& options, ContentDesk& desk)
    : loop_(loop), clock_(clock), options_(options), desk_(desk) {
  connections_.reserve(options.connections);
  idle_.reserve(options.connections);
  closed_.reserve(options.connections);
  for (unsigned i = 0; i < options.connections; ++i) {
    closed_.push_back(connections_.emplace_back(std::make_unique<Connection>()).get());
    closed_.back()->request.reserve(2048);
  }
  sweeper_ = loop.every(kSweep, [this] { sweep(); });
}

HttpBackend::~HttpBackend() = default;

/// Nothing has come in it since its latest answer: octets there would be taken for the next one.
bool HttpBackend::quiet(const Connection& c) {
  char one = 0;
  return recv(c.fd.get(), &one, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

void HttpBackend::ask(const ContentWish& wish, Bytes request) {
  while (!idle_.empty() && !quiet(*idle_.back())) {
    close(*idle_.back());
    idle_.pop_back();
  }
  std::vector<Connection*>& from = idle_.empty() ? closed_ : idle_;
  if (from.empty()) {
    ++desk_.counters().busy;
    return;
  }
  Connection& c = *from.back();
  from.pop_back();
  c.wish = wish;
  c.request.assign(as_text(request));
  c.since = clock_.mono();
  c.phase == Connection::Phase::idle ? send(c) : connect(c);
}

void HttpBackend::connect(Connection& c) {
  c.used = false;
  net::SockAddr address(options_.to);
  c.fd = net::Fd(socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int one = 1;
  if (c.fd) (void)setsockopt(c.fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (!c.fd || (::connect(c.fd.get(), &address.any, address.length) != 0 && errno != EINPROGRESS))
    return give_up(c, desk_.counters().failed);
  c.phase = Connection::Phase::connecting;
  c.writable = loop_.on_writable(c.fd.get(), [this, &c] { connected(c); });
}

void HttpBackend::connected(Connection& c) {
  c.writable = net::Watch();
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(c.fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0)
    return give_up(c, desk_.counters().failed);
  c.readable = loop_.on_readable(c.fd.get(), [this, &c] { readable(c); });
  send(c);
}

void HttpBackend::send(Connection& c) {
  c.phase = Connection::Phase::asked;
  c.reader.restart();
  // An empty send buffer takes any order's request as a whole.
  const ssize_t sent = ::send(c.fd.get(), c.request.data(), c.request.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(c.request.size())) lost(c);
}

void HttpBackend::readable(Connection& c) {
  std::array<char, 1> nothing{};  // is what an idle connection has to say
  const bool asked = c.phase == Connection::Phase::asked;
  const std::span<char> room = asked ? c.reader.room() : std::span<char>(nothing);
  const ssize_t got = recv(c.fd.get(), room.data(), room.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (!asked) {
    std::erase(idle_, &c);
    return close(c);
  }
  got > 0 ? take(c, static_cast<std::size_t>(got)) : lost(c);
}

void HttpBackend::take(Connection& c, std::size_t octets) {
  switch (c.reader.received(octets)) {
    case http::ResponseReader::State::more:
      return;
    case http::ResponseReader::State::done:
      desk_.answered(c.wish, c.reader.response());
      return c.reader.response().keep_alive ? rest(c) : close(c);
    case http::ResponseReader::State::too_long:
      return give_up(c, desk_.counters().too_long);
    case http::ResponseReader::State::bad:
      return give_up(c, desk_.counters().failed);
  }
}

void HttpBackend::lost(Connection& c) {
  // A server ends a connection that was idle for long without looking whether a request is on its way: a GET
  // may then be sent again (RFC 9110 §9.2.2).
  if (!c.used || !c.reader.idle()) return give_up(c, desk_.counters().failed);
  ++desk_.counters().retried;
  c.readable = net::Watch();
  connect(c);
}

void HttpBackend::rest(Connection& c) {
  c.phase = Connection::Phase::idle;
  c.used = true;
  idle_.push_back(&c);
}

void HttpBackend::close(Connection& c) {
  c.readable = net::Watch();
  c.writable = net::Watch();
  c.fd = net::Fd();
  c.phase = Connection::Phase::closed;
  closed_.push_back(&c);
}

void HttpBackend::give_up(Connection& c, Counter& why) {
  ++why;
  close(c);
}

void HttpBackend::sweep() {
  const MonoTime now = clock_.mono();
  for (const auto& c : connections_) {
    const bool waits = c->phase == Connection::Phase::asked || c->phase == Connection::Phase::connecting;
    if (waits && now - c->since >= options_.timeout) give_up(*c, desk_.counters().too_late);
  }
}

}  // namespace flagfall::slave
