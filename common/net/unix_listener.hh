// A listening Unix socket for operators: mode 0660, and a dead daemon's file is
// no obstacle. Start-up code.
#pragma once

#include <string>

#include "common/net/fd.hh"

namespace flagfall::net {

/// Bound, listening, non-blocking. A socket file that nobody listens on is replaced; a living listener, or
/// another kind of file, is an error. Throws std::system_error with a line that says what to do.
Fd listen_unix(const std::string& path);

}  // namespace flagfall::net
