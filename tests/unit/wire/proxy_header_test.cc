#include "common/wire/proxy_header.hh"

#include <array>
#include <boost/test/unit_test.hpp>
#include <tuple>
#include <vector>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test

namespace {

std::vector<std::uint8_t> header(const char* client, const char* asked,
                                 wire::Proxied what = wire::Proxied::tcp) {
  std::array<std::uint8_t, wire::kMostProxyHeader> room{};
  ByteWriter out(room);
  wire::write_proxy_header(what, *parse_endpoint(client), *parse_endpoint(asked), out);
  BOOST_TEST(out.ok());
  return {out.written().begin(), out.written().end()};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(proxy_header)

BOOST_AUTO_TEST_CASE(it_is_octet_for_octet_as_the_specification_has_it) {
  const std::vector<std::uint8_t> v4{13, 10, 13,  10, 0,   13, 10,  0x51, 0x55, 0x49, 0x54, 10,   0x21, 0x11,
                                     0,  12, 198, 51, 100, 7,  192, 0,    2,    10,   0x9c, 0x40, 0,    80};
  BOOST_TEST(header("198.51.100.7:40000", "192.0.2.10:80") == v4, boost::test_tools::per_element());
  const auto v6 = header("[2001:db8::7]:1", "[2001:db8::a]:80");
  BOOST_TEST(v6.size() == wire::kMostProxyHeader);
  BOOST_TEST(v6[13] == 0x21);
  BOOST_TEST(v6[15] == 36);
  BOOST_TEST(v6[31] == 7);
  BOOST_TEST(v6[47] == 10);
  BOOST_TEST(v6[49] == 1);
  BOOST_TEST(v6[51] == 80);
}

BOOST_AUTO_TEST_CASE(a_datagrams_differs_from_a_connections_in_the_transport_alone) {
  for (const auto& [client, asked, family] : {std::tuple("198.51.100.7:40000", "192.0.2.10:80", 0x12),
                                              std::tuple("[2001:db8::7]:1", "[2001:db8::a]:80", 0x22)}) {
    auto expected = header(client, asked);
    expected[13] = static_cast<std::uint8_t>(family);
    BOOST_TEST(header(client, asked, wire::Proxied::udp) == expected, boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(the_relays_own_names_nobody) {
  const std::vector<std::uint8_t> expected{13,   10,   13,   10, 0,    13, 10, 0x51,
                                           0x55, 0x49, 0x54, 10, 0x20, 0,  0,  0};
  std::array<std::uint8_t, wire::kMostProxyHeader> room{};
  ByteWriter out(room);
  wire::write_own_proxy_header(out);
  BOOST_TEST(std::vector(out.written().begin(), out.written().end()) == expected,
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
