// A client of a daemon's admin listener (docs/admin.md): one HTTP/1.1 request over
// its Unix socket, TCP on this host or TLS, blocking, bounded in time and size. No
// libevent: one request, then the connection ends.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "common/base/result.hh"
#include "tools/admin_target.hh"

namespace flagfall::tools {

struct HttpResponse {
  int status = 0;
  std::string body;
};

/// A whole response, as it was read until the server closed. Total.
Result<HttpResponse> parse_http_response(std::string_view text);

/// `method` "GET" or "POST"; `body` of a POST; waits for each piece of the answer for `patience`. Errors say
/// what to do: start the daemon, join its group, name another socket. A token is never sent in the clear to
/// another host.
Result<HttpResponse> admin_request(const AdminTarget& target, const std::string& method,
                                   const std::string& path, std::string_view body,
                                   std::chrono::seconds patience);
Result<HttpResponse> admin_request(const std::string& socket_path, const std::string& method,
                                   const std::string& path,
                                   std::chrono::seconds patience = std::chrono::seconds(5));

inline constexpr auto kDefaultSocket = "/run/flagfall/master.sock";
/// For what a daemon does in a moment.
inline constexpr std::chrono::seconds kMoment(5);

/// The body of an answer with status 200; what any other says of itself as an error.
Result<std::string> ask(const AdminTarget& target, const std::string& method, const std::string& path,
                        std::string_view body, std::chrono::seconds patience = kMoment);
Result<std::string> ask(const std::string& socket, const std::string& method, const std::string& path,
                        std::chrono::seconds patience = kMoment);

}  // namespace flagfall::tools
