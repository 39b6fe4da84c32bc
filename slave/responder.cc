#include "slave/responder.hh"

#include <pthread.h>

#include <array>
#include <thread>
#include <utility>

#include "common/base/quiet_thread.hh"
#include "common/base/spsc_ring.hh"
#include "common/dns/dns_tcp.hh"
#include "common/net/loop.hh"
#include "common/net/udp.hh"

namespace flagfall::slave {
namespace {

/// Batches in one wake-up; then other sockets get their turn.
constexpr unsigned kMostBatches = 4;
/// Beacons on their way to the responder, and wins back. The loop thread empties the latter several times a
/// second.
constexpr std::size_t kRing = 4096;

ResponderCore::Now read(const Clock& clock) {
  return {clock.mono(),
          static_cast<std::uint32_t>(
              std::chrono::duration_cast<std::chrono::seconds>(clock.real().time_since_epoch()).count())};
}

}  // namespace

struct Responder::Shell {
  struct Service {
    net::Fd fd;
    net::UdpReceiver receiver{4096};
    std::unique_ptr<net::TcpServer> tcp;
    net::Watch watch;
  };

  const Clock& clock;
  ResponderCore core;
  SpscRing<IssuedBeacon> beacons{kRing};
  SpscRing<BeaconWin> wins{kRing};
  net::Loop loop{net::Loop::Timers::coarse};
  net::UdpSender answers;
  std::vector<std::uint8_t> tcp_room = std::vector<std::uint8_t>(dns::DnsTcp::kRoom);
  const dns::DnsTcp::Answer answer_stream = [this](Bytes message, const Endpoint& peer, MutableBytes room) {
    take_beacons();
    const std::size_t length = core.answer(message, peer, dns::Transport::tcp, read(clock), room);
    hand_on();
    return length;
  };
  std::vector<std::unique_ptr<Service>> services;
  std::thread thread;

  Shell(const Options& options, const Clock& c, Random& random)
      : clock(c),
        core(options.core, random),
        answers(std::max<std::size_t>(options.core.dns.udp_size, wire::kPlainUdpSize)) {}

  void open(const Endpoint& at, const Options& options) {
    Service& s = *services.emplace_back(std::make_unique<Service>());
    s.fd = net::udp_socket(at, {.receive_buffer = options.receive_buffer});
    s.tcp = std::make_unique<net::TcpServer>(
        loop, net::tcp_listener(net::local_endpoint(s.fd), false), options.tcp, [this](const Endpoint& peer) {
          return std::make_unique<dns::DnsTcp>(answer_stream, peer, tcp_room);
        });
    s.watch = loop.on_readable(s.fd.get(), [this, &s] { receive(s); });
  }

  void take_beacons() {
    IssuedBeacon beacon;
    while (beacons.pop(beacon)) core.issued(beacon);
  }
  void hand_on() {
    if (core.won() && !wins.push(*core.won())) ++core.counters().lost;
  }

  void receive(Service& s) {
    for (unsigned i = 0; i < kMostBatches; ++i) {
      const auto batch = s.receiver.receive(s.fd);
      if (batch.empty()) return;
      take_beacons();
      const ResponderCore::Now now = read(clock);
      for (const net::Datagram& d : batch) {
        if (d.truncated) continue;  // longer than any query
        const std::size_t length = core.answer(d.data, d.from, dns::Transport::udp, now, answers.room());
        hand_on();
        if (length > 0) answers.commit(length, d.from);
      }
      (void)answers.flush(s.fd);
      if (batch.size() < net::UdpReceiver::kBatch) return;
    }
  }

  void run() {
    pthread_setname_np(pthread_self(), "dns");
    loop.run();
  }
};

Responder::Responder(const Options& options, const Clock& clock, Random& random)
    : shell_(std::make_unique<Shell>(options, clock, random)) {
  for (const Endpoint& at : options.listen) shell_->open(at, options);
}

Responder::~Responder() {
  if (!shell_->thread.joinable()) return;
  shell_->loop.post([s = shell_.get()] { s->loop.stop(); });
  shell_->thread.join();
}

void Responder::start() {
  shell_->thread = thread_without_signals([s = shell_.get()] { s->run(); });
}

void Responder::publish(std::shared_ptr<const OwnNames> names) {
  shell_->loop.post([s = shell_.get(), names = std::move(names)] { s->core.use(names); });
}

void Responder::issued(const IssuedBeacon& beacon) {
  (void)shell_->beacons.push(beacon);
}
bool Responder::pop(BeaconWin& win) {
  return shell_->wins.pop(win);
}
const ResponderCore& Responder::core() const {
  return shell_->core;
}
std::uint64_t Responder::tcp_connections() const {
  std::uint64_t sum = 0;
  for (const auto& s : shell_->services) sum += s->tcp->counters().accepted.get();
  return sum;
}

}  // namespace flagfall::slave
