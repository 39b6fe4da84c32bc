// A request to the admin listener as a value: what is asked, with which words, and by whom.
// No sockets; any thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/result.hh"

namespace flagfall::net {

/// Who asks.
struct AdminPeer {
  /// The process at the other end of the Unix socket, as the kernel says (SO_PEERCRED).
  struct Process {
    uid_t uid = 0;
    gid_t gid = 0;
    pid_t pid = 0;
  };
  std::optional<Process> process;  // on the Unix socket
  Endpoint address;                // over TCP
  bool has_token = false;          // over TCP, and showed the token
  bool reports = false;            // over TCP, and showed the token for reports alone
};
/// "uid 1000, pid 4711", "192.0.2.9:40000"
std::string to_string(const AdminPeer& peer);

struct AdminRequest {
  using Query = std::vector<std::pair<std::string, std::string>>;
  std::string path;  // "/stats"
  Query query;       // "?by=server&since=1h": decoded, in their order, each name once
  std::string body;
  AdminPeer peer;
  /// A parameter's value; null when it is not there.
  [[nodiscard]] const std::string* parameter(std::string_view name) const;
};

/// Parameters in one query at most, and octets in a decoded name or value.
inline constexpr std::size_t kMostParameters = 32;
inline constexpr std::size_t kMostParameter = 1024;

/// "by=server&since=1h" (application/x-www-form-urlencoded: %XX, and + for a space). Total. An error for
/// escapes that are none, control characters, a name twice or empty, and what is beyond the limits.
Result<AdminRequest::Query> parse_query(std::string_view text);

}  // namespace flagfall::net
