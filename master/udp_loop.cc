#include "master/udp_loop.hh"

#include <pthread.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "common/base/quiet_thread.hh"
#include "common/net/loop.hh"
#include "common/net/udp.hh"
#include "master/order_sockets.hh"

namespace flagfall::master {
namespace {

/// One octet more than a request may have: then the kernel says that it was longer.
std::size_t room_of(const UdpRaceOptions& options) {
  return std::size_t{1} + *std::ranges::max_element(options.max_request);
}

}  // namespace

struct UdpLoop::Shell {
  struct Socket {
    net::Fd fd;
    UdpLoopOptions::Listen listen;
    net::UdpReceiver receiver;
    std::uint32_t drops_seen = 0;
    net::Watch watch;
  };

  const Clock& clock;
  UdpRaces core;
  OrderSockets orders;
  net::Loop loop{net::Loop::Timers::coarse};
  std::vector<Socket> sockets;
  Counter drops;
  std::thread thread;

  Shell(const UdpLoopOptions& o, const Clock& c, Random& random)
      : clock(c), core(o.core, random, o.records), orders(o.order_sources, o.order_dscp, o.core.order_size) {
    sockets.reserve(o.listen.size());
    for (const UdpLoopOptions::Listen& each : o.listen)
      sockets.push_back(
          {net::udp_socket(each.at, {.receive_stamps = true, .receive_buffer = o.receive_buffer}),
           each,
           net::UdpReceiver(room_of(o.core)),
           0,
           {}});
  }

  void burst(Socket& s) {
    static_assert(net::UdpReceiver::kBatch <= kMostQueries);
    const auto got = s.receiver.receive(s.fd);
    if (got.empty()) return;
    core.begin(read_times(clock));
    for (const net::Datagram& d : got)
      core.request({.octets = d.data,
                    .client = d.from,
                    .stamp = d.stamp == RealTime() ? d.stamp : clock.stamp(d.stamp),
                    .truncated = d.truncated,
                    .service = s.listen.service,
                    .address = s.listen.address});
    core.finish(clock.mono(), orders);
    drops.add(
        std::uint32_t{s.receiver.kernel_drops() - std::exchange(s.drops_seen, s.receiver.kernel_drops())});
  }

  void run() {
    pthread_setname_np(pthread_self(), "datagrams");
    for (Socket& s : sockets) s.watch = loop.on_readable(s.fd.get(), [this, &s] { burst(s); });
    loop.run();
  }
};

UdpLoop::UdpLoop(const UdpLoopOptions& options, const Clock& clock, Random& random,
                 std::shared_ptr<const Snapshot> first)
    : shell_(std::make_unique<Shell>(options, clock, random)) {
  shell_->core.take_over(std::move(first));
}

UdpLoop::~UdpLoop() {
  if (!shell_->thread.joinable()) return;
  shell_->loop.post([s = shell_.get()] { s->loop.stop(); });
  shell_->thread.join();
}

void UdpLoop::start() {
  shell_->thread = thread_without_signals([s = shell_.get()] { s->run(); });
}

void UdpLoop::publish(std::shared_ptr<const Snapshot> snapshot) {
  shell_->loop.post([s = shell_.get(), snapshot = std::move(snapshot)] { s->core.take_over(snapshot); });
}

const UdpCounters& UdpLoop::counters(std::size_t service) const {
  return shell_->core.counters(service);
}
const FallbackCounters& UdpLoop::fallback() const {
  return shell_->core.fallback();
}
std::uint64_t UdpLoop::races() const {
  return shell_->core.races();
}
const OrderCounters& UdpLoop::orders(std::size_t slave) const {
  return shell_->core.orders(slave);
}
int UdpLoop::order_error() const {
  return shell_->orders.last_error();
}
std::uint64_t UdpLoop::led(std::size_t service, director::ServerIndex server) const {
  return shell_->core.led(service, server);
}
std::uint64_t UdpLoop::receive_queue_drops() const {
  return shell_->drops.get();
}

}  // namespace flagfall::master
