// Queries as the master reads them, answers as anybody may forge them.
#include "tools/dns_client.hh"

#include <boost/test/unit_test.hpp>

#include "common/wire/dns.hh"
#include "common/wire/dns_answer.hh"

namespace tools = flagfall::tools;
namespace wire = flagfall::wire;
using tools::AnswerVerdict;

namespace {

tools::Query query(const std::string& name, std::uint16_t type = wire::rrtype::kA) {
  return {.name = *tools::wire_name(name),
          .type = type,
          .id = 0x1234,
          .cookie = tools::ClientCookie{{1, 2, 3, 4, 5, 6, 7, 8}}};
}

/// What the master's own code makes of the query, with these addresses.
std::vector<std::uint8_t> answer_to(const tools::Query& asked,
                                    const std::vector<flagfall::IpAddress>& addresses,
                                    wire::AnswerOptions options = {}) {
  const auto packet = tools::write_query(asked);
  wire::DnsQuery parsed;
  BOOST_REQUIRE(wire::parse_query(packet, parsed) == wire::QueryVerdict::ok);
  std::vector<std::uint8_t> room(4096);
  const auto records = addresses.empty() ? wire::PreparedRecords{} : wire::prepare_addresses(addresses, 30);
  room.resize(wire::write_answer(parsed, {.answer = &records}, options, 1232, room));
  return room;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_client)

BOOST_AUTO_TEST_CASE(a_query_is_what_a_server_understands) {
  tools::Query asked = query("WWW.example.test", wire::rrtype::kAaaa);
  asked.cookie->server.assign(16, 9);
  const auto packet = tools::write_query(asked);
  wire::DnsQuery parsed;
  BOOST_REQUIRE(wire::parse_query(packet, parsed) == wire::QueryVerdict::ok);
  BOOST_TEST(parsed.id == 0x1234);
  BOOST_TEST(parsed.type == wire::rrtype::kAaaa);
  BOOST_TEST(parsed.edns);
  BOOST_TEST(parsed.nsid);
  BOOST_TEST(parsed.udp_size == 1232);
  BOOST_REQUIRE(parsed.client_cookie.has_value());
  BOOST_TEST(parsed.client_cookie->at(7) == 8);
  BOOST_TEST(parsed.server_cookie.size() == 16U);
  BOOST_TEST(flagfall::as_text(parsed.name_bytes()) == std::string_view("\3www\7example\4test\0", 18));
}

BOOST_AUTO_TEST_CASE(an_answer_gives_its_addresses_its_server_and_a_cookie) {
  const auto asked = query("www.example.test");
  const std::array<std::uint8_t, 4> nsid{'f', 'r', 'a', 1};
  const std::array<std::uint8_t, 16> cookie{7};
  const auto packet = answer_to(asked, {*flagfall::parse_ip("192.0.2.10"), *flagfall::parse_ip("192.0.2.11")},
                                {.nsid = nsid, .server_cookie = cookie});
  tools::Answer answer;
  BOOST_REQUIRE(tools::read_answer(packet, asked, answer) == AnswerVerdict::ok);
  BOOST_TEST(tools::label(answer) == "192.0.2.10,192.0.2.11");
  BOOST_TEST(answer.nsid == "fra.");
  BOOST_TEST(answer.server_cookie.size() == 16U);
}

BOOST_AUTO_TEST_CASE(an_ipv6_answer_is_read_for_an_ipv6_question_only) {
  auto asked = query("www.example.test", wire::rrtype::kAaaa);
  auto packet = answer_to(asked, {*flagfall::parse_ip("2001:db8::10")});
  tools::Answer answer;
  BOOST_REQUIRE(tools::read_answer(packet, asked, answer) == AnswerVerdict::ok);
  BOOST_TEST(tools::label(answer) == "2001:db8::10");
}

BOOST_AUTO_TEST_CASE(an_answer_without_addresses_is_named_by_what_it_is) {
  const auto asked = query("www.example.test");
  tools::Answer answer;
  BOOST_REQUIRE(tools::read_answer(answer_to(asked, {}), asked, answer) == AnswerVerdict::ok);
  BOOST_TEST(tools::label(answer) == "NODATA");
  for (const auto& [rcode, name] :
       {std::pair(wire::Rcode::refused, "REFUSED"), std::pair(wire::Rcode::badcookie, "BADCOOKIE"),
        std::pair(wire::Rcode::nxdomain, "NXDOMAIN")}) {
    BOOST_REQUIRE(tools::read_answer(answer_to(asked, {}, {.rcode = rcode}), asked, answer) ==
                  AnswerVerdict::ok);
    BOOST_TEST(tools::label(answer) == name);
  }
  answer = {.truncated = true};
  BOOST_TEST(tools::label(answer) == "TRUNCATED");
  answer = {.rcode = 3841};
  BOOST_TEST(tools::label(answer) == "RCODE3841");
}

BOOST_AUTO_TEST_CASE(an_answer_to_something_else_is_told_apart) {
  const auto asked = query("www.example.test");
  const auto good = answer_to(asked, {*flagfall::parse_ip("192.0.2.10")});
  tools::Answer answer;
  auto other = good;
  other[0] ^= 1;
  BOOST_CHECK(tools::read_answer(other, asked, answer) == AnswerVerdict::wrong_id);
  other = good;
  other[13] ^= 0x20;  // the case of the first letter: a forger would have to guess it
  BOOST_CHECK(tools::read_answer(other, asked, answer) == AnswerVerdict::wrong_question);
  other = good;
  other[5] = 0;  // no question
  BOOST_CHECK(tools::read_answer(other, asked, answer) == AnswerVerdict::wrong_question);
  BOOST_CHECK(tools::read_answer(tools::write_query(asked), asked, answer) ==
              AnswerVerdict::malformed);  // QR clear
  auto strange = asked;
  strange.cookie->client[0] ^= 1;
  const std::array<std::uint8_t, 16> cookie{7};
  const auto answered = answer_to(asked, {}, {.server_cookie = cookie});
  BOOST_CHECK(tools::read_answer(answered, strange, answer) == AnswerVerdict::wrong_cookie);
}

BOOST_AUTO_TEST_CASE(every_cut_of_an_answer_is_malformed_or_less_and_never_a_crash) {
  const auto asked = query("www.example.test");
  const auto good = answer_to(asked, {*flagfall::parse_ip("192.0.2.10")});
  tools::Answer answer;
  for (std::size_t n = 0; n < good.size(); ++n)
    BOOST_CHECK(tools::read_answer(flagfall::Bytes(good).first(n), asked, answer) != AnswerVerdict::ok);
}

BOOST_AUTO_TEST_CASE(a_name_that_dns_cannot_carry_is_refused) {
  BOOST_TEST(tools::wire_name("www.example.test.")->size() == 18U);
  BOOST_TEST(tools::wire_name(".")->size() == 1U);
  BOOST_TEST(!tools::wire_name("a..b").ok());
  BOOST_TEST(!tools::wire_name(".a").ok());
  BOOST_TEST(!tools::wire_name(std::string(64, 'a') + ".test").ok());
  std::string longest;
  for (int i = 0; i < 127; ++i) longest += "a.";
  BOOST_TEST(tools::wire_name(longest)->size() == 255U);
  BOOST_TEST(!tools::wire_name(longest + "a").ok());
}

BOOST_AUTO_TEST_CASE(a_pattern_is_filled_anew_each_time_and_only_once_a_name) {
  flagfall::SeededRandom random(1);
  const std::string first = tools::fill_pattern("*.race.example.test", random);
  const std::string second = tools::fill_pattern("*.race.example.test", random);
  BOOST_TEST(first != second);
  BOOST_TEST(first.size() == 12 + std::string(".race.example.test").size());
  BOOST_TEST(first.ends_with(".race.example.test"));
  BOOST_TEST(tools::fill_pattern("a*.x.", random) == "a*.x.");
  BOOST_TEST(tools::fill_pattern("*.*", random).ends_with(".*"));
}

BOOST_AUTO_TEST_CASE(random_case_changes_letters_only) {
  flagfall::SeededRandom random(1);
  const auto before = *tools::wire_name(std::string(40, 'a') + "-1.example.test");
  auto after = before;
  tools::randomize_case(after, random);
  BOOST_TEST(after != before);
  for (std::size_t i = 0; i < before.size(); ++i) BOOST_TEST(wire::lower(after[i]) == before[i]);
  BOOST_TEST(after[0] == before[0]);
}

BOOST_AUTO_TEST_SUITE_END()
