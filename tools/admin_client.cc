#include "tools/admin_client.hh"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>

#include "common/base/bytes.hh"
#include "common/net/fd.hh"
#include "common/net/tls_client.hh"

namespace flagfall::tools {
namespace {

constexpr std::size_t kMostResponse = std::size_t{16} << 20;

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

Error advice(int error, const AdminTarget& target, std::chrono::seconds patience) {
  const std::string where = to_string(target);
  const bool local = !target.socket.empty();
  if (error == ENOENT || error == ECONNREFUSED)
    return Error{fmt::format("{}: nobody listens there; is flagfall-master running, and is this its {}?",
                             where, local ? "admin.socket" : "admin.listen")};
  if (local && (error == EACCES || error == EPERM))
    return Error{fmt::format(
        "{}: permission denied; join the group that owns it (usermod -aG flagfall USER) or use sudo", where)};
  if (error == EAGAIN || error == EWOULDBLOCK || error == EINPROGRESS)
    return Error{
        fmt::format("{}: no answer within {} s; the daemon is stuck or busy", where, patience.count())};
  return Error{fmt::format("{}: {}", where, std::generic_category().message(error))};
}

/// One connection to the listener, plain or TLS.
class Connection {
 public:
  static Result<Connection> open(const AdminTarget& target, std::chrono::seconds patience) {
    Connection out(target, patience);
    const Status reached = target.socket.empty() ? out.dial_tcp() : out.dial_socket();
    if (!reached) return Error{reached.error()};
    if (!target.tls) return out;
    auto tls = net::TlsClient::open(out.fd_, target.host, target.ca);
    if (!tls) return Error{fmt::format("{}: {}", to_string(target), tls.error())};
    out.tls_.emplace(std::move(*tls));
    return out;
  }

  Status send(std::string_view bytes) {
    if (tls_) return named(tls_->send(bytes));
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return advice(errno, *target_, patience_);
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return Ok{};
  }

  /// Until the server closes.
  Result<std::string> read_all() {
    std::string text;
    std::array<std::uint8_t, 16384> buffer{};
    for (;;) {
      const Result<std::size_t> n = receive(buffer);
      if (!n) return Error{n.error()};
      if (*n == 0) return text;
      text += as_text(Bytes(buffer).first(*n));
      if (text.size() > kMostResponse)
        return Error{
            fmt::format("{}: the answer is larger than {} bytes", to_string(*target_), kMostResponse)};
    }
  }

 private:
  Connection(const AdminTarget& target, std::chrono::seconds patience)
      : target_(&target), patience_(patience) {}

  void make(int family) {
    fd_ = net::Fd(net::check(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    const timeval limit{patience_.count(), 0};
    net::check(setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), "SO_RCVTIMEO");
    net::check(setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), "SO_SNDTIMEO");
  }

  Status dial_socket() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string& path = target_->socket;
    if (path.empty() || path.size() >= sizeof address.sun_path)
      return Error{fmt::format("'{}' cannot be a socket's path: 1 to {} characters", path,
                               sizeof address.sun_path - 1)};
    std::memcpy(&address.sun_path, path.data(), path.size());
    make(AF_UNIX);
    if (connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      return advice(errno, *target_, patience_);
    return Ok{};
  }

  /// The first address that answers.
  Status dial_tcp() {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
    addrinfo* list = nullptr;
    const std::string port = std::to_string(target_->port);
    if (const int failed = getaddrinfo(target_->host.c_str(), port.c_str(), &hints, &list); failed != 0)
      return Error{fmt::format("{}: {}", to_string(*target_), gai_strerror(failed))};
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, &freeaddrinfo);
    int error = EHOSTUNREACH;
    for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
      make(one->ai_family);
      if (connect(fd_.get(), one->ai_addr, one->ai_addrlen) == 0) return Ok{};
      error = errno;
    }
    return advice(error, *target_, patience_);
  }

  Result<std::size_t> receive(MutableBytes room) {
    if (tls_) return named(tls_->receive(room));
    for (;;) {
      const ssize_t n = recv(fd_.get(), room.data(), room.size(), 0);
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno != EINTR) return advice(errno, *target_, patience_);
    }
  }

  template <class T>
  Result<T> named(Result<T> result) {
    return result ? std::move(result) : Error{fmt::format("{}: {}", to_string(*target_), result.error())};
  }

  const AdminTarget* target_;
  std::chrono::seconds patience_;
  net::Fd fd_;
  std::optional<net::TlsClient> tls_;
};

/// What an answer that is not 200 says of itself.
std::string refusal(const HttpResponse& response) {
  const auto json = nlohmann::json::parse(response.body, nullptr, false);
  if (json.is_object() && json.contains("error") && json["error"].is_string())
    return json["error"].get<std::string>();
  return fmt::format("the daemon answered with HTTP status {}", response.status);
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

Result<HttpResponse> admin_request(const AdminTarget& target, const std::string& method,
                                   const std::string& path, std::string_view body,
                                   std::chrono::seconds patience) {
  if (!target.token.empty() && !target.tls && !is_loopback(target))
    return Error{fmt::format("{}: the token would cross the network for all to read; write https://",
                             to_string(target))};
  auto connection = Connection::open(target, patience);
  if (!connection) return Error{connection.error()};
  // Over TCP the listener wants to see its own name or address (docs/security.md).
  const bool v6 = target.host.find(':') != std::string::npos;
  std::string request = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", method, path,
                                    !target.socket.empty() ? "flagfall"
                                    : v6                   ? fmt::format("[{}]:{}", target.host, target.port)
                                                           : fmt::format("{}:{}", target.host, target.port));
  if (!target.token.empty()) request += fmt::format("Authorization: Bearer {}\r\n", target.token);
  if (!body.empty()) request += "Content-Type: application/json\r\n";
  if (method == "POST") request += fmt::format("Content-Length: {}\r\n", body.size());
  request += "\r\n";
  request += body;
  if (const Status sent = connection->send(request); !sent) return Error{sent.error()};
  const Result<std::string> text = connection->read_all();
  if (!text) return Error{text.error()};
  Result<HttpResponse> response = parse_http_response(*text);
  if (!response) return Error{fmt::format("{}: {}", to_string(target), response.error())};
  return response;
}

Result<HttpResponse> admin_request(const std::string& socket_path, const std::string& method,
                                   const std::string& path, std::chrono::seconds patience) {
  AdminTarget target;
  target.socket = socket_path;
  if (socket_path.empty()) return Error{"the path of the admin socket is empty"};
  return admin_request(target, method, path, {}, patience);
}

Result<std::string> ask(const AdminTarget& target, const std::string& method, const std::string& path,
                        std::string_view body, std::chrono::seconds patience) {
  const auto response = admin_request(target, method, path, body, patience);
  if (!response) return Error{response.error()};
  if (response->status != 200) return Error{refusal(*response)};
  return response->body;
}

Result<std::string> ask(const std::string& socket, const std::string& method, const std::string& path,
                        std::chrono::seconds patience) {
  const auto response = admin_request(socket, method, path, patience);
  if (!response) return Error{response.error()};
  if (response->status != 200) return Error{refusal(*response)};
  return response->body;
}

}  // namespace flagfall::tools
