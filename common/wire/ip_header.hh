// The IP header by hand, and the checksum that UDP and TCP have over it, for sockets on which the kernel
// makes none. Pure.
#pragma once

#include <cstdint>

#include "common/base/bytes.hh"
#include "common/base/ip.hh"

namespace flagfall::wire {

/// Protocol numbers (IANA).
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::size_t kIpv4Header = 20;
inline constexpr std::size_t kIpv6Header = 40;

constexpr std::size_t ip_header_size(Family family) {
  return family == Family::v4 ? kIpv4Header : kIpv6Header;
}

/// RFC 791 §3.1 or RFC 8200 §3, for `length` octets that follow; both addresses are of one family. IPv4: DF
/// set; identification and header checksum are left to the kernel, which fills them in (raw(7)).
void write_ip_header(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                     std::uint16_t length, ByteWriter& out);

/// The Internet checksum (RFC 1071) of what goes between two addresses, its pseudo header included (RFC 9293
/// §3.1, RFC 8200 §8.1). The checksum's own field counts as zero.
class TransportChecksum {
 public:
  TransportChecksum(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                    std::uint16_t length);
  /// Octets of the transport's header and data; all but the last piece have an even length.
  void add(Bytes piece);
  [[nodiscard]] std::uint16_t result() const;

 private:
  std::uint64_t sum_ = 0;
};

}  // namespace flagfall::wire
