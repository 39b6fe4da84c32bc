#include "common/net/tcp_handoff.hh"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <optional>

namespace flagfall::net {
namespace {

constexpr std::uint8_t kEstablished = 1;  // include/net/tcp_states.h
/// Bit 0 of TCP_TIMESTAMP: the connection's clock counts microseconds.
constexpr std::uint32_t kMicroseconds = 1;

template <class T>
std::optional<T> get(const Fd& fd, int name) {
  T value{};
  socklen_t length = sizeof value;
  if (getsockopt(fd.get(), IPPROTO_TCP, name, &value, &length) != 0) return std::nullopt;
  return value;
}

bool set(const Fd& fd, int name, int value) {
  return setsockopt(fd.get(), IPPROTO_TCP, name, &value, sizeof value) == 0;
}

/// Of what stands in TCP_QUEUE_SEQ and means the queue's end.
std::optional<std::uint32_t> end_of(const Fd& fd, int queue) {
  if (!set(fd, TCP_REPAIR_QUEUE, queue)) return std::nullopt;
  return get<std::uint32_t>(fd, TCP_QUEUE_SEQ);
}

/// The numbers, and the answer in the send queue; false with errno.
bool take(const Fd& fd, unsigned scale, std::string_view answer, TcpHandoff& out) {
  const auto receive_next = end_of(fd, TCP_RECV_QUEUE);
  const auto window = receive_next ? get<tcp_repair_window>(fd, TCP_REPAIR_WINDOW) : std::nullopt;
  const auto send_next = window ? end_of(fd, TCP_SEND_QUEUE) : std::nullopt;
  const auto clock = send_next ? get<std::uint32_t>(fd, TCP_TIMESTAMP) : std::nullopt;
  if (!clock) return false;
  if ((*clock & kMicroseconds) != 0) {
    errno = ENOTSUP;
    return false;
  }
  out.send_next = *send_next;
  out.receive_next = *receive_next;
  out.clock = *clock;
  // The right edge that the client knows stays where it is.
  const std::uint32_t left = window->rcv_wup + window->rcv_wnd - *receive_next;
  out.window = static_cast<std::uint16_t>(
      std::min<std::uint32_t>(left >> scale, std::numeric_limits<std::uint16_t>::max()));
  const ssize_t held = send(fd.get(), answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (held < 0) return false;
  out.held = static_cast<std::size_t>(held);
  return true;
}

Handover look(const tcp_info& info, int unread, std::size_t octets, std::size_t room) {
  if (info.tcpi_state != kEstablished) return Handover::closing;
  if ((info.tcpi_options & TCPI_OPT_SACK) == 0) return Handover::options;
  if (unread > 0 || info.tcpi_unacked > 0 || info.tcpi_notsent_bytes > 0) return Handover::busy;
  if (octets > room) return Handover::room;
  return Handover::fits;
}

}  // namespace

TcpFit look_at(const Fd& fd, std::size_t octets) noexcept {
  int unread = 0;
  const auto info = get<tcp_info>(fd, TCP_INFO);
  if (!info || ioctl(fd.get(), SIOCINQ, &unread) != 0) return {Handover::failed, errno};
  const std::size_t room = std::min(info->tcpi_snd_mss, info->tcpi_snd_wnd);
  return {look(*info, unread, octets, room), 0, info->tcpi_rcv_wscale,
          (info->tcpi_options & TCPI_OPT_TIMESTAMPS) != 0, room};
}

TcpHandoff hand_over(const Fd& fd, const TcpFit& fit, std::string_view answer) noexcept {
  assert(fit.result == Handover::fits);
  TcpHandoff out;
  if (!set(fd, TCP_REPAIR, TCP_REPAIR_ON)) {
    out.error = errno;
    return out;
  }
  if (!take(fd, fit.scale, answer, out)) out.error = errno;
  // Without the window probe that plain "off" sends.
  if (!set(fd, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP) && out.error == 0) out.error = errno;
  // Repair has taken it away; a master that starts again could not bind while this connection lasts.
  const int one = 1;
  (void)setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (out.error == 0 && out.held == answer.size()) out.result = Handover::fits;
  return out;
}

}  // namespace flagfall::net
