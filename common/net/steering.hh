// Gives each client network to one socket of a SO_REUSEPORT group, so that what
// is remembered of a network lives in one loop and is shared with none. A
// classic BPF program in the kernel, from the packet's source address.
#pragma once

#include <cstdint>

#include "common/base/ip.hh"
#include "common/net/fd.hh"

namespace flagfall::net {

/// `fd`: any bound socket of the group; the sockets were bound in the order of
/// their index. `prefix`: leading bits of the source address that decide.
/// `seed` keeps strangers from choosing networks that all meet in one loop. The
/// same seed and prefix send a network to the same index in every group of the
/// same family. Throws std::system_error.
void steer_by_source(const Fd& fd, Family family, unsigned prefix, unsigned sockets, std::uint32_t seed);

}  // namespace flagfall::net
