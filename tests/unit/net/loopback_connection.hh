// A TCP connection over loopback, both ends in this process, into which others may send.
#pragma once

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <string>

#include "common/net/privileges.hh"
#include "common/net/raw_ip.hh"
#include "common/net/sockaddr.hh"
#include "common/net/tcp.hh"
#include "common/net/tcp_handoff.hh"
#include "common/net/udp.hh"
#include "common/wire/tcp_segment.hh"

namespace flagfall::net::testing {

// include/net/tcp.h: kinds of options, which no header of the kernel's has that stands beside <linux/tcp.h>.
inline constexpr std::uint32_t kOptionSize = 2, kOptionScale = 3, kOptionSack = 4, kOptionTimestamp = 8;

inline boost::test_tools::assertion_result may_race(boost::unit_test::test_unit_id /*unit*/) {
  boost::test_tools::assertion_result result(has_capability(Capability::net_admin) &&
                                             has_capability(Capability::net_raw));
  result.message() << "needs CAP_NET_ADMIN and CAP_NET_RAW";
  return result;
}

inline bool readable(const Fd& fd, int ms) {
  pollfd p{fd.get(), POLLIN, 0};
  return poll(&p, 1, ms) == 1;
}

struct LoopbackConnection {
  explicit LoopbackConnection(const char* ip)
      : listener(tcp_listener({*parse_ip(ip), 0}, false)),
        at(local_endpoint(listener)),
        raw(raw_ip_socket(at.ip.family, 1 << 16)) {
    const SockAddr to(at);
    client = Fd(socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    check(connect(client.get(), &to.any, to.length), "connect");
    BOOST_REQUIRE(readable(listener, 2000));
    server = Fd(check(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC), "accept"));
    peer = local_endpoint(client);
  }
  /// The same connection with numbers of one's choice: `send_next` of the server's octets. Both ends are made
  /// by TCP_REPAIR, without a handshake.
  struct Numbers {
    std::uint32_t send_next = 0;
    std::uint32_t receive_next = 0;
    bool timestamps = true;
  };
  LoopbackConnection(const char* ip, Numbers numbers)
      : listener(tcp_listener({*parse_ip(ip), 0}, false)),
        at(local_endpoint(listener)),
        raw(raw_ip_socket(at.ip.family, 1 << 16)) {
    peer = {at.ip, static_cast<std::uint16_t>(at.port ^ 1U)};
    listener = Fd();
    server = half(at, peer, numbers.send_next, numbers.receive_next, numbers.timestamps);
    client = half(peer, at, numbers.receive_next, numbers.send_next, numbers.timestamps);
    for (const Fd* each : {&server, &client})
      set(*each, TCP_REPAIR, static_cast<std::uint32_t>(TCP_REPAIR_OFF_NO_WP));
    const int flags = fcntl(server.get(), F_GETFL);
    check(fcntl(server.get(), F_SETFL, flags | O_NONBLOCK), "O_NONBLOCK");
  }

  /// From the client to the server.
  void ask(const std::string& text) const {
    send(client, text);
    BOOST_REQUIRE(take(server, text.size()) == text);
  }
  static void send(const Fd& fd, const std::string& text) {
    BOOST_REQUIRE(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
                  static_cast<ssize_t>(text.size()));
  }
  /// So many octets, waited for; fewer when none come within 2 s.
  static std::string take(const Fd& fd, std::size_t octets) {
    std::string out(octets, '\0');
    std::size_t got = 0;
    while (got < octets && readable(fd, 2000)) {
      const ssize_t n = recv(fd.get(), out.data() + got, octets - got, 0);
      if (n <= 0) break;
      got += static_cast<std::size_t>(n);
    }
    out.resize(got);
    return out;
  }
  /// The server's answer.
  [[nodiscard]] TcpHandoff hand_over(std::string_view answer) const {
    const TcpFit fit = look_at(server, answer.size());
    if (fit.result == Handover::fits) return net::hand_over(server, fit, answer);
    return {.result = fit.result, .error = fit.error};
  }
  /// As if from a slave, to the client.
  void inject(const wire::TcpSegment& segment) const {
    std::array<std::uint8_t, 2000> room{};
    const std::size_t length = wire::write_tcp_packet(segment, room);
    BOOST_REQUIRE(length > 0);
    const SockAddr to(Endpoint{peer.ip, 0});
    BOOST_REQUIRE(sendto(raw.get(), room.data(), length, 0, &to.any, to.length) ==
                  static_cast<ssize_t>(length));
  }

  static void set(const Fd& fd, int name, std::uint32_t value) {
    check(setsockopt(fd.get(), IPPROTO_TCP, name, &value, sizeof value), "setsockopt(TCP)");
  }
  static Fd half(const Endpoint& from, const Endpoint& to, std::uint32_t send, std::uint32_t receive,
                 bool timestamps) {
    const SockAddr own(from);
    const SockAddr other(to);
    Fd fd(check(socket(own.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    const int one = 1;
    check(setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), "SO_REUSEADDR");
    set(fd, TCP_REPAIR, TCP_REPAIR_ON);
    check(bind(fd.get(), &own.any, own.length), "bind");
    set(fd, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
    set(fd, TCP_QUEUE_SEQ, send);
    set(fd, TCP_REPAIR_QUEUE, TCP_RECV_QUEUE);
    set(fd, TCP_QUEUE_SEQ, receive);
    check(connect(fd.get(), &other.any, other.length), "connect");
    const std::array<tcp_repair_opt, 4> options{
        {{kOptionSize, 1400}, {kOptionScale, 7U | (7U << 16U)}, {kOptionSack, 0}, {kOptionTimestamp, 0}}};
    check(setsockopt(fd.get(), IPPROTO_TCP, TCP_REPAIR_OPTIONS, options.data(),
                     (timestamps ? 4 : 3) * sizeof options[0]),
          "options");
    const tcp_repair_window window{receive, 60000, 60000, 60000, receive};
    check(setsockopt(fd.get(), IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, sizeof window), "window");
    return fd;
  }

  Fd listener;
  Endpoint at;
  Fd raw;
  Fd client;
  Fd server;
  Endpoint peer;
};

}  // namespace flagfall::net::testing
