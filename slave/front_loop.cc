#include "slave/front_loop.hh"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <thread>
#include <utility>

#include "common/base/network_places.hh"
#include "common/base/phase_lists.hh"
#include "common/base/quiet_thread.hh"
#include "common/net/acceptor.hh"
#include "common/net/loop.hh"
#include "common/net/sockaddr.hh"
#include "common/net/tcp.hh"
#include "common/net/udp.hh"
#include "common/wire/proxy_header.hh"

namespace flagfall::slave {
namespace {

constexpr int kBacklog = 4096;  // the kernel caps it at net.core.somaxconn
constexpr Nanos kSweep = std::chrono::milliseconds(100);
/// What the client still sends after our answer is read for so long, and so many octets: closed at once, its
/// host would be told of a reset and might drop the answer (RFC 9112 §9.6).
constexpr Nanos kLinger = std::chrono::seconds(2);
constexpr std::size_t kLingerOctets = std::size_t{4} << 20;  // content of a request that is sent on
/// Read at once of one connection: what the other side does not take of it waits here, and no more.
constexpr std::size_t kRead = std::size_t{64} * 1024;

/// Octets that the other host has not acknowledged.
int unacknowledged(const net::Fd& fd) {
  int count = 0;
  return ioctl(fd.get(), SIOCOUTQ, &count) == 0 ? count : 0;
}
/// Its memory, too.
void forget(std::string& octets) {
  std::string().swap(octets);
}

void without_delay(const net::Fd& fd) {
  const int one = 1;
  (void)setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

}  // namespace

struct FrontLoop::Shell {
  /// What a connection is doing.
  enum class Phase : std::uint8_t { idle, header, lingering, asking, connecting, sending, joined };
  static constexpr std::size_t kPhases = 7;
  /// Who has asked for nothing yet, or got all: they may be evicted.
  static constexpr std::array kMayGo = {Phase::idle, Phase::header, Phase::lingering};

  /// One of a connection's two sockets.
  struct Side {
    net::Fd fd;
    net::Watch readable;
    net::Watch writable;  // while something is unsent
    std::string unsent;
    bool ended = false;  // it sends no more
    bool deaf = false;   // it takes no more
  };
  /// Since when it is `joined`: when the latest octet came.
  struct Connection : InPhase<Connection, Phase> {
    explicit Connection(const http::RequestLimits& limits) : reader(limits) {}
    Endpoint client;
    const Server* server = nullptr;
    http::RequestReader reader;
    Side down;            // the client
    Side up;              // the content server
    std::string pending;  // a first request that is not complete, or not decided
    std::uint32_t number = 0;
    std::size_t lingered = 0;
    int unacknowledged = 0;  // by the client, when that was looked at
    bool head = false;
    bool cut = false;  // the content server has not ended as it should: nor may what the client gets
  };
  Options options;
  const Clock& clock;
  FrontDesk desk;
  Ask ask;
  NetworkPlaces networks;
  FrontLoopCounters counters;
  net::Loop loop{net::Loop::Timers::coarse};
  net::Acceptor acceptor{loop, counters.accept_errors,
                         [this](net::Fd fd, const Endpoint& client, std::size_t listener) {
                           welcome(std::move(fd), client, options.servers[listener]);
                         }};
  PhaseLists<Connection, Phase, kPhases> connections;
  std::vector<char> in;
  std::vector<std::uint8_t> out;
  net::Watch sweeper;
  net::Watch dater;
  net::Watch patience;  // while somebody waits for a master's word
  std::thread thread;

  Shell(const Options& o, const Clock& c, Random& random, Ask a)
      : options(o),
        clock(c),
        desk(o.desk, random),
        ask(std::move(a)),
        networks(o.prefix_v4, o.prefix_v6, o.network_connections, random),
        in(std::max(kRead, 2 * o.limits.header)),
        out(desk.most()) {}

  void close(Connection& c) {
    ++counters.closed;
    networks.leave(c.client.ip);
    connections.erase(c);
  }
  /// Both sides are told that something is missing.
  void reset(Connection& c) {
    const linger at_once{1, 0};
    for (const Side* const side : {&c.down, &c.up})
      if (side->fd) (void)setsockopt(side->fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(c);
  }

  // ---- new connections

  void welcome(net::Fd fd, const Endpoint& client, const Server& server) {
    ++counters.accepted;
    if (!networks.enter(client.ip)) {
      ++counters.network_full;
      ++counters.closed;
      return;
    }
    if (connections.size() >= options.connections && !evict()) {
      networks.leave(client.ip);
      ++counters.full;
      ++counters.closed;
      return;
    }
    without_delay(fd);
    Connection& c = connections.add(Phase::idle, clock.mono(), options.limits);
    c.client = client;
    c.server = &server;
    c.down.fd = std::move(fd);
    c.down.readable = loop.on_readable(c.down.fd.get(), [this, &c] { read(c); });
  }

  /// Who has asked for nothing yet, the longest of them; never who is being served.
  bool evict() {
    Connection* const longest = connections.longest(kMayGo);
    if (longest == nullptr) return false;
    ++counters.evicted;
    close(*longest);
    return true;
  }

  // ---- the first request

  void read(Connection& c) {
    if (c.phase == Phase::joined) return pump(c, c.down, c.up);
    std::ranges::copy(c.pending, in.begin());
    const std::size_t held = c.pending.size();
    const ssize_t got = recv(c.down.fd.get(), in.data() + held, in.size() - held, 0);
    if (got < 0) {
      if (errno == EAGAIN || errno == EINTR) return;
      ++counters.resets;
      return close(c);
    }
    if (got == 0) {
      if (!c.cut) return close(c);  // it wants nothing any more
      c.down.ended = true;
      return c.down.readable.pause();
    }
    if (c.phase == Phase::lingering) {
      c.lingered += static_cast<std::size_t>(got);
      if (c.lingered > kLingerOctets) close(c);
      return;
    }
    const std::string_view octets(in.data(), held + static_cast<std::size_t>(got));
    const auto progress = c.reader.read(octets);
    if (progress.refuse != 0) {
      ByteWriter answer(out);
      desk.refuse(progress.refuse, answer);
      return say(c, as_text(answer.written()));
    }
    c.pending.assign(progress.request ? octets : octets.substr(progress.consumed));
    if (!progress.request) {
      if (c.phase == Phase::idle && !c.pending.empty()) connections.enter(c, Phase::header, clock.mono());
      return;
    }
    decide(c, *progress.request, false);
  }

  void decide(Connection& c, const http::Request& request, bool waited) {
    const MonoTime now = clock.mono();
    ByteWriter answer(out);
    c.head = request.head;
    const FrontDesk::Look look = desk.look(request, c.client.ip, now, waited, answer);
    switch (look.what) {
      case FrontDesk::Do::serve:
        return connect(c, now);
      case FrontDesk::Do::answer:
        return say(c, as_text(answer.written()));
      case FrontDesk::Do::wait:
        c.number = look.number;
        c.down.readable.pause();
        connections.enter(c, Phase::asking, now);
        if (connections.in(Phase::asking).size() == 1) be_patient(options.desk.wait);
        if (auto question = desk.take_question()) ask(std::move(*question));
        return;
    }
  }

  /// One who has waited: its request lies in `pending`, whole.
  void decide_again(Connection& c) {
    http::RequestReader reader(options.limits);
    const auto progress = reader.read(c.pending);
    if (!progress.request) return reset(c);  // not reached: it was read before
    decide(c, *progress.request, true);
  }

  void be_patient(Nanos wait) {
    patience = loop.after(wait, [this] { lose_patience(); });
  }
  void lose_patience() {
    const MonoTime now = clock.mono();
    std::list<Connection>& asking = connections.in(Phase::asking);
    connections.overdue(Phase::asking, options.desk.wait, now, [this](Connection& c) { decide_again(c); });
    if (!asking.empty()) be_patient(options.desk.wait - (now - asking.front().since));
  }

  void answered(std::size_t master, const wire::HomeAnswer& answer) {
    if (!desk.answered(master, answer, clock.mono())) return;
    std::list<Connection>& asking = connections.in(Phase::asking);
    for (auto at = asking.begin(); at != asking.end();) {
      Connection& c = *at++;
      if (c.number == answer.number) decide_again(c);
    }
  }

  // ---- answers of our own

  void say(Connection& c, std::string_view octets) {
    forget(c.pending);
    c.up = Side();
    c.down.readable.pause();
    connections.enter(c, Phase::sending, clock.mono());
    if (push(c, c.down, octets) && c.down.unsent.empty()) finish(c);
  }

  /// All is sent. The client may still be sending what nobody reads.
  void finish(Connection& c) {
    if (!c.cut && (shutdown(c.down.fd.get(), SHUT_WR) != 0 || c.down.ended)) return close(c);
    c.up = Side();
    c.down.writable = net::Watch();
    if (!c.down.ended) c.down.readable.resume();
    connections.enter(c, Phase::lingering, clock.mono());
  }
  /// What was cut off gets no end that looks whole: the client is told by a reset, after what there is.
  void end_lingering(Connection& c) { c.cut ? reset(c) : close(c); }

  // ---- the content server

  void connect(Connection& c, MonoTime now) {
    c.down.readable.pause();
    connections.enter(c, Phase::connecting, now);
    if (c.server->proxy_protocol) introduce(c);
    c.up.unsent += c.pending;
    forget(c.pending);
    const Endpoint& to = c.server->backend;
    const net::SockAddr address(to);
    c.up.fd = net::Fd(socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!c.up.fd) return fail(c);
    without_delay(c.up.fd);
    if (::connect(c.up.fd.get(), &address.any, address.length) != 0 && errno != EINPROGRESS) return fail(c);
    c.up.writable = loop.on_writable(c.up.fd.get(), [this, &c] { write(c, c.up, c.down); });
  }

  static void introduce(Connection& c) {
    std::array<std::uint8_t, wire::kMostProxyHeader> room{};
    ByteWriter header(room);
    wire::write_proxy_header(wire::Proxied::tcp, c.client, c.server->listen, header);
    c.up.unsent = as_text(header.written());
  }

  void fail(Connection& c) {
    ++counters.backend_failed;
    ByteWriter answer(out);
    desk.bad_gateway(c.head, answer);
    say(c, as_text(answer.written()));
  }

  void join(Connection& c) {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(c.up.fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) return fail(c);
    ++counters.joined;
    connections.enter(c, Phase::joined, clock.mono());
    c.up.readable = loop.on_readable(c.up.fd.get(), [this, &c] { pump(c, c.up, c.down); });
    write(c, c.up, c.down);
  }

  // ---- octets

  /// What one side sends, to the other.
  void pump(Connection& c, Side& from, Side& to) {
    const bool up = &to == &c.up;
    const ssize_t got = recv(from.fd.get(), in.data(), in.size(), 0);
    if (got < 0) {
      if (errno == EAGAIN || errno == EINTR) return;
      ++(up ? counters.resets : counters.backend_resets);
      if (up) return reset(c);
      c.cut = true;
    }
    connections.enter(c, Phase::joined, clock.mono());
    if (got <= 0) {
      from.ended = true;
      from.readable.pause();
      if (to.unsent.empty()) end(c, to);
      return;
    }
    (up ? counters.octets_to_backend : counters.octets_to_client).add(static_cast<std::uint64_t>(got));
    if (push(c, to, {in.data(), static_cast<std::size_t>(got)}) && !to.unsent.empty()) from.readable.pause();
  }

  /// False: it takes none, and the connection may be gone. What does not go now is kept, and written when it
  /// can be.
  bool push(Connection& c, Side& to, std::string_view octets) {
    const bool up = &to == &c.up;
    const ssize_t sent = send(to.fd.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
      ++(up ? counters.backend_resets : counters.resets);
      up ? deafen(c, errno) : reset(c);
      return false;
    }
    octets.remove_prefix(sent < 0 ? 0 : static_cast<std::size_t>(sent));
    to.unsent.assign(octets);
    if (to.unsent.empty()) return true;
    to.writable = up ? loop.on_writable(to.fd.get(), [this, &c] { write(c, c.up, c.down); })
                     : loop.on_writable(to.fd.get(), [this, &c] { write(c, c.down, c.up); });
    return true;
  }

  /// What was kept for one side, which can be written to.
  void write(Connection& c, Side& to, Side& from) {
    if (c.phase == Phase::connecting) return join(c);
    const std::string unsent = std::exchange(to.unsent, {});
    to.writable = net::Watch();
    if (!push(c, to, unsent)) return;
    if (c.phase == Phase::joined && to.unsent.size() < unsent.size())
      connections.enter(c, Phase::joined, clock.mono());
    if (!to.unsent.empty()) return;
    if (c.phase == Phase::sending) return finish(c);
    if (from.ended) return end(c, to);
    from.readable.resume();
  }

  /// The content server takes no more. What it has said still goes to the client: an answer may come before
  /// its request is whole.
  void deafen(Connection& c, int error) {
    c.up.deaf = true;
    if (error != EPIPE) c.cut = true;  // EPIPE: it had ended before, as it should
    forget(c.up.unsent);
    c.up.writable = net::Watch();
    c.down.readable.pause();
    if (c.up.ended && c.down.unsent.empty()) finish(c);
  }

  /// The other side sends no more, and all of it is sent.
  void end(Connection& c, Side& to) {
    if (&to == &c.down && (c.up.deaf || c.cut)) return finish(c);
    if (shutdown(to.fd.get(), SHUT_WR) != 0) return &to == &c.up ? deafen(c, errno) : reset(c);
    if (c.down.ended && c.up.ended && c.down.unsent.empty() && c.up.unsent.empty()) close(c);
  }

  // ---- time

  void sweep() {
    const MonoTime now = clock.mono();
    const auto each = [&](Phase phase, Nanos most, auto end_of) {
      connections.overdue(phase, most, now, end_of);
    };
    const auto closed = [this](Counter& why) {
      return [this, &why](Connection& c) {
        ++why;
        close(c);
      };
    };
    // In the midst of something: what is cut off must not look like its end.
    const auto was_reset = [this](Counter& why) {
      return [this, &why](Connection& c) {
        ++why;
        reset(c);
      };
    };
    each(Phase::idle, options.idle_timeout, closed(counters.idle_timeouts));
    each(Phase::header, options.header_timeout, closed(counters.header_timeouts));
    each(Phase::connecting, options.backend_timeout, [this](Connection& c) { fail(c); });
    each(Phase::joined, options.idle_timeout, [&](Connection& c) { end_idle(c, now); });
    each(Phase::sending, options.idle_timeout, was_reset(counters.send_timeouts));
    each(Phase::lingering, kLinger, [this](Connection& c) { end_lingering(c); });
    std::list<Connection>& lingering = connections.in(Phase::lingering);
    for (auto at = lingering.begin(); at != lingering.end();) {
      Connection& c = *at++;
      if (c.cut && unacknowledged(c.down.fd) == 0) reset(c);
    }
  }
  /// No octet came for long; those that the kernel holds may still be on their way.
  void end_idle(Connection& c, MonoTime now) {
    const int left = unacknowledged(c.down.fd);
    if (left != 0 && left != c.unacknowledged) {
      c.unacknowledged = left;
      return connections.enter(c, Phase::joined, now);
    }
    ++counters.idle_timeouts;
    left == 0 && c.up.ended ? close(c) : reset(c);
  }

  void run() {
    pthread_setname_np(pthread_self(), "front");
    acceptor.start();
    sweeper = loop.every(kSweep, [this] { sweep(); });
    desk.set_date(clock.real());
    dater = loop.every(std::chrono::seconds(1), [this] { desk.set_date(clock.real()); });
    loop.run();
  }
};

FrontLoop::FrontLoop(const Options& options, const Clock& clock, Random& random, Ask ask)
    : shell_(std::make_unique<Shell>(options, clock, random, std::move(ask))) {
  for (const Server& server : options.servers)
    shell_->acceptor.add(net::tcp_listener(server.listen, false, kBacklog));
  const std::vector<Endpoint> bound = shell_->acceptor.local();
  for (std::size_t i = 0; i < bound.size(); ++i) shell_->options.servers[i].listen = bound[i];
}

FrontLoop::~FrontLoop() {
  if (!shell_->thread.joinable()) return;
  shell_->loop.post([s = shell_.get()] { s->loop.stop(); });
  shell_->thread.join();
}

void FrontLoop::start() {
  shell_->thread = thread_without_signals([s = shell_.get()] { s->run(); });
}

void FrontLoop::use(std::shared_ptr<const FrontSites> sites) {
  shell_->loop.post([s = shell_.get(), sites = std::move(sites)] { s->desk.use(sites); });
}
void FrontLoop::session(std::size_t master, bool there) {
  shell_->loop.post([s = shell_.get(), master, there] { s->desk.session(master, there); });
}
void FrontLoop::answered(std::size_t master, wire::HomeAnswer answer) {
  shell_->loop.post([s = shell_.get(), master, answer = std::move(answer)] { s->answered(master, answer); });
}

std::vector<Endpoint> FrontLoop::local() const {
  return shell_->acceptor.local();
}
const FrontDesk& FrontLoop::desk() const {
  return shell_->desk;
}
const FrontLoopCounters& FrontLoop::counters() const {
  return shell_->counters;
}

}  // namespace flagfall::slave
