// IP and UDP headers by hand, for sockets on which the kernel makes none. Pure.
#pragma once

#include <array>
#include <cstdint>

#include "common/base/bytes.hh"
#include "common/base/ip.hh"

namespace flagfall::slave {

/// IPv6 (RFC 8200 §3) and UDP (RFC 768).
inline constexpr std::size_t kRawHeaderRoom = 48;

/// The headers of one UDP datagram that carries `payload`; returns their length
/// (28 or 48). Both endpoints are of one family. IPv4: DF set, and identification
/// and header checksum are left to the kernel, which fills them in (raw(7)).
/// The UDP checksum is complete.
std::size_t write_raw_header(const Endpoint& source, const Endpoint& destination, Bytes payload,
                             std::array<std::uint8_t, kRawHeaderRoom>& room);

}  // namespace flagfall::slave
