// Child processes: run one to its end with text on its standard input, or start
// one that is watched by a pidfd. Children begin with default signal handling.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "common/net/fd.hh"

namespace flagfall::lab {

struct Child {
  pid_t pid = -1;
  net::Fd pidfd;  // readable once it has ended
};

/// Starts `argv` (found in PATH). `input` becomes its standard input, else ours is shared.
/// Throws std::system_error that names the program when it cannot be started.
Child start(const std::vector<std::string>& argv, const std::optional<std::string>& input = std::nullopt);

/// Waits for its end; its exit status as a shell gives it: 128 + n for signal n.
int wait_for(const Child& child);

/// Feeds `commands`, a line each, to one `ip -batch -`. Throws std::runtime_error when one fails
/// (ip has said which on standard error). With `force` failures are passed over.
void ip_batch(const std::string& commands, bool force = false);

}  // namespace flagfall::lab
