#include "common/net/unix_listener.hh"

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace flagfall::net {
namespace {

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    throw std::system_error(
        ENAMETOOLONG, std::generic_category(),
        fmt::format("admin socket {}: at most {} characters", path, sizeof address.sun_path - 1));
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

/// Removes what a dead process left; a living listener, or another kind of file, is an error.
void clear_stale(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return;
  if (!S_ISSOCK(info.st_mode))
    throw std::system_error(EEXIST, std::generic_category(),
                            fmt::format("admin socket {}: a file is in the way; remove it", path));
  const Fd probe(check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  // EAGAIN: its queue is full, so it is alive.
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno == EAGAIN)
    throw std::system_error(
        EADDRINUSE, std::generic_category(),
        fmt::format("admin socket {}: another daemon listens there; stop it or give [admin] "
                    "socket another path",
                    path));
  (void)unlink(path.c_str());
}

}  // namespace

Fd listen_unix(const std::string& path) {
  const sockaddr_un address = unix_address(path);
  clear_stale(path, address);
  Fd fd(check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  const mode_t mask = umask(0117);
  const int bound = bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  umask(mask);
  if (bound != 0)
    throw std::system_error(
        error, std::generic_category(),
        fmt::format("admin socket {}: make its folder, and let this user write to it", path));
  check(listen(fd.get(), 16), "listen");
  return fd;
}

}  // namespace flagfall::net
