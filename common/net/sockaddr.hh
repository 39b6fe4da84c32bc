// Endpoint <-> sockaddr.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>

#include "common/base/ip.hh"

namespace flagfall::net {

/// A sockaddr big enough for both families, with its length.
struct SockAddr {
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  };
  socklen_t length = 0;

  SockAddr() : v6{} {}  // NOLINT(*-member-init): one member of a union
  explicit SockAddr(const Endpoint& endpoint);
};

/// None for a family other than IPv4 and IPv6, or a short length.
std::optional<Endpoint> to_endpoint(const sockaddr& address, socklen_t length);

}  // namespace flagfall::net
