#include "common/wire/quoted_answer.hh"

#include <boost/test/unit_test.hpp>

#include "common/base/random.hh"
#include "common/wire/dns_answer.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using wire::parse_quoted_answer;

namespace {

std::vector<std::uint8_t> answer(const std::vector<IpAddress>& addresses, bool edns = true) {
  std::vector<std::uint8_t> query(512);
  ByteWriter w(query);
  for (const unsigned v : {0x1234U, 0x0100U, 1U, 0U, 0U, edns ? 1U : 0U})
    w.u16(static_cast<std::uint16_t>(v));
  for (const std::string_view label : {"WwW", "Race", "test"}) {
    w.u8(static_cast<std::uint8_t>(label.size()));
    w.bytes(as_bytes(label));
  }
  w.u8(0);
  w.u16(addresses.front().family == Family::v4 ? 1 : 28);
  w.u16(1);
  if (edns) {
    w.u8(0);
    for (const unsigned v : {41U, 1232U, 0U, 0U, 0U}) w.u16(static_cast<std::uint16_t>(v));
  }
  query.resize(w.size());
  wire::DnsQuery parsed;
  BOOST_REQUIRE((wire::parse_query(query, parsed) == wire::QueryVerdict::ok));
  const auto records = wire::prepare_addresses(addresses, 30);
  std::vector<std::uint8_t> out(1232);
  out.resize(wire::write_answer(parsed, {.answer = &records}, {}, 1232, out));
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(quoted_answer)

BOOST_AUTO_TEST_CASE(our_own_answers_read_back) {
  for (const char* text : {"192.0.2.80", "2001:db8::80"}) {
    const IpAddress ip = *parse_ip(text);
    const auto bytes = answer({ip});
    const auto quote = parse_quoted_answer(bytes);
    BOOST_REQUIRE(quote.has_value());
    BOOST_TEST(quote->id == 0x1234);
    BOOST_TEST(quote->type == (ip.family == Family::v4 ? 1 : 28));
    BOOST_TEST(as_text(quote->name_bytes()) == std::string_view("\3www\4race\4test\0", 15));  // lower case
    BOOST_TEST(quote->ttl == 30U);
    BOOST_REQUIRE_EQUAL(quote->count, 1U);
    BOOST_TEST((quote->addresses[0] == ip));
  }
}

BOOST_AUTO_TEST_CASE(a_quote_is_good_as_soon_as_its_first_address_is_whole) {
  const std::vector<IpAddress> addresses{*parse_ip("192.0.2.1"), *parse_ip("192.0.2.2"),
                                         *parse_ip("192.0.2.3"), *parse_ip("192.0.2.4"),
                                         *parse_ip("192.0.2.5")};
  const auto bytes = answer(addresses, false);
  const std::size_t first = bytes.size() - std::size_t{4} * 16;
  for (std::size_t n = 0; n <= bytes.size(); ++n) {
    const auto quote = parse_quoted_answer(Bytes(bytes).first(n));
    BOOST_TEST(quote.has_value() == (n >= first));
    if (!quote) continue;
    BOOST_TEST(quote->count == std::min<std::size_t>(1 + (n - first) / 16, wire::QuotedAnswer::kMost));
    for (std::size_t i = 0; i < quote->count; ++i) BOOST_TEST((quote->addresses.at(i) == addresses[i]));
  }
}

BOOST_AUTO_TEST_CASE(queries_errors_truncated_answers_and_other_types_are_nothing) {
  const auto good = answer({*parse_ip("192.0.2.80")}, false);
  const auto changed = [&](std::size_t at, std::uint8_t to) {
    auto bytes = good;
    bytes.at(at) = to;
    return parse_quoted_answer(bytes).has_value();
  };
  BOOST_TEST(changed(0, 9));       // another id is another race
  BOOST_TEST(!changed(2, 0x01));   // a query
  BOOST_TEST(!changed(2, 0x87));   // TC
  BOOST_TEST(!changed(2, 0xa5));   // an opcode other than QUERY
  BOOST_TEST(!changed(3, 0x03));   // NXDOMAIN
  BOOST_TEST(!changed(5, 2));      // two questions
  BOOST_TEST(!changed(7, 0));      // no answers
  BOOST_TEST(!changed(12, 0xc0));  // a question that points
  const std::size_t type = 12 + 15 + 1;
  BOOST_TEST(!changed(type, 16));             // TXT?
  BOOST_TEST(!changed(type + 2, 3));          // CH
  BOOST_TEST(!changed(good.size() - 5, 5));   // five octets of address
  BOOST_TEST(!changed(good.size() - 13, 5));  // a CNAME
}

BOOST_AUTO_TEST_CASE(random_bytes_never_read_past_the_end) {
  SeededRandom random(3);
  const auto good = answer({*parse_ip("192.0.2.80"), *parse_ip("192.0.2.81")});
  for (int i = 0; i < 20'000; ++i) {
    auto bytes = good;
    for (int n = 0; n < 1 + i % 4; ++n)
      bytes[random.next() % bytes.size()] = static_cast<std::uint8_t>(random.next());
    bytes.resize(random.next() % (bytes.size() + 1));
    (void)parse_quoted_answer(bytes);
  }
}

BOOST_AUTO_TEST_SUITE_END()
