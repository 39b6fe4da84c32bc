#include "common/net/tx_stamps.hh"

#include <boost/test/unit_test.hpp>
#include <thread>

#include "common/net/udp.hh"

using namespace flagfall;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(tx_stamps)

BOOST_AUTO_TEST_CASE(each_datagram_gets_a_stamp_between_its_sending_and_its_receipt) {
  for (const char* any : {"127.0.0.1:1", "[::1]:1"}) {
    Endpoint local = *parse_endpoint(any);
    local.port = 0;
    const net::Fd to = net::udp_socket(local, {});
    const net::Fd from = net::udp_socket(local, {.receive_stamps = true});
    net::TxStamps::enable(from);
    const net::SockAddr address(net::local_endpoint(to));
    const SystemClock clock;
    const RealTime before = clock.real();
    for (int i = 0; i < 3; ++i)
      BOOST_REQUIRE(sendto(from.get(), "x", 1, 0, &address.any, address.length) == 1);
    net::TxStamps stamps;
    std::uint32_t expected = 0;
    for (int tries = 0; tries < 1000 && expected < 3; ++tries) {
      for (const net::TxStamp& s : stamps.drain(from)) {
        BOOST_TEST(s.number == expected);
        BOOST_TEST((s.stamp >= before && s.stamp <= clock.real()));
        ++expected;
      }
      std::this_thread::sleep_for(1ms);
    }
    BOOST_TEST(expected == 3U);
    BOOST_TEST(stamps.drain(from).empty());
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_socket_is_an_error_that_says_so) {
  BOOST_CHECK_THROW(net::TxStamps::enable(net::Fd()), std::system_error);
}

BOOST_AUTO_TEST_SUITE_END()
