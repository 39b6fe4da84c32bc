#include "common/net/udp.hh"

#include <fmt/core.h>
#include <netinet/ip.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace flagfall::net {
namespace {

// <linux/in6.h>; glibc 2.36 does not define it.
constexpr int kIpv6Transparent = 75;

/// Errors that belong to an earlier datagram (ICMP), not to this call.
bool icmp_error(int error) {
  return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH || error == EHOSTDOWN ||
         error == ENOPROTOOPT || error == EPROTO || error == EMSGSIZE;
}

void option(const Fd& fd, int level, int name, int value, const char* what) {
  check(setsockopt(fd.get(), level, name, &value, sizeof value), what);
}

/// Buffers are a wish: the kernel caps them at rmem_max, without an error.
void buffer(const Fd& fd, int name, int force, int bytes) {
  if (bytes <= 0) return;
  if (setsockopt(fd.get(), SOL_SOCKET, force, &bytes, sizeof bytes) != 0)
    (void)setsockopt(fd.get(), SOL_SOCKET, name, &bytes, sizeof bytes);
}

std::string bind_advice(int error, const Endpoint& local, bool foreign) {
  const std::string where = to_string(local);
  if (error == EADDRINUSE)
    return fmt::format("bind UDP {}: another program has this port; see `ss -ulpn sport = :{}`", where,
                       local.port);
  if (error == EACCES)
    return fmt::format("bind UDP {}: ports below 1024 need CAP_NET_BIND_SERVICE (see configs/systemd)",
                       where);
  if (error == EADDRNOTAVAIL && !foreign)
    return fmt::format("bind UDP {}: this host does not have the address; see `ip address`", where);
  return fmt::format("bind UDP {}", where);
}

}  // namespace

int check(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

Fd udp_socket(const Endpoint& local, const UdpOptions& options) {
  const bool v6 = local.ip.family == Family::v6;
  const bool waits = options.receive_wait > Nanos(0);
  const int type = SOCK_DGRAM | SOCK_CLOEXEC | (waits ? 0 : SOCK_NONBLOCK);
  Fd fd(check(socket(v6 ? AF_INET6 : AF_INET, type, 0), "socket"));
  if (waits) {
    const timespec t = to_timespec(options.receive_wait);
    const timeval wait{t.tv_sec, t.tv_nsec / 1000};
    check(setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait), "SO_RCVTIMEO");
  }
  if (v6) option(fd, SOL_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
  if (options.reuse_port) option(fd, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
  if (options.foreign_source) {
    const int one = 1;
    const int failed = v6 ? setsockopt(fd.get(), SOL_IPV6, kIpv6Transparent, &one, sizeof one)
                          : setsockopt(fd.get(), SOL_IP, IP_TRANSPARENT, &one, sizeof one);
    if (failed != 0)
      throw std::system_error(
          errno, std::generic_category(),
          fmt::format(
              "send from {}: answering from a service's address needs CAP_NET_RAW (see configs/systemd)",
              to_string(local)));
  }
  if (options.receive_stamps) {
    option(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1, "SO_TIMESTAMPNS");
    option(fd, SOL_SOCKET, SO_RXQ_OVFL, 1, "SO_RXQ_OVFL");
  }
  if (options.dont_fragment)
    option(fd, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER,
           v6 ? IPV6_PMTUDISC_PROBE : IP_PMTUDISC_PROBE,  // NOLINT(*-branch-clone): two names of one number
           "MTU_DISCOVER");
  if (options.receive_errors)
    option(fd, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_RECVERR : IP_RECVERR, 1, "RECVERR");
  if (options.dscp != 0)
    option(fd, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_TCLASS : IP_TOS, options.dscp << 2, "DSCP");
  buffer(fd, SO_RCVBUF, SO_RCVBUFFORCE, options.receive_buffer);
  buffer(fd, SO_SNDBUF, SO_SNDBUFFORCE, options.send_buffer);
  const SockAddr address(local);
  if (bind(fd.get(), &address.any, address.length) != 0) {  // NOLINT(*-union-access)
    const int error = errno;
    throw std::system_error(error, std::generic_category(),
                            bind_advice(error, local, options.foreign_source));
  }
  return fd;
}

Endpoint local_endpoint(const Fd& fd) {
  SockAddr address;
  address.length = sizeof address.v6;
  check(getsockname(fd.get(), &address.any, &address.length), "getsockname");  // NOLINT(*-union-access)
  return to_endpoint(address.any, address.length).value_or(Endpoint{});        // NOLINT(*-union-access)
}

int granted_receive_buffer(const Fd& fd) {
  int bytes = 0;
  socklen_t length = sizeof bytes;
  check(getsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &bytes, &length), "SO_RCVBUF");
  return bytes / 2;  // it reports twice what was asked for, for its own bookkeeping (socket(7))
}

/// Between two datagrams, lest their first octets share a few lines of the cache: sizes are powers of two.
constexpr std::size_t kApart = 192;

struct UdpReceiver::Slot {
  sockaddr_in6 from{};
  iovec vector{};
  alignas(cmsghdr)
      std::array<std::uint8_t, CMSG_SPACE(sizeof(timespec)) + CMSG_SPACE(sizeof(std::uint32_t))> control{};
};

UdpReceiver::UdpReceiver(std::size_t datagram_size)
    : storage_((datagram_size + kApart) * kBatch), slots_(kBatch), headers_(kBatch), out_(kBatch) {
  for (std::size_t i = 0; i < kBatch; ++i) {
    Slot& slot = slots_[i];
    slot.vector = {storage_.data() + i * (datagram_size + kApart), datagram_size};
    msghdr& h = headers_[i].msg_hdr;
    h.msg_iov = &slot.vector;
    h.msg_iovlen = 1;
    h.msg_name = &slot.from;
    h.msg_control = slot.control.data();
  }
}
UdpReceiver::~UdpReceiver() = default;
UdpReceiver::UdpReceiver(UdpReceiver&&) noexcept = default;
UdpReceiver& UdpReceiver::operator=(UdpReceiver&&) noexcept = default;

std::span<Datagram> UdpReceiver::take(const Fd& fd, int flags) {
  for (std::size_t i = 0; i < used_; ++i) {
    msghdr& h = headers_[i].msg_hdr;
    h.msg_namelen = sizeof(sockaddr_in6);
    h.msg_controllen = sizeof(Slot::control);
  }
  int n = 0;
  // Each pending error fails one call and is gone; a flood of them is bounded.
  for (unsigned tries = 0; tries < kBatch; ++tries) {
    n = recvmmsg(fd.get(), headers_.data(), kBatch, flags, nullptr);
    if (n >= 0 || (errno != EINTR && !icmp_error(errno))) break;
    ++errors_;
    flags = MSG_DONTWAIT;  // the errors shall be looked at
  }
  used_ = static_cast<std::size_t>(std::max(n, 0));
  std::size_t used = 0;
  for (std::size_t i = 0; i < used_; ++i) {
    msghdr& h = headers_[i].msg_hdr;
    const auto from =
        to_endpoint(reinterpret_cast<const sockaddr&>(slots_[i].from), h.msg_namelen);  // NOLINT(*-cast)
    if (!from) continue;
    Datagram& d = out_[used++];
    d.data = {static_cast<std::uint8_t*>(slots_[i].vector.iov_base), headers_[i].msg_len};
    d.from = *from;
    d.stamp = RealTime();
    d.truncated = (h.msg_flags & MSG_TRUNC) != 0;
    for (cmsghdr* c = CMSG_FIRSTHDR(&h); c != nullptr; c = CMSG_NXTHDR(&h, c)) {
      if (c->cmsg_level != SOL_SOCKET) continue;
      if (c->cmsg_type == SCM_TIMESTAMPNS) {
        timespec t{};
        std::memcpy(&t, CMSG_DATA(c), sizeof t);
        d.stamp = RealTime(from_timespec(t));
      } else if (c->cmsg_type == SO_RXQ_OVFL) {
        std::memcpy(&kernel_drops_, CMSG_DATA(c), sizeof kernel_drops_);
      }
    }
  }
  return {out_.data(), used};
}

UdpSender::UdpSender(std::size_t datagram_size)
    : datagram_size_(datagram_size),
      storage_(datagram_size * kBatch),
      addresses_(kBatch),
      vectors_(kBatch),
      headers_(kBatch) {
  for (std::size_t i = 0; i < kBatch; ++i) {
    vectors_[i].iov_base = storage_.data() + i * datagram_size;
    headers_[i].msg_hdr.msg_iov = &vectors_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
    headers_[i].msg_hdr.msg_name = &addresses_[i].any;  // NOLINT(*-union-access)
  }
}

MutableBytes UdpSender::room() {
  assert(!full());
  return {storage_.data() + used_ * datagram_size_, datagram_size_};
}

void UdpSender::commit(std::size_t length, const Endpoint& to) {
  assert(!full() && length <= datagram_size_);
  vectors_[used_].iov_len = length;
  addresses_[used_] = SockAddr(to);
  headers_[used_].msg_hdr.msg_namelen = addresses_[used_].length;
  ++used_;
}

UdpSender::Sent UdpSender::flush(const Fd& fd) {
  Sent result;
  unsigned at = 0;
  unsigned retries = 0;
  while (at < used_) {
    const int n = sendmmsg(fd.get(), headers_.data() + at, used_ - at, MSG_DONTWAIT);
    if (n > 0) {
      at += static_cast<unsigned>(n);
      result.sent += static_cast<unsigned>(n);
      retries = 0;
      continue;
    }
    // The first datagram of the rest failed: once for an ICMP error that was
    // pending (try again), a second time because of itself (skip it).
    if ((errno == EINTR || icmp_error(errno)) && ++retries <= kBatch && (errno == EINTR || retries < 4))
      continue;
    if (result.failed++ == 0) result.first_error = errno;
    result.failed_mask |= std::uint64_t{1} << at;
    retries = 0;
    ++at;
  }
  used_ = 0;
  return result;
}

}  // namespace flagfall::net
