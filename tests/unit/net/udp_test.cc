#include "common/net/udp.hh"

#include <poll.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <system_error>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using net::UdpReceiver;
using net::UdpSender;

namespace {

Endpoint loopback(bool v6, std::uint16_t port = 0) {
  return {*parse_ip(v6 ? "::1" : "127.0.0.1"), port};
}

void wait(const net::Fd& fd, int ms = 1000) {
  pollfd p{fd.get(), POLLIN, 0};
  (void)poll(&p, 1, ms);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(udp)

BOOST_AUTO_TEST_CASE(a_batch_arrives_whole_with_stamps_in_both_families) {
  for (const bool v6 : {false, true}) {
    const net::Fd receiver = net::udp_socket(loopback(v6), {.receive_stamps = true});
    const net::Fd sender = net::udp_socket(loopback(v6), {});
    UdpSender out(64);
    const RealTime before = SystemClock().real();
    for (unsigned i = 0; i < UdpSender::kBatch; ++i) {
      out.room()[0] = static_cast<std::uint8_t>(i);
      out.commit(1 + i % 8, net::local_endpoint(receiver));
    }
    BOOST_TEST(out.full());
    BOOST_TEST(out.flush(sender).sent == UdpSender::kBatch);
    BOOST_TEST(out.empty());
    UdpReceiver in(64);
    wait(receiver);
    const auto got = in.receive(receiver);
    BOOST_REQUIRE(got.size() == UdpReceiver::kBatch);
    for (unsigned i = 0; i < got.size(); ++i) {
      BOOST_TEST(got[i].data.size() == 1 + i % 8);
      BOOST_TEST(got[i].data[0] == i);
      BOOST_TEST((got[i].from == net::local_endpoint(sender)));
      BOOST_TEST((got[i].stamp >= before - std::chrono::milliseconds(1)));
    }
    BOOST_TEST(in.receive(receiver).empty());
  }
}

BOOST_AUTO_TEST_CASE(waiting_takes_what_comes_and_ends_without) {
  const net::Fd receiver = net::udp_socket(loopback(false), {.receive_wait = std::chrono::milliseconds(20)});
  const net::Fd sender = net::udp_socket(loopback(false), {});
  UdpReceiver in(64);
  BOOST_TEST(in.receive(receiver).empty());  // at once
  const MonoTime before = SystemClock().mono();
  BOOST_TEST(in.wait(receiver).empty());
  BOOST_TEST((SystemClock().mono() - before >= std::chrono::milliseconds(10)));
  UdpSender out(64);
  for (std::uint8_t i = 0; i < 3; ++i) {
    out.room()[0] = i;
    out.commit(1, net::local_endpoint(receiver));
  }
  BOOST_TEST(out.flush(sender).sent == 3U);
  wait(receiver);
  const auto got = in.wait(receiver);
  BOOST_REQUIRE(got.size() == 3U);  // and does not wait for more
  for (std::uint8_t i = 0; i < 3; ++i) BOOST_TEST(got[i].data[0] == i);
}

BOOST_AUTO_TEST_CASE(a_datagram_longer_than_the_room_is_marked_as_cut) {
  const net::Fd fd = net::udp_socket(loopback(false), {});
  UdpSender out(128);
  out.commit(128, net::local_endpoint(fd));
  BOOST_TEST(out.flush(fd).sent == 1U);
  UdpReceiver in(100);
  wait(fd);
  const auto got = in.receive(fd);
  BOOST_REQUIRE(got.size() == 1U);
  BOOST_TEST(got[0].truncated);
  BOOST_TEST(got[0].data.size() == 100U);
}

BOOST_AUTO_TEST_CASE(a_pending_icmp_error_costs_no_datagram) {
  const net::Fd fd = net::udp_socket(loopback(false), {.receive_errors = true});
  const net::Fd peer = net::udp_socket(loopback(false), {});
  Endpoint closed;
  { closed = net::local_endpoint(net::udp_socket(loopback(false), {})); }
  UdpSender out(16);
  unsigned sent = 0;
  for (int i = 0; i < 20; ++i) {  // every other one draws a port-unreachable
    out.commit(4, i % 2 == 0 ? closed : net::local_endpoint(peer));
    const auto result = out.flush(fd);
    sent += result.sent;
    BOOST_TEST(result.failed == 0U);
  }
  BOOST_TEST(sent == 20U);
  UdpReceiver in(16);
  wait(peer);
  BOOST_TEST(in.receive(peer).size() == 10U);
  // The socket that has errors pending still receives.
  out.commit(4, net::local_endpoint(fd));
  BOOST_TEST(out.flush(peer).sent == 1U);
  wait(fd);
  BOOST_TEST(in.receive(fd).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_datagram_that_cannot_go_is_counted_and_the_rest_goes) {
  const net::Fd fd = net::udp_socket(loopback(false), {.dont_fragment = true});
  UdpSender out(70'000);
  out.commit(4, net::local_endpoint(fd));
  out.commit(69'000, net::local_endpoint(fd));
  out.commit(4, net::local_endpoint(fd));
  const auto result = out.flush(fd);
  BOOST_TEST(result.sent == 2U);
  BOOST_TEST(result.failed == 1U);
  BOOST_TEST(result.first_error == EMSGSIZE);
}

BOOST_AUTO_TEST_CASE(a_busy_port_says_how_to_find_who_has_it) {
  const net::Fd first = net::udp_socket(loopback(false), {});
  try {
    const net::Fd second = net::udp_socket(net::local_endpoint(first), {});
    BOOST_FAIL("bound twice");
  } catch (const std::system_error& e) {
    BOOST_TEST(e.code().value() == EADDRINUSE);
    BOOST_TEST(std::string(e.what()).find("ss -ulpn") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(an_address_that_is_not_ours_is_refused_unless_asked_for) {
  const Endpoint foreign = *parse_endpoint("192.0.2.77:5300");
  BOOST_CHECK_THROW(net::udp_socket(foreign, {}), std::system_error);
  BOOST_TEST(static_cast<bool>(net::udp_socket(foreign, {.foreign_source = true})));
}

BOOST_AUTO_TEST_SUITE_END()
