#include "common/dns/zone.hh"

#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/unit/dns/dns_text.hh"
#include "tests/unit/wire/dns_bytes.hh"

using flagfall::dns::Lookup;
using flagfall::dns::Zone;
using flagfall::test::Answer;
using flagfall::test::Octets;
namespace rr = flagfall::wire::rrtype;
namespace wire = flagfall::wire;
using Kind = Lookup::Kind;
using Lines = std::vector<std::string>;

namespace std {  // NOLINT(cert-dcl58-cpp): Boost.Test prints what it compares
inline ostream& operator<<(ostream& out, const Lookup::Kind& kind) {
  return out << static_cast<int>(kind);
}
inline ostream& operator<<(ostream& out, const Lines& lines) {
  for (const auto& line : lines) out << '[' << line << "] ";
  return out;
}
}  // namespace std

namespace {

constexpr std::uint16_t kTxt = 16;
const std::string kSoa =
    "example.test. 300 SOA ns1.example.test. hostmaster.example.test. 2026112001 7200 1800 1209600 300";

/// Looks up, writes the answer, and reads it back with ldns.
struct Asked {
  Lookup found;
  Answer answer;
};
Asked ask(const Zone& zone, const std::string& name, std::uint16_t type) {
  flagfall::test::Query q;
  q.name = name;
  q.type = type;
  const Octets packet = q.bytes();
  wire::DnsQuery query;
  BOOST_REQUIRE(wire::parse_query(packet, query) == wire::QueryVerdict::ok);
  Asked out;
  out.found = zone.find(query.name_bytes(), type);
  std::vector<std::uint8_t> room(65535);
  const auto& f = out.found;
  const auto n = wire::write_answer(query, {f.answer, f.authority, f.additional, f.additional_required}, {},
                                    room.size(), room);
  out.answer = flagfall::test::read_answer(flagfall::Bytes(room).first(n));
  BOOST_REQUIRE_MESSAGE(out.answer.readable, name);
  return out;
}

struct Example {
  std::unique_ptr<Zone> zone = flagfall::test::example_zone();
  [[nodiscard]] Asked ask(const std::string& name, std::uint16_t type) const {
    return ::ask(*zone, name, type);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(zone, Example)

BOOST_AUTO_TEST_CASE(a_name_has_its_own_records_in_the_files_order) {
  const auto a = ask("www.example.test", rr::kA);
  BOOST_TEST(a.found.kind == Kind::answer);
  BOOST_TEST(a.found.service == 0);
  BOOST_TEST(a.answer.answer ==
             (Lines{"www.example.test. 60 A 192.0.2.10", "www.example.test. 60 A 192.0.2.11"}));
  BOOST_TEST(a.answer.authority.empty());
}

BOOST_AUTO_TEST_CASE(the_case_asked_with_is_the_case_of_the_answer) {
  const auto a = ask("wWw.ExamPLE.tEST", rr::kAaaa);
  BOOST_TEST(a.answer.question == Lines{"wWw.ExamPLE.tEST. AAAA"});
  BOOST_TEST(a.answer.answer == Lines{"wWw.ExamPLE.tEST. 60 AAAA 2001:db8::10"});
}

BOOST_AUTO_TEST_CASE(every_type_that_ldns_reads_is_served) {
  const auto one = [&](const std::string& name, std::uint16_t type) {
    const auto got = ask(name + ".example.test", type).answer.answer;
    return got.size() == 1 ? got[0] : std::to_string(got.size()) + " records";
  };
  BOOST_TEST(one("_sip._udp", rr::kSrv) == "_sip._udp.example.test. 3600 SRV 0 5 5060 mail.example.test.");
  BOOST_TEST(one("svc", rr::kHttps) == "svc.example.test. 3600 HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.10");
  BOOST_TEST(one("svc2", rr::kSvcb) == "svc2.example.test. 3600 SVCB 0 svc.example.test.");
  BOOST_TEST(one("unknown", 65280) == "unknown.example.test. 3600 TYPE65280 \\# 4 0a0b0c0d");
  BOOST_TEST(one("rp", 17) == "rp.example.test. 3600 RP admin.example.test. info.example.test.");
  BOOST_TEST(one("ptr", rr::kPtr) == "ptr.example.test. 3600 PTR www.example.test.");
  BOOST_TEST(one("uri", 256) == "uri.example.test. 3600 URI 10 1 \"https://example.test/\"");
  BOOST_TEST(one("loc", 29).starts_with("loc.example.test. 3600 LOC 52 22 23"));
  BOOST_TEST(one("sshfp", 44).starts_with("sshfp.example.test. 3600 SSHFP 4 2 0123456789abcdef"));
  BOOST_TEST(one("tlsa", 52).starts_with("tlsa.example.test. 3600 TLSA 3 1 1 0123456789abcdef"));
  BOOST_TEST(one("naptr", 35) ==
             "naptr.example.test. 3600 NAPTR 100 10 \"u\" \"E2U+sip\" \"!^.*$!sip:info@example.test!\" .");
  BOOST_TEST(ask("example.test", 257).answer.answer ==
             Lines{"example.test. 3600 CAA 0 issue \"ca.example\""});
  BOOST_TEST(ask("example.test", kTxt).answer.answer ==
             Lines{"example.test. 3600 TXT \"v=spf1 mx -all\" \"second string\""});
}

BOOST_AUTO_TEST_CASE(targets_inside_the_zone_bring_their_addresses) {
  const auto mx = ask("example.test", rr::kMx);
  BOOST_TEST(mx.answer.answer == (Lines{"example.test. 3600 MX 10 mail.example.test.",
                                        "example.test. 3600 MX 20 mail.elsewhere.example."}));
  BOOST_TEST(mx.answer.additional == Lines{"mail.example.test. 3600 A 192.0.2.25"});
  const auto ns = ask("example.test", rr::kNs);
  BOOST_TEST(ns.answer.answer == (Lines{"example.test. 3600 NS ns1.example.test.",
                                        "example.test. 3600 NS NS2.Elsewhere.example."}));
  BOOST_TEST(ns.answer.additional ==
             (Lines{"ns1.example.test. 3600 A 192.0.2.1", "ns1.example.test. 3600 AAAA 2001:db8::1"}));
  BOOST_TEST(ask("svc.example.test", rr::kHttps).answer.additional ==
             Lines{"svc.example.test. 3600 A 192.0.2.12"});
  BOOST_TEST(ask("svc2.example.test", rr::kSvcb).answer.additional ==
             Lines{"svc.example.test. 3600 A 192.0.2.12"});
}

BOOST_AUTO_TEST_CASE(a_type_that_is_not_there_is_nodata_with_the_soa_and_its_minimum_as_ttl) {
  const auto a = ask("mail.example.test", rr::kAaaa);
  BOOST_TEST(a.found.kind == Kind::nodata);
  BOOST_TEST(a.answer.answer.empty());
  BOOST_TEST(a.answer.authority == Lines{kSoa});
  // Asked for itself, the SOA has its own TTL.
  BOOST_TEST(ask("example.test", rr::kSoa).answer.answer ==
             Lines{"example.test. 3600 SOA ns1.example.test. hostmaster.example.test. 2026112001 7200 1800 "
                   "1209600 300"});
}

BOOST_AUTO_TEST_CASE(a_name_that_is_not_there_is_nxdomain_with_the_soa) {
  for (const char* name : {"nowhere.example.test", "a.b.c.d.example.test", "x.www.example.test"}) {
    const auto a = ask(name, rr::kA);
    BOOST_TEST(a.found.kind == Kind::nxdomain);
    BOOST_TEST(a.answer.authority == Lines{kSoa});
    BOOST_TEST(a.found.service == -1);
  }
}

BOOST_AUTO_TEST_CASE(an_empty_non_terminal_exists) {
  for (const char* name :
       {"ent.example.test", "x.ent.example.test", "_udp.example.test", "race.example.test"}) {
    BOOST_TEST(ask(name, rr::kA).found.kind == Kind::nodata);
    BOOST_TEST(ask(name, rr::kAny).found.kind == Kind::nodata);
  }
}

BOOST_AUTO_TEST_CASE(other_names_belong_to_other_zones) {
  for (const char* name : {"test", ".", "example.org", "xexample.test", "www.example.test.org"})
    BOOST_TEST(ask(name, rr::kA).found.kind == Kind::other_zone);
  // The apex's octets inside a label are not the apex.
  Octets tricky{20,  'x', 'x', 'x', 'x', 'x', 'x', 7,   'e', 'x', 'a',
                'm', 'p', 'l', 'e', 4,   't', 'e', 's', 't', 0,   0};
  BOOST_TEST(zone->find(flagfall::Bytes(tricky).first(21), rr::kA).kind == Kind::other_zone);
}

BOOST_AUTO_TEST_CASE(a_wildcard_answers_for_names_that_are_not_there) {
  const auto a = ask("QueRy-17.race.example.test", rr::kA);
  BOOST_TEST(a.found.service == 1);
  BOOST_TEST(a.answer.answer == Lines{"QueRy-17.race.example.test. 30 A 192.0.2.20"});
  BOOST_TEST(ask("a.b.c.race.example.test", rr::kAaaa).answer.answer ==
             Lines{"a.b.c.race.example.test. 30 AAAA 2001:db8::20"});
  BOOST_TEST(ask("q.race.example.test", kTxt).found.kind == Kind::nodata);
  BOOST_TEST(ask("*.race.example.test", rr::kA).found.service == 1);
}

BOOST_AUTO_TEST_CASE(a_wildcard_does_not_answer_for_names_that_are_there_or_below_them) {
  BOOST_TEST(ask("named.race.example.test", rr::kA).found.kind == Kind::nodata);  // RFC 4592 §2.2.1
  BOOST_TEST(ask("named.race.example.test", rr::kA).found.service == -1);
  BOOST_TEST(ask("x.named.race.example.test", rr::kA).found.kind == Kind::nxdomain);
  BOOST_TEST(ask("deep.race.example.test", rr::kA).found.kind == Kind::nodata);
  BOOST_TEST(ask("other.deep.race.example.test", rr::kA).found.kind == Kind::nxdomain);
  BOOST_TEST(ask("host.deep.race.example.test", rr::kA).answer.answer ==
             Lines{"host.deep.race.example.test. 3600 A 192.0.2.21"});
}

BOOST_AUTO_TEST_CASE(an_asterisk_inside_a_name_is_an_ordinary_label) {
  BOOST_TEST(ask("sub.*.mx.example.test", kTxt).answer.answer.size() == 1U);
  BOOST_TEST(ask("sub.x.mx.example.test", kTxt).found.kind == Kind::nodata);  // by *.mx, which has only MX
  BOOST_TEST(ask("y.mx.example.test", rr::kMx).answer.answer ==
             Lines{"y.mx.example.test. 3600 MX 10 mx.mx.example.test."});
  BOOST_TEST(ask("x.*.mx.example.test", rr::kMx).found.kind ==
             Kind::nxdomain);  // its closest encloser is *.mx
}

BOOST_AUTO_TEST_CASE(a_cname_is_followed_inside_the_zone) {
  const auto a = ask("a1.example.test", rr::kA);
  BOOST_TEST(a.found.kind == Kind::answer);
  BOOST_TEST(a.found.service == -1);
  BOOST_TEST(
      a.answer.answer ==
      (Lines{"a1.example.test. 3600 CNAME a2.example.test.", "a2.example.test. 300 CNAME a3.example.test.",
             "a3.example.test. 3600 CNAME www.example.test.", "www.example.test. 60 A 192.0.2.10",
             "www.example.test. 60 A 192.0.2.11"}));
  BOOST_TEST(ask("a1.example.test", rr::kCname).answer.answer ==
             Lines{"a1.example.test. 3600 CNAME a2.example.test."});
  BOOST_TEST(ask("a1.example.test", rr::kAny).answer.answer ==
             Lines{"a1.example.test. 3600 CNAME a2.example.test."});
}

BOOST_AUTO_TEST_CASE(a_cname_keeps_its_case_and_finds_its_target_without) {
  // The target is said in the file's case; where the owner repeats it, it is lower case.
  const auto a = ask("mixed-case.example.test", rr::kAaaa).answer.answer;
  BOOST_REQUIRE(a.size() == 2U);
  BOOST_TEST(a[0] == "mixed-case.example.test. 3600 CNAME WWW.example.test.");
  BOOST_TEST(a[1] == "WWW.example.test. 60 AAAA 2001:db8::10");
}

BOOST_AUTO_TEST_CASE(a_cname_to_nothing_says_so_about_its_target) {
  const auto nodata = ask("a1.example.test", kTxt);
  BOOST_TEST(nodata.found.kind == Kind::nodata);
  BOOST_TEST(nodata.answer.answer.size() == 3U);
  BOOST_TEST(nodata.answer.authority == Lines{kSoa});
  const auto missing = ask("dangling.example.test", rr::kA);
  BOOST_TEST(missing.found.kind == Kind::nxdomain);
  BOOST_TEST(missing.answer.answer == Lines{"dangling.example.test. 3600 CNAME nowhere.example.test."});
  BOOST_TEST(missing.answer.authority == Lines{kSoa});
}

BOOST_AUTO_TEST_CASE(a_cname_that_leaves_the_zone_or_loops_is_left_to_the_resolver) {
  const auto out = ask("out.example.test", rr::kA);
  BOOST_TEST(out.found.kind == Kind::answer);
  BOOST_TEST(out.answer.answer == Lines{"out.example.test. 3600 CNAME www.elsewhere.example."});
  BOOST_TEST(out.answer.authority.empty());
  BOOST_TEST(ask("tocut.example.test", rr::kA).answer.answer ==
             Lines{"tocut.example.test. 3600 CNAME host.child.example.test."});
  const auto loop = ask("loop1.example.test", rr::kA);
  BOOST_TEST(loop.found.kind == Kind::answer);
  BOOST_TEST(loop.answer.answer == (Lines{"loop1.example.test. 3600 CNAME loop2.example.test.",
                                          "loop2.example.test. 3600 CNAME loop1.example.test."}));
}

BOOST_AUTO_TEST_CASE(cnames_and_wildcards_meet) {
  BOOST_TEST(ask("towild.example.test", rr::kA).answer.answer ==
             (Lines{"towild.example.test. 3600 CNAME anything.race.example.test.",
                    "anything.race.example.test. 30 A 192.0.2.20"}));
  BOOST_TEST(ask("a.b.star.example.test", rr::kAaaa).answer.answer ==
             (Lines{"a.b.star.example.test. 3600 CNAME www.example.test.",
                    "www.example.test. 60 AAAA 2001:db8::10"}));
}

BOOST_AUTO_TEST_CASE(a_delegation_is_referred_to_with_glue) {
  for (const char* name :
       {"child.example.test", "host.child.example.test", "ns.child.example.test", "a.b.child.example.test"}) {
    const auto a = ask(name, rr::kA);
    BOOST_TEST(a.found.kind == Kind::referral);
    BOOST_TEST(a.found.additional_required);
    BOOST_TEST(a.answer.answer.empty());
    BOOST_TEST(a.answer.authority == (Lines{"child.example.test. 3600 NS ns.child.example.test.",
                                            "child.example.test. 3600 NS ns1.example.test."}));
    BOOST_TEST(a.answer.additional ==
               (Lines{"ns.child.example.test. 3600 A 192.0.2.53", "ns1.example.test. 3600 A 192.0.2.1",
                      "ns1.example.test. 3600 AAAA 2001:db8::1"}));
  }
  const auto far = ask("www.far.example.test", rr::kA);
  BOOST_TEST(far.found.kind == Kind::referral);
  BOOST_TEST(!far.found.additional_required);
  BOOST_TEST(far.answer.additional.empty());
}

BOOST_AUTO_TEST_CASE(ds_at_a_delegation_is_the_parents) {
  const auto ds = ask("signed.example.test", rr::kDs);
  BOOST_TEST(ds.found.kind == Kind::answer);
  BOOST_REQUIRE(ds.answer.answer.size() == 1U);
  BOOST_TEST(ds.answer.answer[0].starts_with("signed.example.test. 3600 DS 12345 13 2 0123"));
  BOOST_TEST(ask("far.example.test", rr::kDs).found.kind == Kind::nodata);
  BOOST_TEST(ask("x.far.example.test", rr::kDs).found.kind == Kind::referral);
  BOOST_TEST(ask("example.test", rr::kDs).found.kind == Kind::nodata);
}

BOOST_AUTO_TEST_CASE(any_gets_one_small_record) {
  BOOST_TEST(ask("www.example.test", rr::kAny).answer.answer ==
             Lines{"www.example.test. 3600 HINFO \"RFC8482\" \"\""});
  BOOST_TEST(ask("q.race.example.test", rr::kAny).answer.answer ==
             Lines{"q.race.example.test. 3600 HINFO \"RFC8482\" \"\""});
  BOOST_TEST(ask("nowhere.example.test", rr::kAny).found.kind == Kind::nxdomain);
}

BOOST_AUTO_TEST_CASE(a_dname_gives_every_name_below_its_cname) {
  const auto a = ask("A.b.dn.example.test", rr::kA);
  BOOST_TEST(a.found.kind == Kind::answer);
  BOOST_TEST(a.answer.answer == (Lines{"dn.example.test. 3600 DNAME target.elsewhere.example.",
                                       "A.b.dn.example.test. 3600 CNAME A.b.target.elsewhere.example."}));
  BOOST_TEST(ask("below.dn.example.test", kTxt).answer.answer.size() == 2U);
  BOOST_TEST(ask("dn.example.test", kTxt).answer.answer ==
             Lines{"dn.example.test. 3600 TXT \"beside the DNAME\""});
  BOOST_TEST(ask("dn.example.test", rr::kA).found.kind == Kind::nodata);
}

BOOST_AUTO_TEST_CASE(a_dname_that_makes_too_long_a_name_says_so) {
  const std::string label(49, 'x');
  const std::string four =
      label + "." + label + "." + label + "." + label;  // 200 octets; dn.example.test has 17
  const auto fits = [&](std::size_t more) {
    return ask(std::string(more, 'y') + "." + four + ".dn.example.test", rr::kA).found.kind;
  };
  // target.elsewhere.example takes 26 octets: 26 + 200 + 1 + more <= 255
  BOOST_TEST(fits(28) == Kind::answer);
  BOOST_TEST(fits(29) == Kind::too_long);
  BOOST_TEST(ask(std::string(28, 'y') + "." + four + ".dn.example.test", rr::kA).answer.answer.size() == 2U);
}

BOOST_AUTO_TEST_CASE(names_in_answers_are_compressed_against_the_question) {
  flagfall::test::Query q;
  q.name = "q.race.example.test";
  const Octets packet = q.bytes();
  wire::DnsQuery query;
  BOOST_REQUIRE(wire::parse_query(packet, query) == wire::QueryVerdict::ok);
  std::array<std::uint8_t, 512> room{};
  const auto f = zone->find(query.name_bytes(), rr::kA);
  // One address costs 16 octets on top of the query.
  BOOST_TEST(wire::write_answer(query, {f.answer, f.authority, f.additional}, {}, 512, room) ==
             packet.size() + 16);
  const auto n = zone->find(flagfall::test::wire_name("no.example.test"), rr::kA);
  // The SOA: owner, "ns1" and "hostmaster" before pointers to the apex.
  BOOST_TEST(n.authority->bytes.size() == 2U + 10 + (4 + 2) + (11 + 2) + 20);
}

BOOST_AUTO_TEST_CASE(escapes_in_the_file_are_octets_in_labels) {
  Octets name{12};
  flagfall::test::put(name, flagfall::as_bytes("dotted.label"));
  flagfall::test::put(name, flagfall::test::wire_name("example.test"));
  BOOST_TEST(zone->find(name, kTxt).kind == Kind::answer);
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_name_find_nothing) {
  Octets name = flagfall::test::wire_name("www.example.test");
  name[0] = 64;
  BOOST_TEST(zone->find(name, rr::kA).kind == Kind::other_zone);
  name[0] = 0;
  BOOST_TEST(zone->find(name, rr::kA).kind == Kind::other_zone);
  BOOST_TEST(zone->find({}, rr::kA).kind == Kind::other_zone);
}

BOOST_AUTO_TEST_SUITE_END()
