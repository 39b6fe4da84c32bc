#include "common/net/raw_ip.hh"

#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace flagfall::net {
namespace {

/// <linux/in6.h>, where glibc 2.36 has none.
constexpr int kIpv6HeaderIncluded = 36;

}  // namespace

void drop_all_input(const Fd& fd) {
  sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program{1, &drop};
  check(setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), "SO_ATTACH_FILTER");
}

Fd raw_ip_socket(Family family, int send_buffer) {
  const bool v6 = family == Family::v6;
  Fd fd(socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW));
  if (!fd) return fd;
  // IPPROTO_RAW implies it for both families; said again, as it is what we rely on.
  const int one = 1;
  check(setsockopt(fd.get(), v6 ? SOL_IPV6 : SOL_IP, v6 ? kIpv6HeaderIncluded : IP_HDRINCL, &one, sizeof one),
        "IP_HDRINCL");
  (void)setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
  drop_all_input(fd);
  return fd;
}

}  // namespace flagfall::net
