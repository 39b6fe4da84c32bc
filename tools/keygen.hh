// `flagfall keygen`: a CA, and a certificate for each host, as files. The work is
// common/net/certificates.hh's; this reads the command line and says what was made.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "common/base/time.hh"

namespace flagfall::tools {

struct KeygenOptions {
  std::optional<std::string> ca{};  // make a CA there
  std::string directory = "ca";     // of the CA that signs, and for the hosts' files
  std::vector<std::string> hosts{};
  std::optional<unsigned> days{};  // default: ten years for a CA, two for a host
  bool force = false;
};

/// The exit status. `out` gets a line for each pair made, `error` the first failure.
int keygen(const KeygenOptions& options, RealTime now, std::ostream& out, std::ostream& error);

}  // namespace flagfall::tools
