#include "clocksync/ntp_source.hh"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "common/net/cmac.hh"
#include "common/net/tx_stamps.hh"
#include "common/net/udp.hh"

namespace flagfall::clocksync {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// Header, extension fields and signature; anything longer is cut and malformed.
constexpr std::size_t kReplyRoom = 512;
/// Batches read in one wake-up: a flood must not hold the loop.
constexpr unsigned kMostBatches = 2;
/// Requests that may still get a transmit stamp or a reply.
constexpr std::size_t kRemembered = 16;
/// Two bracketed readings of one pair of clocks differ by less than their widths and this.
constexpr Nanos kPairNoise = microseconds(1);
/// A kernel stamp older than this when it is read belongs to another time scale or request.
constexpr Nanos kStampAge = std::chrono::seconds(2);

wire::NtpMac make_mac(const NtpServerOptions& server) {
  if (server.key.empty()) return {};
  // std::function wants to be copied; the context is shared, on one thread.
  auto cmac = std::make_shared<net::AesCmac>(server.key);
  return [cmac](Bytes message) { return (*cmac)(message); };
}

std::vector<NtpClient::Options> client_options(const NtpOptions& options) {
  if (options.servers.empty() || options.servers.size() > kMostServers)
    throw std::invalid_argument("clock.servers: name 1 to " + std::to_string(kMostServers) + " NTP servers");
  std::vector<NtpClient::Options> out;
  for (const NtpServerOptions& server : options.servers) {
    NtpClient::Options client;
    client.name = to_string(server.address);
    client.poll_least = options.poll_least;
    client.poll_most = std::max(options.poll_least, options.poll_most);
    client.interleave = options.interleave;
    client.key = server.key_id;
    client.mac = make_mac(server);
    out.push_back(std::move(client));
  }
  return out;
}

}  // namespace

struct NtpSource::Shell {
  /// A request that left, by the kernel's count, and the pair of clocks then.
  struct Sent {
    std::uint32_t number = 0;
    std::uint64_t id = 0;
    RealMinusMono pair;
  };
  struct Server {
    Endpoint address;
    net::Fd fd;
    std::uint32_t numbers = 0;  // datagrams sent on `fd`
    std::array<Sent, kRemembered> sent{};
    net::Watch readable;
    net::Watch timer;
  };

  Shell(net::Loop& l, const Clock& c, Random& r, const NtpOptions& options, Updated u)
      : loop(l),
        clock(c),
        random(r),
        updated(std::move(u)),
        pool(client_options(options), options.pool),
        servers(pool.size()) {
    for (std::size_t i = 0; i < servers.size(); ++i) {
      servers[i].address = options.servers[i].address;
      // Not before run(): a callback must not come out of a constructor.
      servers[i].timer = loop.after(Nanos(0), [this, i] { poll(i); });
    }
  }

  void poll(std::size_t i) {
    const MonoTime now = clock.mono();
    if (pool.client(i).next_request() <= now) ask(i);
    if (pool.judge(clock.mono())) updated(pool.map());
    const Nanos wait = std::max(pool.client(i).next_request() - clock.mono(), Nanos(0));
    servers[i].timer = loop.after(wait, [this, i] { poll(i); });
  }

  void ask(std::size_t i) {
    Server& server = servers[i];
    const RealMinusMono pair = read_real_minus_mono(clock);
    const NtpClient::Cookies cookies{random.next(), random.next()};
    const bool ready = server.fd || open(i);
    // The request counts even when it cannot leave: silence is what the core sees.
    const auto request = pool.client(i).request(clock.mono(), cookies);
    if (!ready) return;
    const net::SockAddr to(server.address);
    if (sendto(server.fd.get(), request.bytes.data(), request.size, 0, &to.any, to.length) < 0) {
      close(server);  // its count of datagrams is not to be trusted any more
      return;
    }
    server.sent.at(request.id % kRemembered) = {server.numbers++, request.id, pair};
  }

  /// A port of its own for each server: one more thing to guess.
  bool open(std::size_t i) {
    Server& server = servers[i];
    try {
      Endpoint any;
      any.ip.family = server.address.ip.family;
      net::Fd fd = net::udp_socket(any, {.receive_stamps = true});
      net::TxStamps::enable(fd);
      server.fd = std::move(fd);
    } catch (const std::system_error&) {
      return false;  // out of descriptors, no such family: tried again at the next poll
    }
    server.numbers = 0;
    server.sent = {};
    server.readable = loop.on_readable(server.fd.get(), [this, i] { read(i); });
    return true;
  }

  static void close(Server& server) {
    server.readable = net::Watch();
    server.fd = net::Fd();
  }

  void read(std::size_t i) {
    Server& server = servers[i];
    // Transmit stamps first: a reply needs its request's.
    for (const net::TxStamp& stamp : stamps.drain(server.fd)) take_stamp(i, stamp);
    for (unsigned batch = 0; batch < kMostBatches; ++batch) {
      const auto datagrams = receiver.receive(server.fd);
      for (const net::Datagram& datagram : datagrams) take(i, datagram);
      if (datagrams.size() < net::UdpReceiver::kBatch) break;
    }
    const MonoTime now = clock.mono();
    // A reply may have changed when the next request is due.
    const Nanos wait = std::max(pool.client(i).next_request() - now, Nanos(0));
    server.timer = loop.after(wait, [this, i] { poll(i); });
  }

  /// As early as the bracket allows: t1 may be early, never late.
  void take_stamp(std::size_t i, const net::TxStamp& stamp) {
    for (const Sent& sent : servers[i].sent) {
      if (sent.id == 0 || sent.number != stamp.number) continue;
      const MonoTime left = to_mono(clock.stamp(stamp.stamp), sent.pair) - sent.pair.width / 2;
      if (left > clock.mono()) return;  // the clock was set; the reply's check drops it
      pool.client(i).transmitted(sent.id, left);
      ++kernel_stamps;
      return;
    }
  }

  void take(std::size_t i, const net::Datagram& datagram) {
    if (datagram.from != servers[i].address || datagram.truncated) {
      ++strays;
      return;
    }
    const RealMinusMono pair = read_real_minus_mono(clock);
    drop_if_set(i, pair);
    const MonoTime now = clock.mono();
    MonoTime arrived = now;
    if (datagram.stamp != RealTime()) {
      const MonoTime stamped = to_mono(clock.stamp(datagram.stamp), pair) + pair.width / 2;
      if (stamped <= now && now - stamped < kStampAge) {
        arrived = stamped;
        ++kernel_stamps;
      }
    }
    const NtpClient::Reply reply = pool.client(i).reply(datagram.data, arrived);
    if (pool.take(i, reply, now)) updated(pool.map());
  }

  /// Drops every exchange under way whose beginning was read from another pair of clocks.
  void drop_if_set(std::size_t i, const RealMinusMono& pair) {
    for (Sent& sent : servers[i].sent) {
      if (sent.id == 0) continue;
      const Nanos moved = std::chrono::abs(pair.offset - sent.pair.offset);
      if (moved <= (pair.width + sent.pair.width) / 2 + kPairNoise) continue;
      pool.client(i).discard(sent.id);
      sent = Sent{};
    }
  }

  static MonoTime to_mono(RealTime real, const RealMinusMono& pair) {
    return MonoTime(real.time_since_epoch() - pair.offset);
  }

  net::Loop& loop;
  const Clock& clock;
  Random& random;
  Updated updated;
  NtpPool pool;
  std::vector<Server> servers;
  net::UdpReceiver receiver{kReplyRoom};
  net::TxStamps stamps;
  Counter kernel_stamps;  // of both kinds: two an exchange when all is well
  Counter strays;         // datagrams from elsewhere than the server, or longer than any NTP packet
};

NtpSource::NtpSource(net::Loop& loop, const Clock& clock, Random& random, const NtpOptions& options,
                     Updated updated)
    : shell_(std::make_unique<Shell>(loop, clock, random, options, std::move(updated))) {}
NtpSource::~NtpSource() = default;

const RefMap& NtpSource::current() const {
  return shell_->pool.map();
}
const NtpPool& NtpSource::pool() const {
  return shell_->pool;
}
void NtpSource::for_each_counter(const std::function<void(std::string_view, std::uint64_t)>& f) const {
  // All clients name the same counters in the same order.
  std::vector<std::pair<std::string_view, std::uint64_t>> sums;
  for (std::size_t i = 0; i < shell_->pool.size(); ++i) {
    std::size_t n = 0;
    shell_->pool.client(i).counters().for_each([&](std::string_view name, const Counter& counter) {
      if (i == 0) sums.emplace_back(name, 0);
      sums[n++].second += counter.get();
    });
  }
  for (const auto& [name, value] : sums) f(name, value);
  shell_->pool.counters().for_each(
      [&](std::string_view name, const Counter& counter) { f(name, counter.get()); });
  f("ntp_kernel_stamps", shell_->kernel_stamps.get());
  f("ntp_strays", shell_->strays.get());
}

}  // namespace flagfall::clocksync
