#include "common/net/tcp_handoff.hh"

#include <string>

#include "tests/unit/net/loopback_connection.hh"

using namespace flagfall;       // NOLINT(google-build-using-namespace): a test
using namespace flagfall::net;  // NOLINT(google-build-using-namespace)

namespace {

/// On which the client has asked something.
struct Connection : testing::LoopbackConnection {
  explicit Connection(const char* ip) : LoopbackConnection(ip) { ask("?"); }
  [[nodiscard]] bool quiet() const { return !testing::readable(client, 20); }
  /// What a slave would send.
  void answer(const TcpHandoff& h, const std::string& text) const {
    inject({.source = at,
            .destination = peer,
            .sequence = h.send_next,
            .acknowledgement = h.receive_next,
            .window = h.window,
            .timestamps = wire::TcpTimestamps{h.clock, 0},
            .payload = as_bytes(text)});
  }
};

const std::string kOurs(300, 'm');
const std::string kTheirs(300, 's');

}  // namespace

BOOST_AUTO_TEST_SUITE(tcp_handoff, *boost::unit_test::precondition(testing::may_race))

BOOST_AUTO_TEST_CASE(another_host_answers_in_the_connection_and_it_goes_on) {
  for (const char* ip : {"127.0.0.1", "::1"}) {
    BOOST_TEST_CONTEXT(ip) {
      Connection c(ip);
      for (int i = 0; i < 3; ++i) {
        c.ask("?");  // acknowledges all that was sent
        const TcpHandoff h = c.hand_over(kOurs);
        BOOST_REQUIRE((h.result == Handover::fits));
        BOOST_TEST(h.held == kOurs.size());
        BOOST_TEST(h.window > 0);
        BOOST_TEST(c.quiet());
        c.answer(h, kTheirs);
        BOOST_TEST(Connection::take(c.client, kTheirs.size()) == kTheirs);
        c.answer(h, kTheirs);  // a loser's
        c.ask("and?");
        Connection::send(c.server, "ours");
        BOOST_TEST(Connection::take(c.client, 4) == "ours");
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(when_nobody_answers_the_kernel_does) {
  Connection c("127.0.0.1");
  BOOST_REQUIRE((c.hand_over(kOurs).result == Handover::fits));
  BOOST_TEST(c.quiet());
  BOOST_TEST(Connection::take(c.client, kOurs.size()) == kOurs);
}

BOOST_AUTO_TEST_CASE(the_port_can_be_bound_again_while_the_connection_lasts) {
  Connection c("127.0.0.1");
  BOOST_REQUIRE((c.hand_over(kOurs).result == Handover::fits));
  c.listener = Fd();
  BOOST_CHECK_NO_THROW(tcp_listener(c.at, false));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_left_as_it_is) {
  Connection c("127.0.0.1");
  BOOST_TEST((c.hand_over(std::string(70'000, 'm')).result == Handover::room));
  Connection::send(c.client, "more");
  BOOST_TEST((c.hand_over(kOurs).result == Handover::busy));
  BOOST_TEST(Connection::take(c.server, 4) == "more");
  std::size_t sent = 0;
  const std::string piece(4096, 'p');
  for (ssize_t n = 0; n >= 0; sent += static_cast<std::size_t>(std::max<ssize_t>(n, 0)))
    n = ::send(c.server.get(), piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  BOOST_TEST((c.hand_over(kOurs).result == Handover::busy));
  BOOST_TEST(Connection::take(c.client, sent).size() == sent);
  BOOST_TEST(shutdown(c.client.get(), SHUT_WR) == 0);
  BOOST_TEST(recv(c.server.get(), std::string(1, 0).data(), 1, 0) == 0);
  BOOST_TEST((c.hand_over(kOurs).result == Handover::closing));
  Connection::send(c.server, "end");
  BOOST_TEST(Connection::take(c.client, 3) == "end");
}

BOOST_AUTO_TEST_CASE(what_is_no_connection_fails_with_its_error) {
  const Fd fd(check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  const TcpFit fit = look_at(fd, kOurs.size());
  BOOST_TEST((fit.result == Handover::failed));
  BOOST_TEST(fit.error != 0);
  const TcpHandoff h = hand_over(fd, {Handover::fits, 0, 7}, kOurs);
  BOOST_TEST((h.result == Handover::failed));
  BOOST_TEST(h.error != 0);
  BOOST_TEST(h.held == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
