// `flagfall check --listen`: receives probes until all expected ones are there,
// the time is up, or SIGINT. One thread, blocking; decisions are the book's.
#pragma once

#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "check/arrivals.hh"
#include "common/base/time.hh"

namespace flagfall::check {

struct ListenOptions {
  std::vector<Endpoint> listen;
  std::vector<std::uint8_t> key;
  std::set<std::string> expected;
  Nanos patience{};
  /// Service addresses to send an empty datagram to now and then: a firewall or NAT in front of us that keeps
  /// state then lets in what comes from there.
  std::vector<Endpoint> open_toward;
};

/// Fills `book`; a line for each first arrival goes to `progress`. Throws std::system_error when it cannot
/// listen.
void listen_for_probes(const ListenOptions& options, Arrivals& book, std::ostream& progress);

}  // namespace flagfall::check
