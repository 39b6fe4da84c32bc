// A client's end of a TCP connection, for tests.
#pragma once

#include <sys/socket.h>

#include "common/net/sockaddr.hh"
#include "common/net/udp.hh"

namespace flagfall::net::testing {

/// Blocking. `receive_buffer` 0: the kernel's choice.
inline Fd dial(const Endpoint& to, int receive_buffer = 0) {
  const SockAddr address(to);
  Fd fd(check(socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  if (receive_buffer > 0)
    (void)setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  check(connect(fd.get(), &address.any, address.length), "connect");
  return fd;
}

}  // namespace flagfall::net::testing
