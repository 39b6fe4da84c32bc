// A client of a daemon's admin socket (docs/admin.md): one HTTP/1.1 request over
// a Unix socket, blocking, bounded in time and size. No libevent: one request,
// then the process ends.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "common/base/result.hh"

namespace flagfall::tools {

struct HttpResponse {
  int status = 0;
  std::string body;
};

/// A whole response, as it was read until the server closed. Total.
Result<HttpResponse> parse_http_response(std::string_view text);

/// `method` "GET" or "POST"; waits for each piece of the answer for `patience`. Errors say what to do: start
/// the daemon, join its group, name another socket.
Result<HttpResponse> admin_request(const std::string& socket_path, const std::string& method,
                                   const std::string& path,
                                   std::chrono::seconds patience = std::chrono::seconds(5));

}  // namespace flagfall::tools
