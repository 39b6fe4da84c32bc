// Do ICMP errors come back to a service address? Sends a datagram from it, and
// another port, to a port that is closed at a host outside, and waits for that
// host's port-unreachable. Then one of 1,232 octets, for the path's MTU. Needs no
// privilege. Blocking, a few seconds at most.
#pragma once

#include <string>

#include "check/finding.hh"
#include "common/base/ip.hh"

namespace flagfall::check {

struct IcmpReach {
  bool came = false;        // port-unreachable, of the host itself
  std::string other;        // another error that came instead: "No route to host from 198.51.100.1"
  bool large_came = false;  // for 1,232 octets, too
  unsigned sent = 0;
};
/// Throws std::system_error when nothing can be sent from `from`.
IcmpReach icmp_reach(const IpAddress& from, const Endpoint& closed);
void judge_icmp(const IpAddress& service, const Endpoint& closed, const IcmpReach& seen, Findings& out);

}  // namespace flagfall::check
