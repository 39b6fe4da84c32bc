// An answer that a TCP connection holds as sent without sending it (TCP_REPAIR), so that others may send its
// octets in the connection's name. Nothing comes of it that the connection does not survive: when nobody
// does, the kernel sends its own copy a little later (docs/design/tcp-race.md).
#pragma once

#include <cstdint>
#include <string_view>

#include "common/net/fd.hh"

namespace flagfall::net {

/// Whether an answer can be handed over, and why not.
enum class Handover : std::uint8_t {
  fits,
  options,  // the client has no selective acknowledgements (RFC 2018)
  busy,     // something is unsent, unacknowledged or unread
  room,     // larger than one segment, or than the client's window
  closing,  // not established any more, or the client sends no more
  failed    // the kernel said no: CAP_NET_ADMIN is missing, mostly
};

struct TcpHandoff {
  Handover result = Handover::failed;
  /// Octets of the answer that the kernel has: all of them when it `fits`. After a failure nearly always
  /// none; the rest is still to be sent, as any other answer.
  std::size_t held = 0;
  int error = 0;                   // errno of the step that failed
  std::uint32_t send_next = 0;     // sequence number of the answer's first octet
  std::uint32_t receive_next = 0;  // what is acknowledged to the client
  std::uint32_t clock = 0;         // of the connection's timestamps, in ms
  std::uint16_t window = 0;        // what the client may send, as its header says it
};

struct TcpFit {
  Handover result = Handover::failed;
  int error = 0;            // errno, with `failed`
  unsigned scale = 0;       // of the window that the client may send
  bool timestamps = false;  // the connection has them (RFC 7323)
  std::size_t room = 0;     // octets of an answer at most: of one segment, and of the client's window
};

/// Whether an answer of so many octets could be handed over now. Two system calls.
TcpFit look_at(const Fd& fd, std::size_t octets) noexcept;
/// Hands it over; `fit` is what look_at() has just said, and fits. Ten system calls; needs CAP_NET_ADMIN.
/// When something fails, the connection goes on as it was.
TcpHandoff hand_over(const Fd& fd, const TcpFit& fit, std::string_view answer) noexcept;

}  // namespace flagfall::net
