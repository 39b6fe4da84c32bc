// `flagfall check --probe`: on a slave's host, sends probes from the service's
// addresses, and from the host's own, to a listener. Like the slave itself it
// needs CAP_NET_RAW. Blocking, about a second and a half.
#pragma once

#include <string>
#include <vector>

#include "check/probe_packet.hh"
#include "common/base/random.hh"

namespace flagfall::check {

struct ProbeOptions {
  std::string name;               // of the slave
  std::vector<Endpoint> sources;  // transmit.sources
  std::vector<Endpoint> to;       // one of a family at most
  std::vector<std::uint8_t> key;
};

/// How many were sent, and how many could not be, by source.
struct ProbeResult {
  Endpoint source;
  bool own = false;
  unsigned sent = 0;
  unsigned failed = 0;
  std::string why;  // of the first that failed
};
/// Throws std::system_error when a source cannot be opened.
std::vector<ProbeResult> send_probes(const ProbeOptions& options, Random& random);

}  // namespace flagfall::check
