// The header that tells a server behind a relay who its client is: PROXY protocol, version 2 (HAProxy's
// proxy-protocol.txt, §2.2). Pure.
#pragma once

#include "common/base/bytes.hh"
#include "common/base/ip.hh"

namespace flagfall::wire {

/// What comes after it: a stream, or the one datagram whose front it is.
enum class Proxied : std::uint8_t { tcp, udp };

/// With two IPv6 addresses; IPv4's is shorter.
inline constexpr std::size_t kMostProxyHeader = 16 + 36;

/// Of what goes from `client` to `asked`, both of one family.
void write_proxy_header(Proxied what, const Endpoint& client, const Endpoint& asked, ByteWriter& out);
/// Of the relay's own question, which is no client's.
void write_own_proxy_header(ByteWriter& out);

}  // namespace flagfall::wire
