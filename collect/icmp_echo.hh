// ICMP and ICMPv6 echo messages as bytes (RFC 792, RFC 4443 §4): a request with a
// token that its reply brings back, and what a received message says. Pure, total.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/base/bytes.hh"
#include "common/base/ip.hh"

namespace flagfall::collect {

struct EchoMessage {
  std::uint16_t id = 0;
  std::uint16_t sequence = 0;
  std::uint64_t token = 0;
  bool operator==(const EchoMessage&) const = default;
};

/// Header of 8 octets, 8 of the token, and as many zeros as make it look like any ping.
inline constexpr std::size_t kEchoSize = 64;
/// ICMPv6's checksum covers addresses and is the kernel's work: it is left zero.
std::array<std::uint8_t, kEchoSize> encode_request(Family family, const EchoMessage& echo);

/// A reply. `packet` begins with the IPv4 header where `ip_header` says so (raw IPv4 sockets);
/// none for anything else.
std::optional<EchoMessage> parse_reply(Family family, bool ip_header, Bytes packet);

}  // namespace flagfall::collect
