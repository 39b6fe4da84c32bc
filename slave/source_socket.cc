#include "slave/source_socket.hh"

#include <fmt/core.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include "common/net/raw_ip.hh"
#include "common/net/sockaddr.hh"
#include "common/net/udp.hh"

namespace flagfall::slave {
namespace {

/// Room for a few full batches of answers of the greatest length.
constexpr int kSendBuffer = 1 << 20;
/// Stamps wait in the receive buffer, about 840 octets each (6.18), and the kernel
/// doubles what is asked for: room for all that a StampWindow awaits. net.core.rmem_max caps it.
constexpr int kStampBuffer = 512 << 10;

SourceSocket finish(const Endpoint& source, SourceSocket::Kind kind, net::Fd fd) {
  const bool stamps = restart_stamps(fd);
  return {source, kind, std::move(fd), stamps};
}

}  // namespace

bool restart_stamps(const net::Fd& fd) {
  const int buffer = kStampBuffer;
  (void)setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  int flags = 0;
  (void)setsockopt(fd.get(), SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags);
  flags = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID |
          SOF_TIMESTAMPING_OPT_TSONLY;
  return setsockopt(fd.get(), SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags) == 0;
}

bool is_local_address(const IpAddress& ip) {
  // Only an own address can be bound without a privilege. With the sysctl
  // ip_nonlocal_bind any can: then all count as local, which is the safe side.
  const int family = ip.family == Family::v4 ? AF_INET : AF_INET6;
  const net::Fd fd(net::check(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  const net::SockAddr address(Endpoint{ip, 0});
  return bind(fd.get(), &address.any, address.length) == 0;
}

SourceSocket open_packet_source(Family family) {
  SourceSocket out = open_raw_source({IpAddress{.family = family}, 0});
  out.kind = SourceSocket::Kind::packets;
  return out;
}

SourceSocket open_raw_source(const Endpoint& source) {
  net::Fd fd = net::raw_ip_socket(source.ip.family, kSendBuffer);
  if (!fd)
    throw std::system_error(
        errno, std::generic_category(),
        fmt::format(
            "send from {}: answering from a service's address needs CAP_NET_RAW (see configs/systemd)",
            to_string(source)));
  return finish(source, SourceSocket::Kind::raw, std::move(fd));
}

SourceSocket open_source(const Endpoint& source) {
  if (is_local_address(source.ip)) return open_raw_source(source);
  try {
    net::Fd fd =
        net::udp_socket(source, {.foreign_source = true, .dont_fragment = true, .send_buffer = kSendBuffer});
    net::drop_all_input(fd);  // nobody reads this socket
    return finish(source, SourceSocket::Kind::udp, std::move(fd));
  } catch (const std::system_error& e) {
    // A server on the wildcard address has the port, or ports below 1024 need a
    // capability that we were not given: a raw socket takes no port.
    if (e.code() != std::errc::address_in_use && e.code() != std::errc::permission_denied) throw;
  }
  return open_raw_source(source);
}

}  // namespace flagfall::slave
