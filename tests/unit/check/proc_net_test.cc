// /proc/net/udp and its like.
#include "check/proc_net.hh"

#include <boost/test/unit_test.hpp>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using check::BoundSocket;
using check::in_the_way;
using check::parse_proc_net;

namespace {

constexpr std::string_view kUdp =
    "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref "
    "pointer drops\n"
    "  291: 010200C0:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   998        0 41237 2 "
    "0000000000000000 0\n"
    "  292: 0100007F:0143 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 41238 2 "
    "0000000000000000 0\n"
    "  293: 0100007F:9C40 0100007F:0143 01 00000000:00000000 00:00000000 00000000     0        0 41239 2 "
    "0000000000000000 0\n";
constexpr std::string_view kTcp6 =
    "  sl  local_address                         remote_address                        st tx_queue rx_queue "
    "tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: B80D0120000000000000000001000000:1359 00000000000000000000000000000000:0000 0A 00000000:00000000 "
    "00:00000000 00000000   998        0 77 1 0 100 0 0 10 0\n"
    "   1: B80D0120000000000000000001000000:1359 B80D0120000000000000000002000000:9C40 01 00000000:00000000 "
    "00:00000000 00000000   998        0 78 1 0 100 0 0 10 0\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(proc_net)

BOOST_AUTO_TEST_CASE(bound_sockets_are_read_and_connected_ones_left_out) {
  const auto udp = parse_proc_net(kUdp, Family::v4, false);
  BOOST_REQUIRE(udp.size() == 2U);
  BOOST_TEST(to_string(udp[0].at) == "192.0.2.1:53");
  BOOST_TEST(udp[0].uid == 998U);
  BOOST_TEST(udp[0].inode == 41237U);
  const auto tcp = parse_proc_net(kTcp6, Family::v6, true);
  BOOST_REQUIRE(tcp.size() == 1U);
  BOOST_TEST(to_string(tcp[0].at) == "[2001:db8::1]:4953");
}

BOOST_AUTO_TEST_CASE(any_text_gives_some_sockets_or_none) {
  BOOST_TEST(parse_proc_net("", Family::v4, false).empty());
  BOOST_TEST(parse_proc_net("\n\n   \n x: y z", Family::v4, false).empty());
  BOOST_TEST(parse_proc_net(kTcp6, Family::v4, true).empty());
  for (std::size_t n = 0; n < kUdp.size(); ++n) (void)parse_proc_net(kUdp.substr(0, n), Family::v4, false);
}

BOOST_AUTO_TEST_CASE(the_same_port_is_in_the_way_at_the_same_address_or_a_wildcard) {
  const auto at = [](const char* text) { return *parse_endpoint(text); };
  const std::vector<BoundSocket> all{
      {at("192.0.2.1:53"), 0, 1}, {at("0.0.0.0:5353"), 0, 2}, {at("[::]:4953"), 0, 3}};
  BOOST_TEST(in_the_way(all, at("192.0.2.1:53")).size() == 1U);
  BOOST_TEST(in_the_way(all, at("192.0.2.2:53")).empty());
  BOOST_TEST(in_the_way(all, at("0.0.0.0:53")).size() == 1U);
  BOOST_TEST(in_the_way(all, at("192.0.2.1:5353")).size() == 1U);
  BOOST_TEST(in_the_way(all, at("[2001:db8::1]:5353")).empty());
  BOOST_TEST(in_the_way(all, at("192.0.2.1:4953")).size() == 1U);  // dual stack, perhaps
}

BOOST_AUTO_TEST_SUITE_END()
