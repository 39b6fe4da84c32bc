// Who has which port: /proc/net/{udp,udp6,tcp,tcp6}, read and judged. Pure; the
// texts are arguments. Total.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/base/ip.hh"

namespace flagfall::check {

struct BoundSocket {
  Endpoint at;
  uid_t uid = 0;
  std::uint64_t inode = 0;
};

/// The bound sockets of a table that have no peer: for TCP those that listen. Lines that are none are left
/// out.
std::vector<BoundSocket> parse_proc_net(std::string_view text, Family family, bool tcp);

/// Those that stand in the way of a bind to `at`: the same port, at the same address or at the wildcard. An
/// IPv6 wildcard may hold IPv4 ports as well: it counts.
std::vector<BoundSocket> in_the_way(const std::vector<BoundSocket>& sockets, const Endpoint& at);

}  // namespace flagfall::check
