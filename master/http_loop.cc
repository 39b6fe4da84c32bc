#include "master/http_loop.hh"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <list>
#include <span>
#include <thread>
#include <utility>

#include "common/base/network_places.hh"
#include "common/base/quiet_thread.hh"
#include "common/base/sleep.hh"
#include "common/net/loop.hh"
#include "common/net/privileges.hh"
#include "common/net/sockaddr.hh"
#include "common/net/tcp.hh"
#include "common/net/udp.hh"
#include "master/gather.hh"
#include "master/http_stream.hh"
#include "master/race_core.hh"

namespace flagfall::master {
namespace {

constexpr int kBacklog = 4096;      // the kernel caps it at net.core.somaxconn
constexpr int kAcceptsAtOnce = 64;  // then those that are here get their turn
/// After running out of descriptors, do not try again before.
constexpr Nanos kAcceptPause = std::chrono::milliseconds(100);
constexpr Nanos kSweep = std::chrono::milliseconds(100);
/// What the client still sends after the last answer is read for so long, and so many octets: closed at once,
/// its host would be told of a reset and might drop the answer (RFC 9112 §9.6).
constexpr Nanos kLinger = std::chrono::seconds(2);
constexpr std::size_t kLingerOctets = std::size_t{256} * 1024;
constexpr std::size_t kRead = std::size_t{16} * 1024;
constexpr std::size_t kAnswers = std::size_t{64} * 1024;

}  // namespace

struct HttpLoop::Shell final : HttpRacer {
  /// What a connection is doing; those that do the same are in one list, who does it longest in front.
  enum class Phase : std::uint8_t { idle, header, content, sending, racing, lingering };
  static constexpr std::size_t kPhases = 6;

  struct Connection;
  using Connections = std::list<Connection>;
  struct Connection {
    Connection(const http::RequestLimits& limits, unsigned requests) : stream(limits, requests) {}
    Connections::iterator self;
    net::Fd fd;
    std::optional<net::TlsStream> tls;
    Endpoint client;
    std::size_t listener = 0;
    HttpStream stream;
    net::Watch readable;
    net::Watch writable;  // while something is unsent
    std::string pending;  // octets of a request that is not complete, or not answered yet
    std::string unsent;
    MonoTime since;  // when its phase began
    std::size_t lingered = 0;
    Phase phase = Phase::idle;
    bool ended = false;  // the client sends no more
    bool last = false;   // when all is sent, it is over
    bool raced = false;  // its latest answer is left to the slaves
  };
  struct Listener {
    net::Fd fd;
    Endpoint local;
    net::Watch watch;
  };

  HttpLoopOptions options;
  const Clock& clock;
  HttpDesk desk;
  Connection* asking = nullptr;  // whose request is at hand
  NetworkPlaces networks;
  HttpLoopCounters counters;
  net::Loop loop{net::Loop::Timers::coarse};
  std::optional<HttpRacing> racing;  // has timers of the loop
  std::vector<Listener> listeners;
  std::array<Connections, kPhases> connections;
  std::string in;     // what is read, behind what was pending
  RealTime received;  // the octets at hand
  std::vector<std::uint8_t> out;
  Gather gather;
  unsigned answered = 0;  // in this round of the loop
  net::Watch sweeper;
  net::Watch dater;
  net::Watch resume;
  std::thread thread;

  Shell(const HttpLoopOptions& o, const Clock& c, Random& random)
      : options(o),
        clock(c),
        desk({o.scheme, o.services, o.limits.target}, random, o.records, o.racing ? this : nullptr),
        networks(o.prefix_v4, o.prefix_v6, o.network_connections, random),
        in(options.limits.header + 1 + kRead, '\0'),
        out(std::max(kAnswers, 2 * desk.most())),
        gather(Nanos(0)) {
    if (o.racing) racing.emplace(*o.racing, c, random, o.records);
  }

  /// Octets of a connection, and when the last of them came.
  ssize_t receive(Connection& c, std::span<char> room) {
    if (c.tls) return c.tls->read(room);
    if (!racing) return recv(c.fd.get(), room.data(), room.size(), 0);
    iovec vector{room.data(), room.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(timespec))> control{};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = recvmsg(c.fd.get(), &message, 0);
    received = RealTime();
    const cmsghdr* const stamp = got > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
    if (stamp != nullptr && stamp->cmsg_level == SOL_SOCKET && stamp->cmsg_type == SCM_TIMESTAMPNS) {
      timespec at{};
      std::memcpy(&at, CMSG_DATA(stamp), sizeof at);
      received = clock.stamp(RealTime(std::chrono::seconds(at.tv_sec) + Nanos(at.tv_nsec)));
    }
    return got;
  }

  // HttpRacer
  bool race(const HttpRaceOffer& offer) noexcept override {
    Connection& c = *asking;
    const MonoTime came = received_at(received, read_times(clock));
    const bool taken = racing->race(offer, c.fd, c.client, c.listener, came, c.unsent);
    c.raced = taken && c.unsent.empty();
    return taken;
  }

  void take_over(const std::shared_ptr<const Snapshot>& snapshot) {
    gather.set_most(snapshot->gather);
    if (racing) racing->take_over(snapshot);
    desk.take_over(snapshot);
  }

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
      const auto peer = net::to_endpoint(address.any, address.length);
      if (peer) welcome(std::move(fd), *peer, static_cast<std::size_t>(&from - listeners.data()));
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

  void welcome(net::Fd fd, const Endpoint& client, std::size_t listener) {
    ++counters.accepted;
    if (!networks.enter(client.ip)) {
      ++counters.network_full;
      ++counters.closed;
      return;
    }
    if (open() >= options.connections) evict();
    const int one = 1;
    (void)setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    Connections& idle = in_phase(Phase::idle);
    Connection& c = idle.emplace_back(options.limits, options.requests);
    c.self = std::prev(idle.end());
    c.fd = std::move(fd);
    c.client = client;
    c.listener = listener;
    c.since = clock.mono();
    c.readable = loop.on_readable(c.fd.get(), [this, &c] { read(c); });
    if (!options.tls) return;
    c.tls.emplace(options.tls, c.fd.get());
    enter(c, Phase::header, c.since);  // a handshake may take no longer than a header
  }

  /// Who is idle longest; while nobody is, who takes longest for anything else.
  void evict() {
    for (Connections& each : connections)
      if (!each.empty()) {
        ++counters.evicted;
        return close(each.front());
      }
  }

  void read(Connection& c) {
    std::ranges::copy(c.pending, in.begin());
    const std::size_t held = c.pending.size();
    const ssize_t got = receive(c, std::span(in).subspan(held));
    if (got < 0) {
      if (errno == EAGAIN || errno == EINTR) return c.tls ? wait_for_tls(c) : void();
      ++(errno == EPROTO ? counters.tls_errors : counters.resets);
      return close(c);
    }
    if (got == 0) {
      c.ended = true;
      if (c.raced && !acknowledged(c)) return wait_for_race(c);
      return finish(c);  // nothing is unsent while we read
    }
    if (c.phase == Phase::lingering || c.phase == Phase::racing) {
      c.lingered += static_cast<std::size_t>(got);
      if (c.lingered > kLingerOctets) close(c);
      return;
    }
    work(c, {in.data(), held + static_cast<std::size_t>(got)});
  }

  /// Octets came that are none of a request's.
  void wait_for_tls(Connection& c) {
    if (c.tls->blocked()) {
      c.readable.pause();
      c.writable = loop.on_writable(c.fd.get(), [this, &c] {
        c.writable = net::Watch();
        c.readable.resume();
        read(c);
      });
    } else if (c.phase == Phase::header && c.pending.empty() && c.tls->established()) {
      enter(c, Phase::idle, clock.mono());
    }
  }

  /// Answers what there is, as long as the client takes the answers.
  void work(Connection& c, std::string_view octets) {
    const MonoTime now = clock.mono();
    asking = &c;
    c.raced = false;
    unsigned requests = 0;
    HttpStream::Wait wait = HttpStream::Wait::room;
    while (wait == HttpStream::Wait::room) {
      ByteWriter answers(out);
      const HttpStream::Step step = c.stream.take(octets, desk, c.client.ip, now, answers);
      octets.remove_prefix(step.consumed);
      requests += step.requests;
      wait = step.wait;
      if (!send(c, as_text(answers.written()))) return;
      if (!c.unsent.empty()) break;
    }
    answered += requests;
    c.last = wait == HttpStream::Wait::end;
    if (!octets.empty()) {
      c.pending.assign(octets);
    } else {
      c.pending = {};  // who waits holds no memory
    }
    if (!c.unsent.empty()) return wait_to_send(c, now);
    if (c.last) return c.raced ? wait_for_race(c) : finish(c);
    const Phase next = wait == HttpStream::Wait::request  ? Phase::idle
                       : wait == HttpStream::Wait::header ? Phase::header
                                                          : Phase::content;
    // Octets that complete nothing stretch no time.
    if (requests > 0 || next != c.phase) enter(c, next, now);
  }

  /// False: the connection is gone.
  bool send(Connection& c, std::string_view octets) {
    if (octets.empty()) return true;
    const ssize_t sent =
        c.tls ? c.tls->write(octets) : ::send(c.fd.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
      ++counters.resets;
      close(c);
      return false;
    }
    octets.remove_prefix(sent < 0 ? 0 : static_cast<std::size_t>(sent));
    c.unsent.assign(octets);
    return true;
  }

  /// A client that does not take its answers is not read from.
  void wait_to_send(Connection& c, MonoTime now) {
    if (c.phase == Phase::sending) return;
    enter(c, Phase::sending, now);
    c.readable.pause();
    c.writable = loop.on_writable(c.fd.get(), [this, &c] { write(c); });
  }

  void write(Connection& c) {
    const std::string unsent = std::exchange(c.unsent, {});
    if (!send(c, unsent) || !c.unsent.empty()) return;
    c.writable = net::Watch();
    if (c.last) return finish(c);
    c.readable.resume();
    enter(c, Phase::idle, clock.mono());
    const std::string pending = std::exchange(c.pending, {});
    received = RealTime();
    work(c, pending);
  }

  /// All is sent. The client may still be sending what nobody reads.
  void finish(Connection& c) {
    if (c.tls) c.tls->end();
    if (c.ended || shutdown(c.fd.get(), SHUT_WR) != 0) return close(c);
    c.pending = {};
    c.readable.resume();
    enter(c, Phase::lingering, clock.mono());
  }

  void sweep() {
    const MonoTime now = clock.mono();
    sweep(Phase::idle, options.idle_timeout, counters.idle_timeouts, now);
    sweep(Phase::header, options.header_timeout, counters.header_timeouts, now);
    sweep(Phase::content, options.idle_timeout, counters.body_timeouts, now);
    sweep(Phase::sending, options.idle_timeout, counters.send_timeouts, now);
    Counter nobody;
    sweep(Phase::lingering, kLinger, nobody, now);
    finish_raced(now);
    if (racing) racing->tick(now);
  }
  /// The kernel has no octets that the client has not acknowledged.
  static bool acknowledged(const Connection& c) {
    int unsent = 0;
    return ioctl(c.fd.get(), SIOCOUTQ, &unsent) != 0 || unsent == 0;
  }
  /// A connection that ends with a raced answer: ended before, it would tell the client so first.
  void wait_for_race(Connection& c) {
    if (c.ended) c.readable.pause();
    if (c.phase != Phase::racing) enter(c, Phase::racing, clock.mono());
  }
  void finish_raced(MonoTime now) {
    Connections& all = in_phase(Phase::racing);
    for (auto at = all.begin(); at != all.end();) {
      Connection& c = *at++;
      if (acknowledged(c) || now - c.since >= kLinger) finish(c);
    }
  }
  void sweep(Phase phase, Nanos most, Counter& counter, MonoTime now) {
    Connections& all = in_phase(phase);
    while (!all.empty() && now - all.front().since >= most) {
      ++counter;
      close(all.front());
    }
  }

  /// Between two rounds of the event loop: the orders leave, and races gather.
  void rest() {
    if (!racing) return;
    gather.burst(clock.mono(), std::exchange(answered, 0), racing->flush(), false);
    const MonoTime until = gather.rest();
    if (until == MonoTime()) return;
    sleep_until(clock, until);
  }

  void run() {
    pthread_setname_np(pthread_self(), name_of(options.scheme).data());
    racing ? net::keep_capability(net::Capability::net_admin) : net::drop_capabilities();
    if (racing) racing->start(loop);
    for (Listener& each : listeners)
      each.watch = loop.on_readable(each.fd.get(), [this, &each] { accept(each); });
    sweeper = loop.every(kSweep, [this] { sweep(); });
    desk.set_date(clock.real());
    dater = loop.every(std::chrono::seconds(1), [this] { desk.set_date(clock.real()); });
    loop.run([this] { rest(); });
  }
};

HttpLoop::HttpLoop(const HttpLoopOptions& options, const Clock& clock, Random& random,
                   const std::shared_ptr<const Snapshot>& first)
    : shell_(std::make_unique<Shell>(options, clock, random)) {
  shell_->take_over(first);
  shell_->listeners.reserve(options.listen.size());  // who races refers to them
  for (const Endpoint& at : options.listen) {
    Shell::Listener& each = shell_->listeners.emplace_back();
    each.fd = net::tcp_listener(at, false, kBacklog);
    if (shell_->racing) shell_->racing->prepare(each.fd);
    each.local = net::local_endpoint(each.fd);
  }
}

HttpLoop::~HttpLoop() {
  if (!shell_->thread.joinable()) return;
  shell_->loop.post([s = shell_.get()] { s->loop.stop(); });
  shell_->thread.join();
}

void HttpLoop::start() {
  shell_->thread = thread_without_signals([s = shell_.get()] { s->run(); });
}

void HttpLoop::publish(std::shared_ptr<const Snapshot> snapshot) {
  shell_->loop.post([s = shell_.get(), snapshot = std::move(snapshot)] { s->take_over(snapshot); });
}

void HttpLoop::renew(std::shared_ptr<const net::WebTls> tls) {
  shell_->loop.post([s = shell_.get(), tls = std::move(tls)] { s->options.tls = tls; });
}

WebScheme HttpLoop::scheme() const {
  return shell_->options.scheme;
}
std::vector<Endpoint> HttpLoop::local() const {
  std::vector<Endpoint> out;
  for (const Shell::Listener& each : shell_->listeners) out.push_back(each.local);
  return out;
}
const HttpLoopCounters& HttpLoop::counters() const {
  return shell_->counters;
}
const HttpCounters& HttpLoop::requests() const {
  return shell_->desk.counters();
}
std::uint64_t HttpLoop::led(std::size_t service, director::ServerIndex server) const {
  return shell_->desk.led(service, server);
}
const HttpRacing* HttpLoop::racing() const {
  return shell_->racing ? &*shell_->racing : nullptr;
}

}  // namespace flagfall::master
