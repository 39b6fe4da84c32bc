#include "master/http_loop.hh"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <thread>
#include <utility>

#include "common/base/network_places.hh"
#include "common/base/phase_lists.hh"
#include "common/base/quiet_thread.hh"
#include "common/base/sleep.hh"
#include "common/net/acceptor.hh"
#include "common/net/loop.hh"
#include "common/net/privileges.hh"
#include "common/net/tcp.hh"
#include "master/gather.hh"
#include "master/http_stream.hh"
#include "master/race_core.hh"

namespace flagfall::master {
namespace {

constexpr int kBacklog = 4096;  // the kernel caps it at net.core.somaxconn
constexpr Nanos kSweep = std::chrono::milliseconds(100);
/// What the client still sends after the last answer is read for so long, and so many octets: closed at once,
/// its host would be told of a reset and might drop the answer (RFC 9112 §9.6).
constexpr Nanos kLinger = std::chrono::seconds(2);
constexpr std::size_t kLingerOctets = std::size_t{256} * 1024;
constexpr std::size_t kRead = std::size_t{16} * 1024;
constexpr std::size_t kAnswers = std::size_t{64} * 1024;

}  // namespace

struct HttpLoop::Shell final : HttpRacer {
  /// What a connection is doing.
  enum class Phase : std::uint8_t { handshake, idle, header, content, sending, racing, lingering };
  static constexpr std::array kPhases = {Phase::handshake, Phase::idle,   Phase::header,   Phase::content,
                                         Phase::sending,   Phase::racing, Phase::lingering};

  struct Connection : InPhase<Connection, Phase> {
    Connection(const http::RequestLimits& limits, unsigned requests) : stream(limits, requests) {}
    net::Fd fd;
    std::optional<net::TlsStream> tls;
    Endpoint client;
    std::size_t listener = 0;
    HttpStream stream;
    net::Watch readable;
    net::Watch writable;  // while something is unsent
    std::string pending;  // octets of a request that is not complete, or not answered yet
    std::string unsent;
    std::size_t lingered = 0;
    bool ended = false;  // the client sends no more
    bool last = false;   // when all is sent, it is over
    bool raced = false;  // its latest answer is left to the slaves
  };
  HttpLoopOptions options;
  const Clock& clock;
  HttpDesk desk;
  Connection* asking = nullptr;  // whose request is at hand
  NetworkPlaces networks;
  HttpLoopCounters counters;
  net::Loop loop{net::Loop::Timers::coarse};
  std::optional<HttpRacing> racing;  // has timers of the loop
  net::Acceptor acceptor{loop, counters.accept_errors,
                         [this](net::Fd fd, const Endpoint& client, std::size_t listener) {
                           welcome(std::move(fd), client, listener);
                         }};
  PhaseLists<Connection, Phase, kPhases.size()> connections;
  std::string in;     // what is read, behind what was pending
  RealTime received;  // the octets at hand
  std::vector<std::uint8_t> out;
  Gather gather;
  unsigned answered = 0;  // in this round of the loop
  net::Watch sweeper;
  net::Watch dater;
  std::thread thread;

  Shell(const HttpLoopOptions& o, const Clock& c, Random& random)
      : options(o),
        clock(c),
        desk({o.scheme, o.services, o.limits.target, o.unique_names, o.epoch}, random, o.records,
             o.racing ? this : nullptr),
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

  void close(Connection& c) {
    ++counters.closed;
    networks.leave(c.client.ip);
    connections.erase(c);
  }

  void welcome(net::Fd fd, const Endpoint& client, std::size_t listener) {
    ++counters.accepted;
    if (!networks.enter(client.ip)) {
      ++counters.network_full;
      ++counters.closed;
      return;
    }
    if (connections.size() >= options.connections) evict();
    const int one = 1;
    (void)setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    Connection& c = connections.add(Phase::idle, clock.mono(), options.limits, options.requests);
    c.fd = std::move(fd);
    c.client = client;
    c.listener = listener;
    c.readable = loop.on_readable(c.fd.get(), [this, &c] { read(c); });
    if (!options.tls) return;
    c.tls.emplace(options.tls, c.fd.get());
    connections.enter(c, Phase::handshake, c.since);
  }

  /// Who has not shown a key longest, then who is idle longest; while nobody is, who takes longest for
  /// anything else.
  void evict() {
    Connection* const longest = connections.longest(kPhases);
    if (longest == nullptr) return;
    ++counters.evicted;
    close(*longest);
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
    } else if (c.phase == Phase::handshake && c.tls->established()) {
      connections.enter(c, Phase::idle, clock.mono());
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
      std::string().swap(c.pending);  // who waits holds no memory
    }
    if (!c.unsent.empty()) return wait_to_send(c, now);
    if (c.last) return c.raced ? wait_for_race(c) : finish(c);
    const Phase next = wait == HttpStream::Wait::request  ? Phase::idle
                       : wait == HttpStream::Wait::header ? Phase::header
                                                          : Phase::content;
    // Octets that complete nothing stretch no time.
    if (requests > 0 || next != c.phase) connections.enter(c, next, now);
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
    connections.enter(c, Phase::sending, now);
    c.readable.pause();
    c.writable = loop.on_writable(c.fd.get(), [this, &c] { write(c); });
  }

  void write(Connection& c) {
    const std::string unsent = std::exchange(c.unsent, {});
    if (!send(c, unsent) || !c.unsent.empty()) return;
    c.writable = net::Watch();
    if (c.last) return finish(c);
    c.readable.resume();
    connections.enter(c, Phase::idle, clock.mono());
    const std::string pending = std::exchange(c.pending, {});
    received = RealTime();
    work(c, pending);
  }

  /// All is sent. The client may still be sending what nobody reads.
  void finish(Connection& c) {
    if (c.tls) c.tls->end();
    if (c.ended || shutdown(c.fd.get(), SHUT_WR) != 0) return close(c);
    std::string().swap(c.pending);
    c.readable.resume();
    connections.enter(c, Phase::lingering, clock.mono());
  }

  void sweep() {
    const MonoTime now = clock.mono();
    sweep(Phase::idle, options.idle_timeout, counters.idle_timeouts, now);
    sweep(Phase::handshake, options.header_timeout, counters.header_timeouts, now);
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
    if (c.phase != Phase::racing) connections.enter(c, Phase::racing, clock.mono());
  }
  void finish_raced(MonoTime now) {
    std::list<Connection>& all = connections.in(Phase::racing);
    for (auto at = all.begin(); at != all.end();) {
      Connection& c = *at++;
      if (acknowledged(c) || now - c.since >= kLinger) finish(c);
    }
  }
  void sweep(Phase phase, Nanos most, Counter& counter, MonoTime now) {
    connections.overdue(phase, most, now, [&](Connection& c) {
      ++counter;
      close(c);
    });
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
    acceptor.start();
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
  for (const Endpoint& at : options.listen) {
    net::Fd listening = net::tcp_listener(at, false, kBacklog);
    if (shell_->racing) shell_->racing->prepare(listening);
    shell_->acceptor.add(std::move(listening));
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
  return shell_->acceptor.local();
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
