// The header that tells a server behind a relay who its client is: PROXY protocol, version 2 (HAProxy's
// proxy-protocol.txt, §2.2). Pure.
#pragma once

#include "common/base/bytes.hh"
#include "common/base/ip.hh"

namespace flagfall::wire {

/// With two IPv6 addresses; IPv4's is shorter.
inline constexpr std::size_t kMostProxyHeader = 16 + 36;

/// Of a TCP connection from `client` to `asked`, both of one family.
void write_proxy_header(const Endpoint& client, const Endpoint& asked, ByteWriter& out);

}  // namespace flagfall::wire
