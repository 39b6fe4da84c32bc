#include "slave/front_loop.hh"

#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <list>
#include <thread>
#include <utility>

#include "common/base/network_places.hh"
#include "common/base/quiet_thread.hh"
#include "common/net/loop.hh"
#include "common/net/sockaddr.hh"
#include "common/net/tcp.hh"
#include "common/net/udp.hh"
#include "common/wire/proxy_header.hh"

namespace flagfall::slave {
namespace {

constexpr int kBacklog = 4096;      // the kernel caps it at net.core.somaxconn
constexpr int kAcceptsAtOnce = 64;  // then those that are here get their turn
/// After running out of descriptors, do not try again before.
constexpr Nanos kAcceptPause = std::chrono::milliseconds(100);
constexpr Nanos kSweep = std::chrono::milliseconds(100);
/// What the client still sends after our answer is read for so long, and so many octets: closed at once, its
/// host would be told of a reset and might drop the answer (RFC 9112 §9.6).
constexpr Nanos kLinger = std::chrono::seconds(2);
constexpr std::size_t kLingerOctets = std::size_t{4} << 20;  // content of a request that is sent on
/// Read at once of one connection: what the other side does not take of it waits here, and no more.
constexpr std::size_t kRead = std::size_t{64} * 1024;

void without_delay(const net::Fd& fd) {
  const int one = 1;
  (void)setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

}  // namespace

struct FrontLoop::Shell {
  /// What a connection is doing; those that do the same are in one list, who does it longest in front. Those
  /// before their first request come first: they may be evicted.
  enum class Phase : std::uint8_t { idle, header, lingering, asking, connecting, sending, joined };
  static constexpr std::size_t kPhases = 7;
  static constexpr std::array kMayGo = {Phase::idle, Phase::header, Phase::lingering};

  /// One of a connection's two sockets.
  struct Side {
    net::Fd fd;
    net::Watch readable;
    net::Watch writable;  // while something is unsent
    std::string unsent;
    bool ended = false;  // it sends no more
  };
  struct Connection;
  using Connections = std::list<Connection>;
  struct Connection {
    explicit Connection(const http::RequestLimits& limits) : reader(limits) {}
    Connections::iterator self;
    Endpoint client;
    const Server* server = nullptr;
    http::RequestReader reader;
    Side down;            // the client
    Side up;              // the content server
    std::string pending;  // a first request that is not complete, or not decided
    MonoTime since;       // when its phase began; of joined ones the last octet
    std::uint32_t number = 0;
    std::size_t lingered = 0;
    Phase phase = Phase::idle;
    bool head = false;
  };
  struct Listener {
    net::Fd fd;
    Server server;  // as it really listens
    net::Watch watch;
  };

  Options options;
  const Clock& clock;
  FrontDesk desk;
  Ask ask;
  NetworkPlaces networks;
  FrontLoopCounters counters;
  net::Loop loop{net::Loop::Timers::coarse};
  std::vector<Listener> listeners;
  std::array<Connections, kPhases> connections;
  std::vector<char> in;
  std::vector<std::uint8_t> out;
  net::Watch sweeper;
  net::Watch dater;
  net::Watch resume;
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

  Connections& in_phase(Phase phase) { return connections.at(static_cast<std::size_t>(phase)); }
  [[nodiscard]] std::size_t open() const {
    std::size_t sum = 0;
    for (const Connections& each : connections) sum += each.size();
    return sum;
  }
  void enter(Connection& c, Phase phase, MonoTime now) {
    Connections& to = in_phase(phase);
    to.splice(to.end(), in_phase(c.phase), c.self);
    c.phase = phase;
    c.since = now;
  }
  void close(Connection& c) {
    ++counters.closed;
    networks.leave(c.client.ip);
    in_phase(c.phase).erase(c.self);
  }
  /// Both sides are told that something is missing.
  void reset(Connection& c) {
    const linger at_once{1, 0};
    for (const Side* const side : {&c.down, &c.up})
      if (side->fd) (void)setsockopt(side->fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(c);
  }

  // ---- new connections

  void accept(const Listener& from) {
    for (int i = 0; i < kAcceptsAtOnce; ++i) {
      net::SockAddr address;
      address.length = sizeof address.v6;
      net::Fd fd(accept4(from.fd.get(), &address.any, &address.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd) {
        if (errno == ECONNABORTED || errno == EINTR) continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) pause_accepting();
        return;
      }
      if (const auto peer = net::to_endpoint(address.any, address.length))
        welcome(std::move(fd), *peer, from.server);
    }
  }

  /// Out of descriptors or memory.
  void pause_accepting() {
    ++counters.accept_errors;
    for (Listener& each : listeners) each.watch.pause();
    resume = loop.after(kAcceptPause, [this] {
      for (Listener& each : listeners) each.watch.resume();
    });
  }

  void welcome(net::Fd fd, const Endpoint& client, const Server& server) {
    ++counters.accepted;
    if (open() >= options.connections && !evict()) {
      ++counters.full;
      ++counters.closed;
      return;
    }
    if (!networks.enter(client.ip)) {
      ++counters.network_full;
      ++counters.closed;
      return;
    }
    without_delay(fd);
    Connections& idle = in_phase(Phase::idle);
    Connection& c = idle.emplace_back(options.limits);
    c.self = std::prev(idle.end());
    c.client = client;
    c.server = &server;
    c.since = clock.mono();
    c.down.fd = std::move(fd);
    c.down.readable = loop.on_readable(c.down.fd.get(), [this, &c] { read(c); });
  }

  /// Who has asked for nothing yet, the longest of them; never who is being served.
  bool evict() {
    for (const Phase phase : kMayGo) {
      Connections& each = in_phase(phase);
      if (each.empty()) continue;
      ++counters.evicted;
      close(each.front());
      return true;
    }
    return false;
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
    if (got == 0) return close(c);  // it wants nothing any more
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
      if (c.phase == Phase::idle && !c.pending.empty()) enter(c, Phase::header, clock.mono());
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
        enter(c, Phase::asking, now);
        if (in_phase(Phase::asking).size() == 1) be_patient(options.desk.wait);
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
    Connections& asking = in_phase(Phase::asking);
    while (!asking.empty() && now - asking.front().since >= options.desk.wait) decide_again(asking.front());
    if (!asking.empty()) be_patient(options.desk.wait - (now - asking.front().since));
  }

  void answered(std::size_t master, const wire::HomeAnswer& answer) {
    if (!desk.answered(master, answer, clock.mono())) return;
    Connections& asking = in_phase(Phase::asking);
    for (auto at = asking.begin(); at != asking.end();) {
      Connection& c = *at++;
      if (c.number == answer.number) decide_again(c);
    }
  }

  // ---- answers of our own

  void say(Connection& c, std::string_view octets) {
    c.pending = {};
    c.up = Side();
    c.down.readable.pause();
    enter(c, Phase::sending, clock.mono());
    if (push(c, c.down, octets, counters.resets) && c.down.unsent.empty()) finish(c);
  }

  /// All is sent. The client may still be sending what nobody reads.
  void finish(Connection& c) {
    if (shutdown(c.down.fd.get(), SHUT_WR) != 0) return close(c);
    c.down.writable = net::Watch();
    c.down.readable.resume();
    enter(c, Phase::lingering, clock.mono());
  }

  // ---- the content server

  void connect(Connection& c, MonoTime now) {
    c.down.readable.pause();
    enter(c, Phase::connecting, now);
    if (c.server->proxy_protocol) introduce(c);
    c.up.unsent += c.pending;
    c.pending = {};
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
    wire::write_proxy_header(c.client, c.server->listen, header);
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
    enter(c, Phase::joined, clock.mono());
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
      return reset(c);
    }
    enter(c, Phase::joined, clock.mono());
    if (got == 0) {
      from.ended = true;
      from.readable.pause();
      if (to.unsent.empty()) end(c, to);
      return;
    }
    (up ? counters.octets_to_backend : counters.octets_to_client).add(static_cast<std::uint64_t>(got));
    if (!push(c, to, {in.data(), static_cast<std::size_t>(got)},
              up ? counters.backend_resets : counters.resets))
      return;
    if (!to.unsent.empty()) from.readable.pause();
  }

  /// False: the connection is gone. What does not go now is kept, and written when it can be.
  bool push(Connection& c, Side& to, std::string_view octets, Counter& gone) {
    const ssize_t sent = send(to.fd.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
      ++gone;
      reset(c);
      return false;
    }
    octets.remove_prefix(sent < 0 ? 0 : static_cast<std::size_t>(sent));
    to.unsent.assign(octets);
    if (to.unsent.empty()) return true;
    const bool up = &to == &c.up;
    to.writable = up ? loop.on_writable(to.fd.get(), [this, &c] { write(c, c.up, c.down); })
                     : loop.on_writable(to.fd.get(), [this, &c] { write(c, c.down, c.up); });
    return true;
  }

  /// What was kept for one side, which can be written to.
  void write(Connection& c, Side& to, Side& from) {
    if (c.phase == Phase::connecting) return join(c);
    const std::string unsent = std::exchange(to.unsent, {});
    to.writable = net::Watch();
    if (!push(c, to, unsent, &to == &c.up ? counters.backend_resets : counters.resets)) return;
    if (!to.unsent.empty()) return;
    if (c.phase == Phase::sending) return finish(c);
    enter(c, Phase::joined, clock.mono());
    if (from.ended) return end(c, to);
    from.readable.resume();
  }

  /// The other side sends no more, and all of it is sent.
  void end(Connection& c, Side& to) {
    if (shutdown(to.fd.get(), SHUT_WR) != 0) return close(c);
    if (c.down.ended && c.up.ended && c.down.unsent.empty() && c.up.unsent.empty()) close(c);
  }

  // ---- time

  void sweep() {
    const MonoTime now = clock.mono();
    const auto each = [&](Phase phase, Nanos most, auto end_of) {
      Connections& all = in_phase(phase);
      while (!all.empty() && now - all.front().since >= most) end_of(all.front());
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
    each(Phase::joined, options.idle_timeout, was_reset(counters.idle_timeouts));
    each(Phase::sending, options.idle_timeout, was_reset(counters.send_timeouts));
    each(Phase::lingering, kLinger, [this](Connection& c) { close(c); });
  }

  void run() {
    pthread_setname_np(pthread_self(), "front");
    for (Listener& each : listeners)
      each.watch = loop.on_readable(each.fd.get(), [this, &each] { accept(each); });
    sweeper = loop.every(kSweep, [this] { sweep(); });
    desk.set_date(clock.real());
    dater = loop.every(std::chrono::seconds(1), [this] { desk.set_date(clock.real()); });
    loop.run();
  }
};

FrontLoop::FrontLoop(const Options& options, const Clock& clock, Random& random, Ask ask)
    : shell_(std::make_unique<Shell>(options, clock, random, std::move(ask))) {
  shell_->listeners.reserve(options.servers.size());  // connections refer to their servers
  for (const Server& server : options.servers) {
    Shell::Listener& each = shell_->listeners.emplace_back();
    each.server = server;
    each.fd = net::tcp_listener(server.listen, false, kBacklog);
    each.server.listen = net::local_endpoint(each.fd);
  }
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
  std::vector<Endpoint> out;
  for (const Shell::Listener& each : shell_->listeners) out.push_back(each.server.listen);
  return out;
}
const FrontDesk& FrontLoop::desk() const {
  return shell_->desk;
}
const FrontLoopCounters& FrontLoop::counters() const {
  return shell_->counters;
}

}  // namespace flagfall::slave
