#include "common/wire/proxy_header.hh"

#include <array>
#include <boost/test/unit_test.hpp>
#include <vector>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test

namespace {

std::vector<std::uint8_t> header(const char* client, const char* asked) {
  std::array<std::uint8_t, wire::kMostProxyHeader> room{};
  ByteWriter out(room);
  wire::write_proxy_header(*parse_endpoint(client), *parse_endpoint(asked), out);
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

BOOST_AUTO_TEST_SUITE_END()
