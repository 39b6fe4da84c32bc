#include "collect/pinger.hh"

#include <fmt/core.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "collect/icmp_echo.hh"
#include "common/net/sockaddr.hh"

namespace flagfall::collect {
namespace {

/// Replies that are read in one turn of the loop.
constexpr int kBatch = 64;

template <class T>
void set(const net::Fd& fd, int level, int option, const T& value, const char* what) {
  net::check(setsockopt(fd.get(), level, option, &value, sizeof value), what);
}

void let_only_replies_in(const PingSocket& socket) {
  if (socket.family == Family::v4) {
    icmp_filter filter{~(1U << ICMP_ECHOREPLY)};
    set(socket.fd, SOL_RAW, ICMP_FILTER, filter, "ping socket: ICMP_FILTER");
  } else {
    icmp6_filter filter{};
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
    set(socket.fd, IPPROTO_ICMPV6, ICMP6_FILTER, filter, "ping socket: ICMP6_FILTER");
  }
}

/// errno in `error` when there is none to be had.
PingSocket open_socket(Family family, int& error) {
  const int domain = family == Family::v4 ? AF_INET : AF_INET6;
  const int protocol =
      family == Family::v4 ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6);
  PingSocket out;
  out.family = family;
  for (const int type : {SOCK_RAW, SOCK_DGRAM}) {
    out.fd = net::Fd(::socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
    out.raw = type == SOCK_RAW;
    if (out.fd) break;
    error = errno;
  }
  if (!out.fd) return out;
  error = 0;
  if (out.raw) let_only_replies_in(out);
  set(out.fd, SOL_SOCKET, SO_TIMESTAMPNS, 1, "ping socket: SO_TIMESTAMPNS");
  return out;
}

/// The kernel's receive stamp; the epoch without one.
RealTime stamp_of(msghdr& message) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
    timespec stamp{};
    std::memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
    return RealTime(from_timespec(stamp));
  }
  return {};
}

}  // namespace

std::vector<PingSocket> open_ping_sockets() {
  std::vector<PingSocket> out;
  int error = 0;
  for (const Family family : {Family::v4, Family::v6}) {
    int why = 0;
    PingSocket socket = open_socket(family, why);
    if (socket.fd)
      out.push_back(std::move(socket));
    else if (why != EAFNOSUPPORT)
      error = why;
  }
  if (out.empty())
    throw std::runtime_error(
        fmt::format("pings: no socket for ICMP echoes: {}; give the program CAP_NET_RAW, add its group to "
                    "net.ipv4.ping_group_range, or set collect.ping = false",
                    std::generic_category().message(error == 0 ? EAFNOSUPPORT : error)));
  return out;
}

Pinger::Pinger(net::Loop& loop, const Clock& clock, Random& random, const PingOptions& options,
               std::vector<PingSocket> sockets, Tell tell)
    : loop_(loop),
      clock_(clock),
      desk_(options, random),
      id_(static_cast<std::uint16_t>(random.next())),
      sockets_(std::move(sockets)),
      tell_(std::move(tell)) {
  for (const PingSocket& socket : sockets_)
    readable_.push_back(loop_.on_readable(socket.fd.get(), [this, &socket] { receive(socket); }));
}

void Pinger::order(std::size_t asker, const wire::PingOrder& order) {
  desk_.order(asker, order, clock_.mono());
  work();
}

void Pinger::send(const PingDesk::Echo& echo) {
  const auto socket = std::ranges::find(sockets_, echo.to.family, &PingSocket::family);
  if (socket == sockets_.end()) return desk_.failed(echo.sequence, clock_.mono());
  const auto bytes = encode_request(echo.to.family, {id_, echo.sequence, echo.token});
  const net::SockAddr to(Endpoint{echo.to, 0});
  const MonoTime now = clock_.mono();
  if (sendto(socket->fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL, &to.any, to.length) < 0)
    desk_.failed(echo.sequence, now);
  else
    desk_.sent(echo.sequence, now);
}

void Pinger::receive(const PingSocket& socket) {
  const Nanos real_minus_mono = read_real_minus_mono(clock_).offset;
  for (int i = 0; i < kBatch; ++i) {
    std::array<std::uint8_t, 2048> packet{};
    alignas(cmsghdr) std::array<char, 256> control{};
    net::SockAddr from;
    iovec part{packet.data(), packet.size()};
    msghdr message{};
    message.msg_name = &from.any;
    message.msg_namelen = sizeof(sockaddr_in6);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t n = recvmsg(socket.fd.get(), &message, 0);
    if (n < 0) break;
    const auto peer = net::to_endpoint(from.any, message.msg_namelen);
    const auto echo = parse_reply(socket.family, socket.raw && socket.family == Family::v4,
                                  Bytes(packet).first(static_cast<std::size_t>(n)));
    // To a raw socket also come the replies to other programs' pings.
    if (!peer || !echo || (socket.raw && echo->id != id_)) continue;
    const MonoTime now = clock_.mono();
    const RealTime stamp = stamp_of(message);
    const MonoTime at =
        stamp == RealTime() ? now : MonoTime(clock_.stamp(stamp).time_since_epoch() - real_minus_mono);
    desk_.reply(peer->ip, echo->sequence, echo->token, at, now);
  }
  work();
}

void Pinger::work() {
  const MonoTime now = clock_.mono();
  desk_.tick(now);
  for (const PingDesk::Echo& echo : desk_.take_echoes(now)) send(echo);
  if (const auto results = desk_.take_results(); !results.empty()) tell_(results);
  const MonoTime next = desk_.next_deadline(now);
  if (next == MonoTime::max()) {
    timer_ = net::Watch();
    return;
  }
  // A millisecond at least: what is due is gathered, and the loop never spins.
  timer_ = loop_.after(std::max<Nanos>(next - now, std::chrono::milliseconds(1)), [this] { work(); });
}

}  // namespace flagfall::collect
