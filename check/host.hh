// What this host says of itself: /proc, interfaces, nft. Reads only; a few
// sockets are opened, none is bound to a port that somebody may want. The
// judging is judge.hh's.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "check/proc_net.hh"
#include "common/base/ip.hh"
#include "common/base/result.hh"

namespace flagfall::check {

/// At most 16 MiB of a file; none when it cannot be read.
std::optional<std::string> read_text(const std::string& path);
/// A file that holds one number, such as those of /proc/sys.
std::optional<long> read_number(const std::string& path);

struct LocalAddress {
  std::string interface;
  IpAddress ip;
};
std::vector<LocalAddress> local_addresses();
/// The interface that has an address; empty when none has.
std::string interface_of(const std::vector<LocalAddress>& addresses, const IpAddress& ip);
/// The address that a packet to `to` would leave from; none without a route.
std::optional<IpAddress> source_toward(const IpAddress& to);

/// SOF_TIMESTAMPING_... that the interface's driver can do (ethtool's get_ts_info).
std::optional<std::uint32_t> stamp_flags(const std::string& interface);
/// Octets that the kernel grants of a receive buffer of `wanted`.
int grantable_receive_buffer(int wanted);

/// All bound sockets of a protocol, both families.
std::vector<BoundSocket> bound_sockets(bool tcp);
/// Whose a socket is, as far as we may look.
struct Owner {
  pid_t pid = 0;        // 0: not known
  std::string program;  // "flagfall-slave"
};
Owner owner_of(const BoundSocket& socket);

/// Names of the running programs in this network namespace, each as the kernel has it (15 characters at
/// most).
std::vector<std::string> running_programs();

/// What `nft -j list ruleset` prints; an error when there is no nft, or we are not allowed to ask.
Result<std::string> nft_ruleset();

}  // namespace flagfall::check
