#include "check/listener.hh"

#include <netinet/in.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>

#include "common/net/fd.hh"
#include "common/net/sockaddr.hh"
#include "common/net/udp.hh"

namespace flagfall::check {
namespace {

constexpr std::size_t kMostDatagram = 4096;
/// conntrack forgets a UDP flow without an answer after 30 s.
constexpr Nanos kOpenEvery = std::chrono::seconds(5);
/// Datagrams of one wake-up: a flood must not keep us from the clock.
constexpr unsigned kMostReads = 256;
/// After the last one that was waited for: duplicates and the other family.
constexpr Nanos kLinger = std::chrono::milliseconds(300);

void want_ttl(const net::Fd& fd, Family family) {
  const int one = 1;
  if (family == Family::v4)
    (void)setsockopt(fd.get(), SOL_IP, IP_RECVTTL, &one, sizeof one);
  else
    (void)setsockopt(fd.get(), SOL_IPV6, IPV6_RECVHOPLIMIT, &one, sizeof one);
}

struct Got {
  std::size_t size = 0;
  Arrivals::Seen seen;
};

std::optional<Got> receive(const net::Fd& fd, std::array<std::uint8_t, kMostDatagram>& room,
                           const Clock& clock) {
  net::SockAddr from;
  iovec vector{room.data(), room.size()};
  alignas(cmsghdr) std::array<char, 256> control{};
  msghdr message{};
  message.msg_name = &from.any;
  message.msg_namelen = sizeof from.v6;
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t n = recvmsg(fd.get(), &message, MSG_DONTWAIT);
  if (n < 0) return std::nullopt;
  Got got{static_cast<std::size_t>(n), {}};
  got.seen.size = got.size;
  got.seen.at = clock.real();
  if (const auto endpoint = net::to_endpoint(from.any, message.msg_namelen)) got.seen.from = *endpoint;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    const bool ttl = (c->cmsg_level == SOL_IP && c->cmsg_type == IP_TTL) ||
                     (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_HOPLIMIT);
    int value = 0;
    if (ttl) {
      std::memcpy(&value, CMSG_DATA(c), sizeof value);
      got.seen.ttl = static_cast<unsigned>(value);
    }
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
      timespec stamp{};
      std::memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
      got.seen.at = RealTime(from_timespec(stamp));
    }
  }
  return got;
}

net::Fd interrupts() {
  sigset_t wanted{};
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGINT);
  sigaddset(&wanted, SIGTERM);
  sigprocmask(SIG_BLOCK, &wanted, nullptr);
  return net::Fd(net::check(signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd"));
}

class Listener {
 public:
  Listener(const ListenOptions& options, Arrivals& book, std::ostream& progress)
      : options_(options), book_(book), progress_(progress), mac_(options.key), interrupts_(interrupts()) {
    for (const Endpoint& at : options.listen) {
      sockets_.push_back(net::udp_socket(at, {.receive_stamps = true, .receive_buffer = 1 << 20}));
      want_ttl(sockets_.back(), at.ip.family);
    }
  }

  void run() {
    MonoTime end = clock_.mono() + options_.patience;
    MonoTime next_open = clock_.mono();
    bool complete = false;
    while (clock_.mono() < end) {
      if (clock_.mono() >= next_open) {
        open();
        next_open = clock_.mono() + kOpenEvery;
      }
      if (!wait(std::min(end, next_open))) return;
      for (const net::Fd& fd : sockets_) read(fd);
      if (!complete && book_.complete(options_.expected)) {
        complete = true;
        end = std::min(end, clock_.mono() + kLinger);
      }
    }
  }

 private:
  /// False: interrupted.
  bool wait(MonoTime until) {
    std::vector<pollfd> waiting{{interrupts_.get(), POLLIN, 0}};
    for (const net::Fd& fd : sockets_) waiting.push_back({fd.get(), POLLIN, 0});
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock_.mono());
    (void)poll(waiting.data(), waiting.size(), static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    return waiting[0].revents == 0;
  }

  void read(const net::Fd& fd) {
    for (unsigned i = 0; i < kMostReads; ++i) {
      const auto got = receive(fd, room_, clock_);
      if (!got) return;
      const auto probe = decode_probe(Bytes(room_).first(got->size), mac_);
      if (!probe)
        book_.stranger(probe.error());
      else if (const std::string line = book_.add(*probe, got->seen); !line.empty())
        progress_ << line << std::endl;
    }
  }

  void open() {
    for (const Endpoint& to : options_.open_toward)
      for (std::size_t i = 0; i < sockets_.size(); ++i) {
        if (options_.listen[i].ip.family != to.ip.family) continue;
        const net::SockAddr address(to);
        (void)sendto(sockets_[i].get(), "", 0, 0, &address.any, address.length);
      }
  }

  const ListenOptions& options_;
  Arrivals& book_;
  std::ostream& progress_;
  net::AesCmac mac_;
  SystemClock clock_;
  net::Fd interrupts_;
  std::vector<net::Fd> sockets_;
  std::array<std::uint8_t, kMostDatagram> room_{};
};

}  // namespace

void listen_for_probes(const ListenOptions& options, Arrivals& book, std::ostream& progress) {
  Listener(options, book, progress).run();
}

}  // namespace flagfall::check
