#include "common/net/udp_errors.hh"

#include <poll.h>

#include <boost/test/unit_test.hpp>

#include "common/net/udp.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test

namespace {

Endpoint loopback(bool v6) {
  return {*parse_ip(v6 ? "::1" : "127.0.0.1"), 0};
}

Endpoint closed_port(bool v6) {
  return net::local_endpoint(net::udp_socket(loopback(v6), {}));
}

bool polls(const net::Fd& fd) {
  pollfd p{fd.get(), POLLIN, 0};
  return poll(&p, 1, 0) == 1;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(udp_errors)

BOOST_AUTO_TEST_CASE(an_icmp_error_names_the_client_and_quotes_what_was_sent) {
  for (const bool v6 : {false, true}) {
    const net::Fd fd = net::udp_socket(loopback(v6), {.receive_errors = true});
    const Endpoint closed = closed_port(v6);
    net::UdpSender out(64);
    const std::string text = "a late answer";
    std::copy(text.begin(), text.end(), out.room().begin());
    out.commit(text.size(), closed);
    BOOST_TEST(out.flush(fd).sent == 1U);
    net::UdpErrors errors;
    const auto got = errors.drain(fd);
    BOOST_REQUIRE(got.size() == 1U);
    BOOST_TEST((got[0].to == closed));
    BOOST_TEST((got[0].offender == closed.ip));
    BOOST_TEST(got[0].error == ECONNREFUSED);
    BOOST_TEST(got[0].type == (v6 ? 1 : 3));
    BOOST_TEST(got[0].code == (v6 ? 4 : 3));
    BOOST_TEST(as_text(got[0].quoted) == text);
    BOOST_TEST(errors.drain(fd).empty());
  }
}

BOOST_AUTO_TEST_CASE(a_drained_socket_no_longer_polls_as_readable) {
  const net::Fd fd = net::udp_socket(loopback(false), {.receive_errors = true});
  net::UdpSender out(64);
  net::UdpReceiver in(64);
  net::UdpErrors errors;
  for (int i = 0; i < 3; ++i) out.commit(4, closed_port(false));
  (void)out.flush(fd);
  BOOST_TEST(polls(fd));
  BOOST_TEST(in.receive(fd).empty());
  BOOST_TEST(polls(fd));  // the queue, not the pending error, keeps it so
  while (!errors.drain(fd).empty()) {
  }
  (void)in.receive(fd);
  BOOST_TEST(!polls(fd));
}

BOOST_AUTO_TEST_CASE(without_receive_errors_there_is_no_queue) {
  const net::Fd fd = net::udp_socket(loopback(false), {});
  net::UdpSender out(64);
  out.commit(4, closed_port(false));
  (void)out.flush(fd);
  net::UdpErrors errors;
  BOOST_TEST(errors.drain(fd).empty());
}

BOOST_AUTO_TEST_SUITE_END()
