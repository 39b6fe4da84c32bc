#include "tools/admin_client.hh"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <system_error>

#include "common/net/fd.hh"

namespace flagfall::tools {
namespace {

constexpr std::size_t kMostResponse = std::size_t{16} << 20;

Error advice(int error, const std::string& path, std::chrono::seconds patience) {
  if (error == ENOENT || error == ECONNREFUSED)
    return Error{fmt::format(
        "{}: nobody listens there; is flagfall-master running, and is this its admin.socket?", path)};
  if (error == EACCES || error == EPERM)
    return Error{fmt::format(
        "{}: permission denied; join the group that owns it (usermod -aG flagfall USER) or use sudo", path)};
  if (error == EAGAIN || error == EWOULDBLOCK)
    return Error{
        fmt::format("{}: no answer within {} s; the daemon is stuck or busy", path, patience.count())};
  return Error{fmt::format("{}: {}", path, std::generic_category().message(error))};
}

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

template <class T>
std::optional<T> number(std::string_view text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<std::string> exchange(const net::Fd& fd, const std::string& path, std::string_view request,
                             std::chrono::seconds patience) {
  while (!request.empty()) {
    const ssize_t n = send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return advice(errno, path, patience);
    request.remove_prefix(static_cast<std::size_t>(n));
  }
  std::string text;
  std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t n = recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return advice(errno, path, patience);
    if (n == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(n));
    if (text.size() > kMostResponse)
      return Error{fmt::format("{}: the answer is larger than {} bytes", path, kMostResponse)};
  }
}

}  // namespace

Result<HttpResponse> parse_http_response(std::string_view text) {
  const auto malformed = [](std::string_view what) {
    return Error{fmt::format("not an HTTP answer: {}", what)};
  };
  // "HTTP/1.1 200 OK" (RFC 9112 §4)
  if (!text.starts_with("HTTP/1.")) return malformed("no status line");
  const std::size_t head_end = text.find("\r\n\r\n");
  if (head_end == std::string_view::npos) return malformed("the header does not end");
  std::string_view head = text.substr(0, head_end);
  HttpResponse response;
  const std::size_t space = head.find(' ');
  const auto status =
      number<int>(space == std::string_view::npos ? std::string_view() : head.substr(space + 1, 3));
  if (!status || *status < 100) return malformed("no status");
  response.status = *status;
  std::string_view body = text.substr(head_end + 4);
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n")) {
    head.remove_prefix(at + 2);
    const std::string_view line = head.substr(0, head.find("\r\n"));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return malformed("a header line without a colon");
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (same_word(name, "transfer-encoding") && !same_word(value, "identity"))
      return malformed("an encoding we did not ask for");
    if (!same_word(name, "content-length")) continue;
    const auto length = number<std::size_t>(value);
    if (!length) return malformed("a bad length");
    if (body.size() < *length) return malformed("it ends early");
    body = body.substr(0, *length);
  }
  response.body = std::string(body);
  return response;
}

Result<HttpResponse> admin_request(const std::string& socket_path, const std::string& method,
                                   const std::string& path, std::chrono::seconds patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.empty() || socket_path.size() >= sizeof address.sun_path)
    return Error{fmt::format("'{}' cannot be a socket's path: 1 to {} characters", socket_path,
                             sizeof address.sun_path - 1)};
  std::memcpy(&address.sun_path, socket_path.data(), socket_path.size());
  const net::Fd fd(net::check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const timeval limit{patience.count(), 0};
  net::check(setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), "SO_RCVTIMEO");
  net::check(setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), "SO_SNDTIMEO");
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return advice(errno, socket_path, patience);
  const std::string request = fmt::format("{} {} HTTP/1.1\r\nHost: flagfall\r\nConnection: close\r\n{}\r\n",
                                          method, path, method == "POST" ? "Content-Length: 0\r\n" : "");
  const Result<std::string> text = exchange(fd, socket_path, request, patience);
  if (!text) return Error{text.error()};
  Result<HttpResponse> response = parse_http_response(*text);
  if (!response) return Error{fmt::format("{}: {}", socket_path, response.error())};
  return response;
}

}  // namespace flagfall::tools
