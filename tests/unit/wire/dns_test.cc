#include "common/wire/dns.hh"

#include <boost/test/unit_test.hpp>

#include "tests/unit/wire/dns_bytes.hh"

using flagfall::Bytes;
using flagfall::test::hex;
using flagfall::test::Octets;
using flagfall::test::put16;
using flagfall::test::Query;
using flagfall::test::wire_name;
using flagfall::wire::DnsQuery;
using flagfall::wire::parse_query;
using Verdict = flagfall::wire::QueryVerdict;

namespace {

constexpr std::uint16_t kNsid = 3, kSubnet = 8, kCookie = 10;

struct Parsed {
  Octets packet;
  DnsQuery query;
  Verdict verdict;
  explicit Parsed(Octets bytes) : packet(std::move(bytes)), verdict(parse_query(packet, query)) {}
  explicit Parsed(const Query& q) : Parsed(q.bytes()) {}
};

Verdict verdict_of(const Octets& bytes) {
  return Parsed(bytes).verdict;
}

Octets with(Query q, std::uint16_t option, std::string_view data) {
  return q.option(option, hex(data)).bytes();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns)

BOOST_AUTO_TEST_CASE(an_ordinary_query_is_understood) {
  Query q;
  q.name = "wWw.Example.TEST";
  const Parsed p(q);
  BOOST_REQUIRE(p.verdict == Verdict::ok);
  BOOST_TEST(p.query.id == 0x1234);
  BOOST_TEST(p.query.type == 1);
  BOOST_TEST(p.query.klass == 1);
  BOOST_TEST(p.query.question_end == p.packet.size());
  BOOST_TEST(p.query.name_bytes() == wire_name("www.example.test"), boost::test_tools::per_element());
  BOOST_TEST(!p.query.edns);
  BOOST_TEST(p.query.udp_size == 512);
}

BOOST_AUTO_TEST_CASE(edns_and_its_options_are_understood) {
  Query r;
  r.edns_flags = 0x8000;
  r.option(kNsid, {})
      .option(kCookie, hex("0102030405060708"))
      .option(kSubnet, hex("00011800c00002"))
      .option(65001, hex("ff"));
  const Parsed s(r);
  BOOST_REQUIRE(s.verdict == Verdict::ok);
  BOOST_TEST(s.query.edns);
  BOOST_TEST(s.query.dnssec_ok);
  BOOST_TEST(s.query.nsid);
  BOOST_TEST(s.query.udp_size == 1232);
  BOOST_REQUIRE(s.query.client_cookie);
  BOOST_TEST(s.query.client_cookie->at(7) == 8);
  BOOST_TEST(s.query.server_cookie.empty());
  BOOST_TEST(s.query.client_subnet.size() == 7U);
}

BOOST_AUTO_TEST_CASE(an_edns_size_below_512_counts_as_512) {
  Query q;
  q.edns = true;
  q.size = 100;
  BOOST_TEST(Parsed(q).query.udp_size == 512);
  q.size = 65535;
  BOOST_TEST(Parsed(q).query.udp_size == 65535);
}

BOOST_AUTO_TEST_CASE(a_response_and_less_than_a_header_get_silence) {
  Query q;
  q.flags = 0x8180;
  BOOST_TEST((Parsed(q).verdict == Verdict::silence));
  const Octets good = Query().bytes();
  for (std::size_t n = 0; n < 12; ++n)
    BOOST_TEST((verdict_of(Octets(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n))) ==
                Verdict::silence));
}

BOOST_AUTO_TEST_CASE(every_truncation_of_a_query_is_formerr_and_keeps_the_id) {
  Query q;
  q.option(kCookie, hex("0102030405060708"));
  const Octets good = q.bytes();
  for (std::size_t n = 12; n < good.size(); ++n) {
    const Parsed p(Octets(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n)));
    BOOST_TEST((p.verdict == Verdict::formerr));
    BOOST_TEST(p.query.id == 0x1234);
    BOOST_TEST(p.query.question_end <= n);
  }
  Octets longer = good;
  longer.push_back(0);
  BOOST_TEST((verdict_of(longer) == Verdict::formerr));
}

BOOST_AUTO_TEST_CASE(another_opcode_is_notimp_whatever_follows) {
  for (unsigned opcode = 1; opcode < 16; ++opcode) {
    Query q;
    q.edns = true;
    q.flags = static_cast<std::uint16_t>(opcode << 11);
    const Parsed p(q);
    BOOST_TEST((p.verdict == Verdict::notimp));
    BOOST_TEST(p.query.edns);
    BOOST_TEST(p.query.question_end > 12U);
    q.questions = 7;
    BOOST_TEST((Parsed(q).verdict == Verdict::notimp));
  }
}

BOOST_AUTO_TEST_CASE(a_later_edns_version_is_badvers) {
  Query q;
  q.edns = true;
  q.version = 1;
  const Parsed p(q);
  BOOST_TEST((p.verdict == Verdict::badvers));
  BOOST_TEST(p.query.edns);
  // What options mean there is not ours to judge.
  BOOST_TEST((verdict_of(with(q, kCookie, "01")) == Verdict::badvers));
}

BOOST_AUTO_TEST_CASE(there_is_one_question_or_none_with_a_cookie) {
  Query q;
  q.questions = 2;
  BOOST_TEST((Parsed(q).verdict == Verdict::formerr));
  BOOST_TEST(Parsed(q).query.question_end == 12U);
  q.questions = 0;
  BOOST_TEST((Parsed(q).verdict == Verdict::formerr));
  q.edns = true;
  BOOST_TEST((Parsed(q).verdict == Verdict::formerr));
  q.option(kCookie, hex("0102030405060708"));
  const Parsed p(q);
  BOOST_TEST((p.verdict == Verdict::ok));
  BOOST_TEST(p.query.name_length == 0U);
  BOOST_TEST(p.query.question_end == 12U);
}

BOOST_AUTO_TEST_CASE(names_are_held_to_their_limits) {
  const auto ask = [](const Octets& name) {
    Octets packet = hex("123401000001000000000000");
    flagfall::test::put(packet, name);
    put16(packet, 1);
    put16(packet, 1);
    return verdict_of(packet);
  };
  BOOST_TEST((ask({0}) == Verdict::ok));  // the root
  Octets longest;
  for (int i = 0; i < 127; ++i) longest.insert(longest.end(), {1, 'x'});
  longest.push_back(0);
  BOOST_TEST(longest.size() == 255U);
  BOOST_TEST((ask(longest) == Verdict::ok));
  longest.insert(longest.begin(), {1, 'y'});
  BOOST_TEST((ask(longest) == Verdict::formerr));
  Octets label(65, 'x');
  label[0] = 63;
  label[64] = 0;
  BOOST_TEST((ask(label) == Verdict::ok));
  for (const unsigned bad :
       {64U, 128U, 192U, 255U}) {  // other label types, and pointers, which lead nowhere yet
    label[0] = static_cast<std::uint8_t>(bad);
    BOOST_TEST((ask(label) == Verdict::formerr));
  }
  BOOST_TEST((ask({0xc0, 12}) == Verdict::formerr));
}

BOOST_AUTO_TEST_CASE(a_malformed_cookie_is_formerr_and_said_to_be_the_cause) {
  for (const std::size_t n : {0U, 1U, 7U, 9U, 15U, 41U, 100U}) {
    const Parsed p(Query().option(kCookie, Octets(n)));
    BOOST_TEST((p.verdict == Verdict::formerr));
    BOOST_TEST(p.query.cookie_malformed);
    BOOST_TEST(p.query.edns);
  }
  for (const std::size_t n : {8U, 16U, 24U, 40U}) {
    const Parsed p(Query().option(kCookie, Octets(n)));
    BOOST_TEST((p.verdict == Verdict::ok));
    BOOST_TEST(p.query.server_cookie.size() == n - 8);
  }
}

BOOST_AUTO_TEST_CASE(a_client_subnet_is_a_prefix) {
  const auto told = [](const char* option) {
    Query q;
    q.option(kSubnet, hex(option));
    const Parsed p(q);
    BOOST_REQUIRE(p.verdict == Verdict::ok);
    const auto subnet = flagfall::wire::client_subnet(p.query);
    return subnet ? flagfall::to_string(*subnet) : "none";
  };
  BOOST_TEST(told("00011800c00002") == "192.0.2.0/24");
  BOOST_TEST(told("00011400c0a890") == "192.168.144.0/20");
  BOOST_TEST(told("0002200020010db8") == "2001:db8::/32");
  BOOST_TEST(told("00010000") == "none");
  BOOST_TEST(told("00020000") == "none");
}

BOOST_AUTO_TEST_CASE(a_malformed_client_subnet_is_formerr) {
  for (const char* good :
       {"00010000", "00011800c00002", "00011900c0000280", "00020000", "0002380020010db8000000"})
    BOOST_TEST((verdict_of(with({}, kSubnet, good)) == Verdict::ok), good);
  for (const char* bad :
       {"", "0001", "000118", "00011800c000", "00011800c0000201", "00011900c0000281", "00011818c00002",
        "00012100c000020101", "00030000", "0002810020010db800000000000000000000000000"})
    BOOST_TEST((verdict_of(with({}, kSubnet, bad)) == Verdict::formerr), bad);
}

BOOST_AUTO_TEST_CASE(an_opt_record_is_the_only_one_at_the_root_and_in_the_additional_section) {
  Query q;
  q.edns = true;
  Octets twice = q.bytes();
  flagfall::test::put(twice, q.opt());
  BOOST_TEST((verdict_of(twice) == Verdict::formerr));
  twice[11] = 2;  // and counted
  BOOST_TEST((verdict_of(twice) == Verdict::formerr));

  Octets elsewhere = q.bytes();
  elsewhere[11] = 0;
  elsewhere[9] = 1;  // NSCOUNT
  BOOST_TEST((verdict_of(elsewhere) == Verdict::formerr));

  Octets named = Query().bytes();
  named[11] = 1;
  flagfall::test::put(named, hex("c00c"));
  const Octets opt = q.opt();
  named.insert(named.end(), opt.begin() + 1, opt.end());
  BOOST_TEST((verdict_of(named) == Verdict::formerr));
}

BOOST_AUTO_TEST_CASE(other_records_are_stepped_over) {
  // An IXFR query carries a SOA in its authority section (RFC 1995 §3).
  Octets packet = Query().bytes();
  packet[9] = 1;
  packet[11] = 1;
  flagfall::test::put(packet, hex("c00c00060001000000000003010203"));
  flagfall::test::put(packet, [] {
    Query q;
    q.edns = true;
    return q.opt();
  }());
  const Parsed p(packet);
  BOOST_TEST((p.verdict == Verdict::ok));
  BOOST_TEST(p.query.edns);
}

BOOST_AUTO_TEST_CASE(a_record_of_one_query_does_not_leak_into_the_next) {
  DnsQuery query;
  const Octets first = with({}, kCookie, "01020304050607080102030405060708");
  const Octets second = Query().bytes();
  BOOST_TEST((parse_query(first, query) == Verdict::ok));
  BOOST_TEST((parse_query(second, query) == Verdict::ok));
  BOOST_TEST(!query.edns);
  BOOST_TEST(!query.client_cookie);
  BOOST_TEST(query.server_cookie.empty());
  BOOST_TEST(query.udp_size == 512);
}

BOOST_AUTO_TEST_CASE(any_single_octet_changed_gives_a_verdict) {
  Query q;
  q.option(kCookie, hex("0102030405060708")).option(kSubnet, hex("00011800c00002"));
  const Octets good = q.bytes();
  std::size_t understood = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (unsigned v = 0; v < 256; ++v) {
      Octets bad = good;
      bad[i] = static_cast<std::uint8_t>(v);
      const Parsed p(bad);
      if (p.verdict == Verdict::ok) ++understood;
      BOOST_REQUIRE(p.query.question_end <= bad.size());
      BOOST_REQUIRE(p.query.name_length <= 255);
    }
  }
  BOOST_TEST(understood > good.size());
}

BOOST_AUTO_TEST_SUITE_END()
