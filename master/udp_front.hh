// The front end of services of datagrams as the configuration wants it. Control thread.
#pragma once

#include <memory>

#include "master/config.hh"
#include "master/udp_loop.hh"

namespace flagfall::master {

struct UdpNeeds {
  const std::shared_ptr<const Snapshot>& first;
  RecordRing* records;
  unsigned loop;  // its number: no other loop has it
  std::uint64_t epoch;
};
/// Binds the sockets; null: no service is of datagrams. Throws std::system_error.
std::unique_ptr<UdpLoop> open_udp(const Config& config, const Clock& clock, Random& random,
                                  const UdpNeeds& needs);

}  // namespace flagfall::master
