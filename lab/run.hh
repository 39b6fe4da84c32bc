// A lab from its start to its end: hosts, network, control socket, signals, and
// the command that it was made for.
#pragma once

#include <string>
#include <vector>

#include "lab/topology.hh"

namespace flagfall::lab {

struct RunOptions {
  std::string capture;               // file for packets as they are released, or empty
  std::string capture_sent;          // file for packets as they enter, or empty
  bool stats = false;                // a report on standard error at the end
  std::vector<std::string> command;  // empty: up until SIGINT or SIGTERM
};

/// Returns the program's exit status: the command's own, 0 without one. Throws std::exception with
/// one line that says what to do when the lab cannot be made; nothing of it is left then.
int run(const Topology& topology, const RunOptions& options);

}  // namespace flagfall::lab
