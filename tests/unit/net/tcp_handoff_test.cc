#include "common/net/tcp_handoff.hh"

#include <poll.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>
#include <string>

#include "common/net/privileges.hh"
#include "common/net/raw_ip.hh"
#include "common/net/sockaddr.hh"
#include "common/net/tcp.hh"
#include "common/net/udp.hh"
#include "common/wire/tcp_segment.hh"

using namespace flagfall;       // NOLINT(google-build-using-namespace): a test
using namespace flagfall::net;  // NOLINT(google-build-using-namespace)

namespace {

boost::test_tools::assertion_result privileged(boost::unit_test::test_unit_id /*unit*/) {
  boost::test_tools::assertion_result result(has_capability(Capability::net_admin) &&
                                             has_capability(Capability::net_raw));
  result.message() << "needs CAP_NET_ADMIN and CAP_NET_RAW";
  return result;
}

/// A connection over loopback, on which the client has asked something.
struct Connection {
  explicit Connection(const char* ip)
      : listener(tcp_listener({*parse_ip(ip), 0}, false)), at(local_endpoint(listener)) {
    const SockAddr to(at);
    client = Fd(socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    check(connect(client.get(), &to.any, to.length), "connect");
    accept_one();
    peer = local_endpoint(client);
    ask("?");
  }
  void accept_one() {
    pollfd p{listener.get(), POLLIN, 0};
    BOOST_REQUIRE(poll(&p, 1, 2000) == 1);
    server = Fd(check(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC), "accept"));
  }
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
    while (got < octets) {
      pollfd p{fd.get(), POLLIN, 0};
      if (poll(&p, 1, 2000) != 1) break;
      const ssize_t n = recv(fd.get(), out.data() + got, octets - got, 0);
      if (n <= 0) break;
      got += static_cast<std::size_t>(n);
    }
    out.resize(got);
    return out;
  }
  [[nodiscard]] bool quiet() const {
    pollfd p{client.get(), POLLIN, 0};
    return poll(&p, 1, 20) == 0;
  }
  /// What a slave would send.
  void inject(const TcpHandoff& h, const std::string& text) const {
    std::array<std::uint8_t, 2000> room{};
    const std::size_t length = wire::write_tcp_packet({.source = at,
                                                       .destination = peer,
                                                       .sequence = h.send_next,
                                                       .acknowledgement = h.receive_next,
                                                       .window = h.window,
                                                       .timestamps = wire::TcpTimestamps{h.clock, 0},
                                                       .payload = as_bytes(text)},
                                                      room);
    BOOST_REQUIRE(length > 0);
    const Fd raw = raw_ip_socket(at.ip.family, 1 << 16);
    const SockAddr to(Endpoint{peer.ip, 0});
    BOOST_REQUIRE(sendto(raw.get(), room.data(), length, 0, &to.any, to.length) ==
                  static_cast<ssize_t>(length));
  }

  Fd listener;
  Endpoint at;
  Fd client;
  Fd server;
  Endpoint peer;
};

const std::string kOurs(300, 'm');
const std::string kTheirs(300, 's');

}  // namespace

BOOST_AUTO_TEST_SUITE(tcp_handoff, *boost::unit_test::precondition(privileged))

BOOST_AUTO_TEST_CASE(another_host_answers_in_the_connection_and_it_goes_on) {
  for (const char* ip : {"127.0.0.1", "::1"}) {
    BOOST_TEST_CONTEXT(ip) {
      Connection c(ip);
      for (int i = 0; i < 3; ++i) {
        c.ask("?");  // acknowledges all that was sent
        const TcpHandoff h = hand_over(c.server, kOurs);
        BOOST_REQUIRE((h.result == Handover::fits));
        BOOST_TEST(h.held == kOurs.size());
        BOOST_TEST(h.window > 0);
        BOOST_TEST(c.quiet());
        c.inject(h, kTheirs);
        BOOST_TEST(Connection::take(c.client, kTheirs.size()) == kTheirs);
        c.inject(h, kTheirs);  // a loser's
        c.ask("and?");
        Connection::send(c.server, "ours");
        BOOST_TEST(Connection::take(c.client, 4) == "ours");
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(when_nobody_answers_the_kernel_does) {
  Connection c("127.0.0.1");
  BOOST_REQUIRE((hand_over(c.server, kOurs).result == Handover::fits));
  BOOST_TEST(c.quiet());
  BOOST_TEST(Connection::take(c.client, kOurs.size()) == kOurs);
}

BOOST_AUTO_TEST_CASE(the_port_can_be_bound_again_while_the_connection_lasts) {
  Connection c("127.0.0.1");
  BOOST_REQUIRE((hand_over(c.server, kOurs).result == Handover::fits));
  c.listener = Fd();
  BOOST_CHECK_NO_THROW(tcp_listener(c.at, false));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_left_as_it_is) {
  Connection c("127.0.0.1");
  BOOST_TEST((hand_over(c.server, std::string(70'000, 'm')).result == Handover::room));
  Connection::send(c.client, "more");
  BOOST_TEST((hand_over(c.server, kOurs).result == Handover::busy));
  BOOST_TEST(Connection::take(c.server, 4) == "more");
  std::size_t sent = 0;
  const std::string piece(4096, 'p');
  for (ssize_t n = 0; n >= 0; sent += static_cast<std::size_t>(std::max<ssize_t>(n, 0)))
    n = ::send(c.server.get(), piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  BOOST_TEST((hand_over(c.server, kOurs).result == Handover::busy));
  BOOST_TEST(Connection::take(c.client, sent).size() == sent);
  BOOST_TEST(shutdown(c.client.get(), SHUT_WR) == 0);
  BOOST_TEST(recv(c.server.get(), std::string(1, 0).data(), 1, 0) == 0);
  BOOST_TEST((hand_over(c.server, kOurs).result == Handover::closing));
  Connection::send(c.server, "end");
  BOOST_TEST(Connection::take(c.client, 3) == "end");
}

BOOST_AUTO_TEST_CASE(what_is_no_connection_fails_with_its_error) {
  const Fd fd(check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  const TcpHandoff h = hand_over(fd, kOurs);
  BOOST_TEST((h.result == Handover::failed));
  BOOST_TEST(h.error != 0);
  BOOST_TEST(h.held == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
