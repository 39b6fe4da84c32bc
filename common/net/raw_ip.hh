// A socket for whole IP packets, that never receives.
#pragma once

#include "common/base/ip.hh"
#include "common/net/fd.hh"

namespace flagfall::net {

/// What is sent begins with the IP header; of IPv4's the kernel fills in identification and checksum
/// (raw(7)). The destination's port is 0. Needs CAP_NET_RAW: empty, with errno, when the kernel says no.
Fd raw_ip_socket(Family family, int send_buffer);

/// From now on nothing that arrives is queued. Throws std::system_error.
void drop_all_input(const Fd& fd);

}  // namespace flagfall::net
