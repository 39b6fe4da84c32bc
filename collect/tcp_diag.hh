// One TCP connection as the kernel's sock_diag tells it: an inet_diag message with
// its tcp_info, as a value. Pure, total; who asks the kernel is tcp_reader.cc.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/bytes.hh"
#include "common/base/ip.hh"
#include "common/base/time.hh"

namespace flagfall::collect {

struct TcpConnection {
  Endpoint local;
  Endpoint peer;           // IPv4 clients of IPv6 sockets are IPv4 here
  bool open = false;       // established, or waiting for our end to close
  Nanos smoothed{};        // round trip; 0: not known
  Nanos least{};           // 0: not known
  std::uint64_t rate = 0;  // octets/s of the last delivery; 0: not known, or the program sent no more
  std::uint64_t sent = 0;  // octets, those sent again included
  std::uint64_t retransmitted = 0;
  Nanos quiet{};  // since the peer last acknowledged anything
};

/// `message` is the payload of a SOCK_DIAG_BY_FAMILY answer (inet_diag_msg and attributes); none when it
/// is too short or of another family.
std::optional<TcpConnection> parse_tcp_diag(Bytes message);

}  // namespace flagfall::collect
