#include "common/net/tls_reach.hh"

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

#include "common/net/fd.hh"
#include "common/net/openssl.hh"
#include "common/net/sockaddr.hh"

namespace flagfall::net {
namespace {

using ConnectionPtr = std::unique_ptr<SSL, Freed<SSL_free>>;

/// How long a peer takes to say that it does not want our certificate (TLS 1.3 sends it last).
constexpr Nanos kSecondThoughts = std::chrono::milliseconds(500);

void set_timeouts(const Fd& fd, Nanos patience) {
  const timespec t = to_timespec(patience);
  const timeval limit{t.tv_sec, t.tv_nsec / 1000};
  (void)setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  (void)setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

}  // namespace

Result<std::vector<std::string>> tls_reach(const TlsContext& context, const Endpoint& to, Nanos patience) {
  const Fd fd(socket(to.ip.family == Family::v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return Error{std::generic_category().message(errno)};
  set_timeouts(fd, patience);
  const SockAddr address(to);
  if (connect(fd.get(), &address.any, address.length) != 0)
    return Error{errno == EINPROGRESS || errno == EAGAIN ? "no answer"
                                                         : std::generic_category().message(errno)};
  ERR_clear_error();
  const ConnectionPtr connection(context.new_connection());
  SSL_set_fd(connection.get(), fd.get());
  if (SSL_connect(connection.get()) != 1) return Error{fmt::format("no TLS handshake: {}", openssl_error())};
  auto names = peer_names(*connection);
  set_timeouts(fd, kSecondThoughts);
  std::array<char, 1> room{};
  const int n = SSL_read(connection.get(), room.data(), 1);
  const int error = SSL_get_error(connection.get(), n);
  if (n <= 0 && error == SSL_ERROR_SSL)
    return Error{fmt::format("it refuses our certificate: {}", openssl_error())};
  ERR_clear_error();
  return names;
}

}  // namespace flagfall::net
