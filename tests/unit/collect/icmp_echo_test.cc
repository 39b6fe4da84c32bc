// Echo messages' bytes, and what is none.
#include "collect/icmp_echo.hh"

#include <boost/test/unit_test.hpp>
#include <vector>

#include "common/base/random.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using collect::EchoMessage;

namespace {

const EchoMessage kEcho{0x1234, 7, 0x1122334455667788};

std::vector<std::uint8_t> reply_to(Family family) {
  const auto request = collect::encode_request(family, kEcho);
  std::vector<std::uint8_t> out(request.begin(), request.end());
  out[0] = family == Family::v4 ? 0 : 129;
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(icmp_echo)

BOOST_AUTO_TEST_CASE(a_request_is_that_of_the_rfcs_with_a_good_checksum) {
  const auto v4 = collect::encode_request(Family::v4, kEcho);
  BOOST_TEST(v4[0] == 8);
  BOOST_TEST(v4[1] == 0);
  BOOST_TEST((v4[4] == 0x12 && v4[5] == 0x34 && v4[6] == 0 && v4[7] == 7));
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < v4.size(); i += 2) sum += std::uint32_t{v4[i]} << 8 | v4[i + 1];
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  BOOST_TEST(sum == 0xffffU);
  BOOST_TEST(collect::encode_request(Family::v6, kEcho)[0] == 128);
}

BOOST_AUTO_TEST_CASE(a_reply_brings_the_token_back) {
  BOOST_TEST((collect::parse_reply(Family::v4, false, reply_to(Family::v4)) == kEcho));
  BOOST_TEST((collect::parse_reply(Family::v6, false, reply_to(Family::v6)) == kEcho));
  auto packet = reply_to(Family::v4);
  std::vector<std::uint8_t> header(24, 0);
  header[0] = 0x46;  // with an option of four octets
  packet.insert(packet.begin(), header.begin(), header.end());
  BOOST_TEST((collect::parse_reply(Family::v4, true, packet) == kEcho));
}

BOOST_AUTO_TEST_CASE(what_is_no_reply_is_nothing) {
  const auto request = collect::encode_request(Family::v4, kEcho);
  BOOST_TEST(!collect::parse_reply(Family::v4, false, request));
  BOOST_TEST(!collect::parse_reply(Family::v6, false, reply_to(Family::v4)));
  auto coded = reply_to(Family::v4);
  coded[1] = 1;
  BOOST_TEST(!collect::parse_reply(Family::v4, false, coded));
  const auto whole = reply_to(Family::v4);
  for (std::size_t n = 0; n < 16; ++n)
    BOOST_TEST(!collect::parse_reply(Family::v4, false, Bytes(whole).first(n)));
  BOOST_TEST(!collect::parse_reply(Family::v4, true, whole));  // no IP header
}

BOOST_AUTO_TEST_CASE(any_bytes_give_a_verdict) {
  SeededRandom random(5);
  for (int i = 0; i < 20000; ++i) {
    std::vector<std::uint8_t> bytes(random.next() % 80);
    for (auto& octet : bytes) octet = static_cast<std::uint8_t>(random.next());
    if (!bytes.empty() && random.next() % 2 == 0) bytes[0] = 0x45;
    (void)collect::parse_reply(Family::v4, true, bytes);
    (void)collect::parse_reply(Family::v6, false, bytes);
  }
}

BOOST_AUTO_TEST_SUITE_END()
