#include "common/wire/dns_answer.hh"

#include <boost/test/unit_test.hpp>

#include "tests/unit/wire/dns_bytes.hh"

using flagfall::ByteReader;
using flagfall::Bytes;
using flagfall::test::hex;
using flagfall::test::Octets;
using flagfall::test::Query;
namespace wire = flagfall::wire;

namespace {

/// One query's answer, and its header taken apart.
struct Written {
  Octets query_bytes;
  wire::DnsQuery query;
  Octets bytes;
  unsigned id = 0, flags = 0, questions = 0, answers = 0, authorities = 0, additionals = 0;

  Written(const Query& q, const wire::AnswerSections& sections, const wire::AnswerOptions& options = {},
          std::size_t limit = 512)
      : query_bytes(q.bytes()) {
    (void)wire::parse_query(query_bytes, query);
    bytes.resize(65535);
    bytes.resize(wire::write_answer(query, sections, options, limit, bytes));
    ByteReader in(bytes);
    id = in.u16();
    flags = in.u16();
    questions = in.u16();
    answers = in.u16();
    authorities = in.u16();
    additionals = in.u16();
  }
  [[nodiscard]] Bytes from(std::size_t at) const { return Bytes(bytes).subspan(at); }
  [[nodiscard]] Octets question() const {
    return {bytes.begin() + 12, bytes.begin() + static_cast<std::ptrdiff_t>(query.question_end)};
  }
  [[nodiscard]] bool tc() const { return (flags & 0x0200) != 0; }
};

flagfall::IpAddress ip(std::string_view text) {
  return *flagfall::parse_ip(text);
}

wire::PreparedRecords addresses(std::size_t n) {
  std::vector<flagfall::IpAddress> list;
  for (std::size_t i = 0; i < n; ++i) list.push_back(ip("192.0.2." + std::to_string(i % 256)));
  return wire::prepare_addresses(list, 60);
}

/// The data of an option in the OPT that starts at `at`.
Octets option(const Written& w, std::size_t at, unsigned code) {
  ByteReader in(w.from(at + 9));
  ByteReader options(in.sized());
  while (options.left() > 0) {
    const unsigned c = options.u16();
    const Bytes data = options.sized();
    if (c == code) return {data.begin(), data.end()};
  }
  return {};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_answer)

BOOST_AUTO_TEST_CASE(addresses_are_answered_byte_for_byte) {
  const std::array four{ip("192.0.2.1"), ip("192.0.2.2")};
  const auto records = wire::prepare_addresses(four, 30);
  const Written w({}, {&records});
  Octets expected = hex("123485000001000200000000");  // QR AA RD; 1, 2, 0, 0
  flagfall::test::put(expected, hex("03777777076578616d706c6504746573740000010001"));
  flagfall::test::put(expected, hex("c00c000100010000001e0004c0000201"));
  flagfall::test::put(expected, hex("c00c000100010000001e0004c0000202"));
  BOOST_TEST(w.bytes == expected, boost::test_tools::per_element());
  const std::array six{ip("2001:db8::1")};
  const auto long_ones = wire::prepare_addresses(six, 30);
  BOOST_TEST(long_ones.bytes == hex("c00c001c00010000001e001020010db8000000000000000000000001"),
             boost::test_tools::per_element());
  BOOST_TEST(long_ones.count == 1);
}

BOOST_AUTO_TEST_CASE(the_question_comes_back_in_the_case_it_was_asked) {
  Query q;
  q.name = "wWw.eXaMpLe.TeSt";
  const auto records = addresses(1);
  const Written w(q, {&records});
  const Octets asked = q.bytes();
  BOOST_TEST(w.question() == Octets(asked.begin() + 12, asked.end()), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(rd_and_opcode_come_back_and_nothing_else_of_the_flags) {
  Query q;
  q.flags = 0x7d7f;  // opcode 15, TC, RD, Z, AD, CD, rcode, all but QR and AA
  wire::AnswerOptions options;
  options.rcode = wire::Rcode::notimp;
  options.authoritative = false;
  BOOST_TEST(Written(q, {}, options).flags == 0xf904);
}

BOOST_AUTO_TEST_CASE(edns_is_answered_with_edns_only) {
  BOOST_TEST(Written(Query(), {}).additionals == 0U);
  Query q;
  q.edns = true;
  q.edns_flags = 0x8000;
  const Written w(q, {});
  BOOST_TEST(w.additionals == 1U);
  const Octets opt(w.bytes.end() - 11, w.bytes.end());
  BOOST_TEST(opt == hex("00002904d0000080000000"), boost::test_tools::per_element());  // 1232, DO
}

BOOST_AUTO_TEST_CASE(an_extended_rcode_is_split_between_header_and_opt) {
  Query q;
  q.edns = true;
  wire::AnswerOptions options;
  options.rcode = wire::Rcode::badcookie;  // 23
  const Written w(q, {}, options);
  BOOST_TEST((w.flags & 0xf) == 7U);
  BOOST_TEST(w.bytes[w.bytes.size() - 6] == 1);
}

BOOST_AUTO_TEST_CASE(options_are_answered_when_asked_for) {
  Query q;
  q.option(3, {}).option(10, hex("0102030405060708")).option(8, hex("00011800c00002"));
  wire::AnswerOptions options;
  options.nsid = flagfall::as_bytes("site-a");
  const Octets cookie = hex("000102030405060708090a0b0c0d0e0f");
  options.server_cookie = cookie;
  options.ede = 18;
  const Written w(q, {}, options);
  const std::size_t opt = w.query.question_end;
  BOOST_TEST(option(w, opt, 3) == hex("736974652d61"), boost::test_tools::per_element());
  BOOST_TEST(option(w, opt, 10) == hex("0102030405060708000102030405060708090a0b0c0d0e0f"),
             boost::test_tools::per_element());
  BOOST_TEST(option(w, opt, 8) == hex("00011800c00002"), boost::test_tools::per_element());
  BOOST_TEST(option(w, opt, 15) == hex("0012"), boost::test_tools::per_element());

  Query plain;
  plain.edns = true;
  const Written none(plain, {}, options);
  BOOST_TEST(option(none, opt, 3).empty());
  BOOST_TEST(option(none, opt, 10).empty());
  BOOST_TEST(option(none, opt, 8).empty());
}

BOOST_AUTO_TEST_CASE(a_client_subnet_comes_back_with_its_scope_but_not_with_an_error) {
  Query q;
  q.option(8, hex("0002200020010db8"));
  BOOST_TEST(option(Written(q, {}), 34, 8) == hex("0002200020010db8"), boost::test_tools::per_element());
  wire::AnswerOptions options;
  options.subnet_scope = 48;
  BOOST_TEST(option(Written(q, {}, options), 34, 8) == hex("0002203020010db8"),
             boost::test_tools::per_element());
  Query nobody;
  nobody.option(8, hex("00020000"));
  BOOST_TEST(option(Written(nobody, {}, options), 34, 8) == hex("00020000"),
             boost::test_tools::per_element());
  options.rcode = wire::Rcode::refused;
  BOOST_TEST(option(Written(q, {}, options), 34, 8).empty());
}

BOOST_AUTO_TEST_CASE(an_nsid_that_does_not_fit_is_left_out) {
  Query q;
  q.option(3, {});
  const std::string long_id(600, 'n');
  wire::AnswerOptions options;
  options.nsid = flagfall::as_bytes(long_id);
  const Written w(q, {}, options);
  BOOST_TEST(w.bytes.size() < 512U);
  BOOST_TEST(!w.tc());
  BOOST_TEST(Written(q, {}, options, 1232).bytes.size() > 600U);
  options.nsid = flagfall::as_bytes("site-a");
  const auto fewer = addresses(28);  // 34 + 28 * 16 + 11 = 493; NSID takes 10, a longer one does not fit
  BOOST_TEST(!Written(q, {&fewer}, options, 512).tc());
  options.nsid = flagfall::as_bytes("site-of-many-letters");
  const Written without(q, {&fewer}, options, 512);
  BOOST_TEST(!without.tc());
  BOOST_TEST(without.answers == 28U);
}

BOOST_AUTO_TEST_CASE(what_fits_to_the_octet_is_sent_and_one_more_is_truncated) {
  const auto records = addresses(29);  // 34 + 29 * 16 = 498
  BOOST_TEST(Written({}, {&records}).answers == 29U);
  const auto more = addresses(30);  // 514
  const Written w({}, {&more});
  BOOST_TEST(w.tc());
  BOOST_TEST(w.answers == 0U);
  BOOST_TEST(w.bytes.size() == 34U);
  BOOST_TEST(!Written({}, {&more}, {}, 514).tc());
  BOOST_TEST(Written({}, {&more}, {}, 513).tc());
  Query q;
  q.edns = true;  // 11 more for OPT
  BOOST_TEST(Written(q, {&more}, {}, 524).tc());
  const Written fits(q, {&more}, {}, 525);
  BOOST_TEST(!fits.tc());
  BOOST_TEST(fits.bytes.size() == 525U);
}

BOOST_AUTO_TEST_CASE(additional_records_are_dropped_first_and_without_tc) {
  const auto answer = addresses(20);
  const auto extra = addresses(20);
  const Written w({}, {&answer, nullptr, &extra});
  BOOST_TEST(!w.tc());
  BOOST_TEST(w.answers == 20U);
  BOOST_TEST(w.additionals == 0U);
  BOOST_TEST(Written({}, {&answer, nullptr, &extra}, {}, 1232).additionals == 20U);
}

BOOST_AUTO_TEST_CASE(a_referral_without_its_glue_is_truncated) {
  const auto ns = addresses(2);
  const auto glue = addresses(40);
  wire::AnswerSections sections{nullptr, &ns, &glue, true};
  BOOST_TEST(Written({}, sections).tc());
  const Written w({}, sections, {}, 1232);
  BOOST_TEST(!w.tc());
  BOOST_TEST(w.authorities == 2U);
  BOOST_TEST(w.additionals == 40U);
}

BOOST_AUTO_TEST_CASE(pointers_follow_the_length_of_the_name) {
  wire::PreparedRecords records;
  records.bytes = hex("0000ffff");
  records.pointers = {{0, 12 - 14}};  // to the last 14 octets of the name: "example.test"
  records.count = 1;
  Query q;
  q.name = "a.bc.example.test";
  const Written w(q, {&records});
  const std::size_t at = w.query.question_end;
  BOOST_TEST(w.bytes[at] == 0xc0);
  BOOST_TEST(w.bytes[at + 1] == 12 + 5);
  BOOST_TEST(w.bytes[at + 2] == 0xff);
}

BOOST_AUTO_TEST_CASE(a_substitution_takes_over_the_labels_before_a_suffix) {
  wire::PreparedRecords records;
  records.bytes = hex("017800c00c000500010000003c");  // a name "x", then a CNAME's head
  records.substitution = {14, 0};
  records.count = 1;
  Query q;
  q.name = "A.bC.example.test";
  const Written w(q, {&records});
  const std::size_t end = w.query.question_end;
  const Octets tail(w.bytes.begin() + static_cast<std::ptrdiff_t>(end) + 13, w.bytes.end());
  BOOST_TEST(tail == hex("00070141026243c023"), boost::test_tools::per_element());
  BOOST_TEST(end == 0x23U);
  BOOST_TEST(Written(q, {&records}, {}, 512).bytes.size() == end + 13 + 9);
}

BOOST_AUTO_TEST_CASE(an_unreadable_question_is_answered_with_a_bare_header) {
  wire::DnsQuery query;
  const Octets packet = hex("beef01000001000000000000ff");
  BOOST_TEST((wire::parse_query(packet, query) == wire::QueryVerdict::formerr));
  Octets room(512);
  wire::AnswerOptions options;
  options.rcode = wire::Rcode::formerr;
  options.authoritative = false;
  const auto n = wire::write_answer(query, {}, options, 512, room);
  BOOST_TEST(
      Octets(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(n)) == hex("beef81010000000000000000"),
      boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_udp_limit_is_the_smaller_of_both_and_never_below_512) {
  wire::DnsQuery query;
  query.udp_size = 4096;
  BOOST_TEST(wire::udp_limit(query, 1232) == 1232U);
  query.udp_size = 800;
  BOOST_TEST(wire::udp_limit(query, 1232) == 800U);
  query.udp_size = 512;
  BOOST_TEST(wire::udp_limit(query, 512) == 512U);
}

BOOST_AUTO_TEST_CASE(the_longest_name_with_every_option_fits_the_smallest_room) {
  Query q;
  q.name.clear();
  for (int i = 0; i < 126; ++i) q.name += "x.";
  q.name += "x";
  q.option(3, {}).option(10, Octets(40)).option(8, hex("0002800020010db8000000000000000000000001"));
  wire::AnswerOptions options;
  const Octets cookie(32);
  options.server_cookie = cookie;
  options.ede = 20;
  options.nsid = flagfall::as_bytes("n");
  const auto records = addresses(30);
  const Written w(q, {&records}, options, 512);
  BOOST_TEST(w.tc());
  BOOST_TEST(w.bytes.size() <= 512U);
  BOOST_TEST(w.additionals == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
