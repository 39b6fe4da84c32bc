#include "common/net/sockaddr.hh"

#include <arpa/inet.h>

#include <cstring>

namespace flagfall::net {

// NOLINTBEGIN(*-union-access, *-reinterpret-cast): the sockets API is unions and casts.
SockAddr::SockAddr(const Endpoint& endpoint) : v6{} {  // NOLINT(*-member-init): one member of a union
  if (endpoint.ip.family == Family::v4) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    std::memcpy(&v4.sin_addr, endpoint.ip.octets.data(), 4);
    length = sizeof v4;
  } else {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    std::memcpy(&v6.sin6_addr, endpoint.ip.octets.data(), 16);
    length = sizeof v6;
  }
}

std::optional<Endpoint> to_endpoint(const sockaddr& address, socklen_t length) {
  Endpoint out;
  if (address.sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    std::memcpy(out.ip.octets.data(), &v4.sin_addr, 4);
    out.port = ntohs(v4.sin_port);
    return out;
  }
  if (address.sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    out.ip.family = Family::v6;
    std::memcpy(out.ip.octets.data(), &v6.sin6_addr, 16);
    out.port = ntohs(v6.sin6_port);
    return out;
  }
  return std::nullopt;
}
// NOLINTEND(*-union-access, *-reinterpret-cast)

}  // namespace flagfall::net
