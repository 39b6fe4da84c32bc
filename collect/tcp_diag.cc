#include "collect/tcp_diag.hh"

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace flagfall::collect {
namespace {

// include/net/tcp_states.h; no header for programs has them beside linux/tcp.h.
constexpr std::uint8_t kEstablished = 1, kCloseWait = 8;

IpAddress address_of(std::uint8_t family, const __be32* words) {
  std::array<std::uint8_t, 16> octets{};
  std::memcpy(octets.data(), words, octets.size());
  if (family == AF_INET) return ip_from_bytes(Bytes(octets).first(4));
  constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(kMapped.begin(), kMapped.end(), octets.begin()))
    return ip_from_bytes(Bytes(octets).subspan(12));
  return ip_from_bytes(octets);
}

std::uint16_t port_of(__be16 port) {
  std::array<std::uint8_t, 2> octets{};
  std::memcpy(octets.data(), &port, octets.size());
  return static_cast<std::uint16_t>(octets[0] << 8 | octets[1]);
}

void add_info(TcpConnection& out, const tcp_info& info) {
  out.smoothed = std::chrono::microseconds(info.tcpi_rtt);
  // ~0: no sample yet.
  if (info.tcpi_min_rtt != ~0U) out.least = std::chrono::microseconds(info.tcpi_min_rtt);
  if (info.tcpi_delivery_rate_app_limited == 0) out.rate = info.tcpi_delivery_rate;
  out.sent = info.tcpi_bytes_sent;
  out.retransmitted = info.tcpi_bytes_retrans;
  out.quiet = std::chrono::milliseconds(info.tcpi_last_ack_recv);
}

}  // namespace

std::optional<TcpConnection> parse_tcp_diag(Bytes message) {
  inet_diag_msg head{};
  if (message.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, message.data(), sizeof head);
  if (head.idiag_family != AF_INET && head.idiag_family != AF_INET6) return std::nullopt;
  TcpConnection out;
  out.local = {address_of(head.idiag_family, head.id.idiag_src), port_of(head.id.idiag_sport)};
  out.peer = {address_of(head.idiag_family, head.id.idiag_dst), port_of(head.id.idiag_dport)};
  out.open = head.idiag_state == kEstablished || head.idiag_state == kCloseWait;
  Bytes rest = message.subspan(sizeof head);
  while (rest.size() >= sizeof(nlattr)) {
    nlattr attribute{};
    std::memcpy(&attribute, rest.data(), sizeof attribute);
    if (attribute.nla_len < sizeof attribute || attribute.nla_len > rest.size()) break;
    if ((attribute.nla_type & NLA_TYPE_MASK) == INET_DIAG_INFO) {
      // Older kernels send less, newer ones more.
      tcp_info info{};
      const Bytes value = rest.first(attribute.nla_len).subspan(sizeof attribute);
      std::memcpy(&info, value.data(), std::min(value.size(), sizeof info));
      add_info(out, info);
    }
    rest = rest.subspan(std::min<std::size_t>(MNL_ALIGN(attribute.nla_len), rest.size()));
  }
  return out;
}

}  // namespace flagfall::collect
