#include "master/request_loop.hh"

#include <fmt/core.h>
#include <pthread.h>

#include <algorithm>
#include <cassert>
#include <limits>
#include <thread>
#include <utility>

#include "common/base/quiet_thread.hh"
#include "common/base/sleep.hh"
#include "common/dns/dns_tcp.hh"
#include "common/net/loop.hh"
#include "common/net/steering.hh"
#include "common/net/udp.hh"
#include "common/net/udp_errors.hh"
#include "master/attend.hh"
#include "master/gather.hh"
#include "master/order_sockets.hh"

namespace flagfall::master {
namespace {

/// Rests without a round of the event loop between them: TCP waits 8 ms at most.
constexpr int kRestRounds = 4;
/// Answers of this size pass everywhere in one piece (DNS flag day 2020): an IPv6 link's least MTU without
/// the headers. Then they may say "don't fragment" (RFC 9715 wants no fragments), as slaves' answers do; the
/// kernel also need not draw them an identification.
constexpr std::uint16_t kOnePiece = 1232;
/// How exactly queries that wait are answered when their time is over.
constexpr Nanos kRelease = std::chrono::milliseconds(10);
constexpr Nanos kGaugeInterval = std::chrono::seconds(1);

RequestOptions core_options(const LoopOptions& options) {
  RequestOptions core = options.core;
  core.loop = options.index;
  core.loops = options.count;
  return core;
}

}  // namespace

struct RequestLoop::Shell final : RequestOutput {
  /// One service address of this loop.
  struct Service {
    net::Fd fd;
    Endpoint local;
    std::uint8_t address = 0;
    net::UdpReceiver receiver{4096};
    std::uint64_t errors_seen = 0;
    std::uint32_t drops_seen = 0;
    std::unique_ptr<net::TcpServer> tcp;
    net::Watch watch;
  };

  LoopOptions options;
  const Clock& clock;
  dns::FrontEnd front_end;
  RequestCore core;
  LoopCounters counters;
  net::Loop loop{net::Loop::Timers::coarse};
  std::vector<Service> services;
  net::UdpSender answers;
  OrderSockets orders;
  net::UdpErrors errors;
  std::vector<std::uint8_t> tcp_room = std::vector<std::uint8_t>(dns::DnsTcp::kRoom);
  const dns::DnsTcp::Answer answer_stream = [this](Bytes message, const Endpoint& peer, MutableBytes room) {
    return core.stream_query(message, peer, {clock.mono(), read_real_minus_mono(clock).offset}, room);
  };
  const net::Fd* answer_from = nullptr;
  Gather gather;
  Attend attend;
  net::Watch gauges;
  net::Watch releases;     // while queries wait,
  bool releasing = false;  // then this is set
  std::thread thread;

  Shell(const LoopOptions& o, const std::vector<std::unique_ptr<dns::Zone>>& zones,
        const dns::Cookies& cookies, const Clock& c, Random& random, Nanos first_gather)
      : options(o),
        clock(c),
        front_end(zones, cookies, o.dns),
        core(core_options(o), front_end, random, o.records),
        answers(std::max<std::size_t>(o.dns.udp_size, 512)),
        orders(o.order_sources, o.order_dscp, o.core.order_size),
        gather(first_gather) {}

  /// At one socket one can wait.
  [[nodiscard]] bool attends() const { return options.listen.size() == 1; }

  void open_service(const Endpoint& at, std::uint8_t address) {
    const bool shared = options.count > 1;
    Service& s = services.emplace_back();
    s.address = address;
    s.fd = net::udp_socket(at, {.reuse_port = shared,
                                .receive_stamps = true,
                                .dont_fragment = options.dns.udp_size <= kOnePiece,
                                .receive_errors = true,
                                .receive_wait = attends() ? Attend::kWait : Nanos(0),
                                .receive_buffer = options.receive_buffer});
    s.local = net::local_endpoint(s.fd);
    net::Fd listener = net::tcp_listener(s.local, shared);
    s.tcp = std::make_unique<net::TcpServer>(
        loop, std::move(listener), options.tcp, [this](const Endpoint& peer) {
          return std::make_unique<dns::DnsTcp>(answer_stream, peer, tcp_room);
        });
  }

  // RequestOutput
  MutableBytes answer_room() override {
    if (answers.full()) flush_answers();
    return answers.room();
  }
  void send_answer(std::size_t length, const Endpoint& to) override { answers.commit(length, to); }
  void send_orders(std::span<OrderDatagram> datagrams) override { orders.send_orders(datagrams); }

  void flush_answers() {
    if (answers.empty()) return;
    const auto result = answers.flush(*answer_from);
    counters.answers_sent.add(result.sent);
    counters.answers_failed.add(result.failed);
  }

  /// What is there. `readable`: the loop said so; then an empty socket has something in its error queue.
  void burst(Service& s, bool readable) { answer_all(s, s.receiver.receive(s.fd), readable); }

  void answer_all(Service& s, std::span<net::Datagram> got, bool readable) {
    if ((got.empty() && readable) || s.receiver.errors() != s.errors_seen) drain_errors(s);
    if (got.empty()) return;
    for (const net::Datagram& d : got) core.prepare(d.from.ip);
    const BurstTimes times = read_times(clock);
    answer_from = &s.fd;
    core.begin(times);
    for (const net::Datagram& d : got) {
      if (d.truncated) {
        ++core.counters().truncated_datagrams;
        continue;
      }
      const RealTime stamp = d.stamp == RealTime() ? d.stamp : clock.stamp(d.stamp);
      core.query(d.data, d.from, stamp, s.address, *this);
    }
    core.finish(core.burst_has_races() ? clock.mono() : times.now, *this);
    flush_answers();
    if (core.holds() && !releasing) {
      releasing = true;
      releases = loop.every(kRelease, [this] { release(); });
    }
    ++counters.bursts;
    gather.burst(times.now, core.burst_queries(), core.burst_races(), got.size() == net::UdpReceiver::kBatch);
    attend.burst(times.now, core.burst_queries(), core.burst_races());
    if (s.receiver.kernel_drops() != s.drops_seen) {
      counters.receive_queue_drops.add(s.receiver.kernel_drops() -
                                       s.drops_seen);  // modulo 2^32, as the kernel counts
      s.drops_seen = s.receiver.kernel_drops();
    }
  }

  void release() {
    if (!core.holds()) return;
    const BurstTimes times = read_times(clock);
    for (const Service& s : services) {
      answer_from = &s.fd;
      core.release(s.address, times, *this);
      flush_answers();
    }
    if (core.holds()) return;
    releasing = false;
    releases = net::Watch();
  }

  /// At most a few batches: what is left makes the socket readable again.
  void drain_errors(Service& s) {
    const BurstTimes times = read_times(clock);
    for (int i = 0; i < 4; ++i) {
      const std::span<net::UdpError> got = errors.drain(s.fd);
      for (const net::UdpError& e : got) {
        const RealTime stamp = e.stamp == RealTime() ? e.stamp : clock.stamp(e.stamp);
        core.error(e, s.address, received_at(stamp, times));
      }
      counters.icmp_errors.add(got.size());
      if (got.size() < net::UdpErrors::kBatch) break;
    }
    s.errors_seen = s.receiver.errors();
  }

  void run() {
    pthread_setname_np(pthread_self(), fmt::format("requests-{}", options.index).c_str());
    for (Service& s : services) s.watch = loop.on_readable(s.fd.get(), [this, &s] { burst(s, true); });
    gauges = loop.every(kGaugeInterval, [this] {
      counters.tracked_networks.store(core.race().guard().tracked(clock.mono()), std::memory_order_relaxed);
    });
    loop.run([this] { rest(); });
  }

  /// Between two rounds of the event loop. Lets races gather, then takes them without asking the loop first;
  /// the loop's other work gets its turn every few rounds.
  void rest() {
    attend.turn();
    for (int round = 0; round < kRestRounds; ++round) {
      const MonoTime until = gather.rest();
      if (until == MonoTime()) return stay();
      sleep_until(clock, until);
      for (Service& s : services) burst(s, false);
    }
  }

  /// Waits for the next queries at the socket, while they come densely.
  void stay() {
    if (!attends()) return;
    Service& s = services.front();
    if (!attend.again()) return;
    s.watch.pause();  // or the kernel tells epoll of each answer that has left
    do {
      answer_all(s, s.receiver.wait(s.fd), false);
    } while (attend.again());
    s.watch.resume();
  }
};

RequestLoop::RequestLoop(const LoopOptions& options, const std::vector<std::unique_ptr<dns::Zone>>& zones,
                         const dns::Cookies& cookies, const Clock& clock, Random& random,
                         std::shared_ptr<const Snapshot> first)
    : shell_(std::make_unique<Shell>(options, zones, cookies, clock, random, first->gather)) {
  assert(options.index < options.count && options.listen.size() <= 32);
  shell_->core.take_over(std::move(first));
  shell_->services.reserve(options.listen.size());
  for (const Endpoint& at : options.listen)
    shell_->open_service(at, static_cast<std::uint8_t>(shell_->services.size()));
}

RequestLoop::~RequestLoop() {
  if (!shell_->thread.joinable()) return;
  shell_->loop.post([s = shell_.get()] { s->loop.stop(); });
  shell_->thread.join();
}

void RequestLoop::steer(const GuardOptions& guard, std::uint32_t seed) {
  for (const Shell::Service& s : shell_->services) {
    const Family family = s.local.ip.family;
    net::steer_by_source(s.fd, family, family == Family::v4 ? guard.prefix_v4 : guard.prefix_v6,
                         shell_->options.count, seed);
  }
}

void RequestLoop::start() {
  shell_->thread = thread_without_signals([s = shell_.get()] { s->run(); });
}

void RequestLoop::publish(std::shared_ptr<const Snapshot> snapshot) {
  shell_->loop.post([s = shell_.get(), snapshot = std::move(snapshot)] {
    s->gather.set_most(snapshot->gather);
    s->core.take_over(snapshot);
    s->release();
  });
}

std::vector<Endpoint> RequestLoop::local() const {
  std::vector<Endpoint> out;
  for (const Shell::Service& s : shell_->services) out.push_back(s.local);
  return out;
}
int RequestLoop::granted_receive_buffer() const {
  int least = std::numeric_limits<int>::max();
  for (const Shell::Service& s : shell_->services) least = std::min(least, net::granted_receive_buffer(s.fd));
  return least;
}
const LoopCounters& RequestLoop::counters() const {
  return shell_->counters;
}
const RequestCounters& RequestLoop::requests() const {
  return std::as_const(shell_->core).counters();
}
const dns::DnsCounters& RequestLoop::dns() const {
  return shell_->front_end.counters();
}
const OrderCounters& RequestLoop::orders(std::size_t slave) const {
  return shell_->core.orders(slave);
}
int RequestLoop::order_error() const {
  return shell_->orders.last_error();
}
std::uint64_t RequestLoop::led(std::size_t service, director::ServerIndex server) const {
  return shell_->core.led(service, server);
}
std::vector<const net::TcpCounters*> RequestLoop::tcp() const {
  std::vector<const net::TcpCounters*> out;
  for (const Shell::Service& s : shell_->services) out.push_back(&s.tcp->counters());
  return out;
}

void require_free_ports(const std::vector<Endpoint>& listen) {
  for (const Endpoint& at : listen) {
    (void)net::udp_socket(at, {});
    (void)net::tcp_listener(at, false);
  }
}

}  // namespace flagfall::master
