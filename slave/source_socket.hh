// A socket that sends from a service's address and can never receive. Opened at
// start, with CAP_NET_RAW; used by the transmit thread after that.
#pragma once

#include "common/base/ip.hh"
#include "common/net/fd.hh"

namespace flagfall::slave {

struct SourceSocket {
  /// udp: bound to the address itself, IP_TRANSPARENT; the kernel makes the headers.
  /// raw: headers by hand, no port taken. For an address that this host has, or a
  /// port that somebody has or that takes CAP_NET_BIND_SERVICE: a UDP socket would take
  /// queries from the server there, or could not be bound (docs/design/transmit.md).
  /// packets: raw, and all headers are in the shot: TCP segments, from any address.
  enum class Kind : std::uint8_t { udp, raw, packets };
  Endpoint source;
  Kind kind = Kind::udp;
  net::Fd fd;
  bool stamps = false;  // the kernel stamps what leaves (SO_TIMESTAMPING)
};

/// Throws std::system_error that says what is missing and what to do.
SourceSocket open_source(const Endpoint& source);
/// The raw kind, whatever the address.
SourceSocket open_raw_source(const Endpoint& source);
/// For TCP segments of this family.
SourceSocket open_packet_source(Family family);

/// Kernel transmit stamps on, numbered from 0, with room for those of many calls. False when the kernel has
/// none.
bool restart_stamps(const net::Fd& fd);

/// Is the address one of this host's, so that packets to it are delivered here?
/// Yes also when the host does not tell (sysctl ip_nonlocal_bind).
bool is_local_address(const IpAddress& ip);

}  // namespace flagfall::slave
