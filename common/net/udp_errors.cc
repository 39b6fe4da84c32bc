#include "common/net/udp_errors.hh"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "common/net/sockaddr.hh"

namespace flagfall::net {
namespace {

/// Linux clients quote at most 1,184 octets of payload (facts: 520 for IPv4).
constexpr std::size_t kQuoted = 1280;

struct Slot {
  sockaddr_in6 to{};
  iovec vector{};
  std::array<std::uint8_t, kQuoted> quoted{};
  alignas(cmsghdr) std::array<std::uint8_t, 256> control{};
};

/// False when the message has no ICMP error in it.
bool read_control(msghdr& header, UdpError& out) {
  bool found = false;
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
      timespec stamp{};
      std::memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
      out.stamp = RealTime(from_timespec(stamp));
      continue;
    }
    const bool v4 = c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR;
    const bool v6 = c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR;
    if (!v4 && !v6) continue;
    sock_extended_err error{};
    std::memcpy(&error, CMSG_DATA(c), sizeof error);
    if (error.ee_origin != (v4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6)) return false;
    out.error = static_cast<int>(error.ee_errno);
    out.type = error.ee_type;
    out.code = error.ee_code;
    // The offender's sockaddr follows the error in place (ip(7)).
    sockaddr_in6 offender{};
    std::memcpy(&offender, CMSG_DATA(c) + sizeof error, v4 ? sizeof(sockaddr_in) : sizeof offender);
    const auto from = to_endpoint(reinterpret_cast<const sockaddr&>(offender), sizeof offender);
    out.offender = from ? from->ip : IpAddress{};
    found = true;
  }
  return found;
}

}  // namespace

struct UdpErrors::State {
  std::array<Slot, kBatch> slots;
  std::array<mmsghdr, kBatch> headers{};
  std::array<UdpError, kBatch> out;
};

UdpErrors::UdpErrors() : state_(std::make_unique<State>()) {
  for (std::size_t i = 0; i < kBatch; ++i) {
    Slot& slot = state_->slots.at(i);
    slot.vector = {slot.quoted.data(), slot.quoted.size()};
    msghdr& h = state_->headers.at(i).msg_hdr;
    h.msg_iov = &slot.vector;
    h.msg_iovlen = 1;
    h.msg_name = &slot.to;
    h.msg_control = slot.control.data();
  }
}
UdpErrors::~UdpErrors() = default;
UdpErrors::UdpErrors(UdpErrors&&) noexcept = default;
UdpErrors& UdpErrors::operator=(UdpErrors&&) noexcept = default;

std::span<UdpError> UdpErrors::drain(const Fd& fd) {
  for (mmsghdr& h : state_->headers) {
    h.msg_hdr.msg_namelen = sizeof(sockaddr_in6);
    h.msg_hdr.msg_controllen = sizeof(Slot::control);
  }
  const int n = recvmmsg(fd.get(), state_->headers.data(), kBatch, MSG_ERRQUEUE | MSG_DONTWAIT, nullptr);
  std::size_t used = 0;
  for (std::size_t i = 0; n > 0 && i < static_cast<std::size_t>(n); ++i) {
    Slot& slot = state_->slots.at(i);
    mmsghdr& h = state_->headers.at(i);
    UdpError error;
    if (!read_control(h.msg_hdr, error)) continue;
    if (const auto to = to_endpoint(reinterpret_cast<const sockaddr&>(slot.to), h.msg_hdr.msg_namelen))
      error.to = *to;
    error.quoted = Bytes(slot.quoted).first(h.msg_len);
    state_->out.at(used++) = error;
  }
  return {state_->out.data(), used};
}

}  // namespace flagfall::net
