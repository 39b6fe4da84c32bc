// What a running lab leaves where others find it, and the janitor that removes
// it. A lab holds its lock file; so does its janitor, a child process that waits
// for the lab's end, however it comes, and then removes the hosts.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hh"
#include "common/net/fd.hh"

namespace flagfall::lab {

/// The lock file of a lab, locked. A lab that died a moment ago gets five seconds to be cleaned up.
Result<net::Fd> take_lock(const std::string& lab);
/// The process id of a lab that runs now; 0 while its janitor cleans up behind it; none otherwise.
std::optional<pid_t> running_lab(const std::string& lab);
/// Labs with a lock file or with namespaces, each once.
std::vector<std::string> known_labs();
/// Removes a lab's hosts and its control socket.
void clean(const std::string& lab);

/// One per lab; to be made while the process has one thread and nothing to clean up yet.
class Janitor {
 public:
  explicit Janitor(const std::string& lab);
  Janitor(const Janitor&) = delete;
  Janitor& operator=(const Janitor&) = delete;
  Janitor(Janitor&&) = delete;
  Janitor& operator=(Janitor&&) = delete;
  /// Has everything removed, and waits for that.
  ~Janitor();

 private:
  net::Fd lifeline_;
  pid_t pid_ = -1;
};

}  // namespace flagfall::lab
