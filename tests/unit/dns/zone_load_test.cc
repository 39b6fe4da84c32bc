// What Zone::load refuses, warns about, and understands of the file format.
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "common/dns/zone.hh"
#include "tests/unit/dns/dns_text.hh"
#include "tests/unit/wire/dns_bytes.hh"

using flagfall::Bytes;
using flagfall::SeededRandom;
using flagfall::dns::Lookup;
using flagfall::dns::RacedName;
using flagfall::dns::Zone;
using flagfall::test::TempDir;
using flagfall::test::wire_name;
namespace rr = flagfall::wire::rrtype;
using Kind = Lookup::Kind;

namespace {

const std::string kHead = "$TTL 60\n@ SOA ns1 host 1 2 3 4 30\n@ NS ns1\nns1 A 192.0.2.1\n";

std::unique_ptr<Zone> load(const std::string& more, std::string& error,
                           const std::vector<RacedName>& raced = {}) {
  return flagfall::test::load_zone_text(kHead + more, raced, error);
}
std::string error_of(const std::string& more, const std::vector<RacedName>& raced = {}) {
  std::string error;
  (void)load(more, error, raced);
  return error;
}
/// Without kHead.
std::string error_of_file(const std::string& text) {
  std::string error;
  (void)flagfall::test::load_zone_text(text, {}, error);
  return error;
}

bool has(const Zone& zone, const std::string& name, std::uint16_t type) {
  const auto found = zone.find(wire_name(name), type);
  return found.kind == Kind::answer && found.answer != nullptr && found.answer->count > 0;
}
/// TTL of the first record, whose owner is a pointer.
std::uint32_t ttl_of(const Zone& zone, const std::string& name, std::uint16_t type) {
  const auto found = zone.find(wire_name(name), type);
  return found.answer == nullptr ? 0 : flagfall::ByteReader(Bytes(found.answer->bytes).subspan(6)).u32();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(zone_load)

BOOST_AUTO_TEST_CASE(the_smallest_zone_loads) {
  std::string error;
  const auto zone = load("", error);
  BOOST_REQUIRE_MESSAGE(zone, error);
  BOOST_TEST(zone->record_count() == 3U);
  BOOST_TEST(zone->apex() == Bytes(wire_name("example.test")), boost::test_tools::per_element());
  BOOST_TEST(zone->warnings().empty());
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_says_why) {
  SeededRandom random(1);
  const TempDir dir;
  const auto none = Zone::load(dir.path() + "/none", "example.test", {}, random);
  BOOST_TEST(none.error().ends_with("/none: cannot read the zone file: No such file or directory"));
  BOOST_TEST(Zone::load(dir.path(), "example.test", {}, random)
                 .error()
                 .ends_with("is a directory, not a zone file"));
  BOOST_TEST(Zone::load(dir.path(), "not..a.name", {}, random).error() ==
             "'not..a.name' is not a domain name");
}

BOOST_AUTO_TEST_CASE(bad_lines_are_named) {
  BOOST_TEST(error_of("bad A 1.2.3\n").starts_with("zone:5: Syntax error"));
  BOOST_TEST(error_of("www A 192.0.2.1\n\n; comment\nx NOTATYPE data\n").starts_with("zone:8: "));
  BOOST_TEST(error_of("x MX mail\n").starts_with("zone:5: "));
  BOOST_TEST(error_of("x CH TXT foo\n") ==
             "zone:5: only class IN is served; remove this record or give it class IN");
  BOOST_TEST(error_of("www.example.org. A 192.0.2.1\n") ==
             "zone:5: www.example.org. is outside the zone example.test.; a name without a last dot is "
             "relative to $ORIGIN");
  BOOST_TEST(error_of("x TXT \"(\" ; (\ny TXT \\( ( a\nb )\nz TXT ( a\nw TXT \"a ) b\"\n") ==
             "zone:8: this parenthesis is never closed");
  BOOST_TEST(error_of("x A \\# 0\n") == "zone:5: the record's data are incomplete");
  BOOST_TEST(error_of("x MX \\# 2 0005\n") == "zone:5: the record's data are incomplete");
  BOOST_TEST(error_of("$TTL soon\n") ==
             "zone:5: 'soon' is not a TTL; write seconds, or a period such as 1h30m");
  BOOST_TEST(error_of("x 4294967295 A 192.0.2.1\n") != "");
  BOOST_TEST(error_of("$GENERATE 1-10 h$ A 192.0.2.$\n").starts_with("zone:5: "));
}

BOOST_AUTO_TEST_CASE(a_zone_needs_its_soa_and_ns) {
  BOOST_TEST(error_of_file("") ==
             "zone: no SOA record for example.test.; does the file belong to another zone?");
  BOOST_TEST(error_of_file("$TTL 60\n@ SOA ns1 host 1 2 3 4 30\n") ==
             "zone: no NS record for example.test.; name the zone's servers");
  BOOST_TEST(error_of("@ SOA ns1 host 2 2 3 4 30\n") == "zone:5: a second SOA record; a zone has one");
  BOOST_TEST(error_of("sub SOA ns1 host 2 2 3 4 30\n") == "zone:5: SOA of another zone inside example.test.");
}

BOOST_AUTO_TEST_CASE(what_may_not_stand_together_is_refused) {
  BOOST_TEST(error_of("x CNAME y\nx A 192.0.2.1\n") ==
             "zone:6: other data beside a CNAME record (RFC 1034 3.6.2)");
  BOOST_TEST(error_of("x CNAME y\nx CNAME z\n") ==
             "zone:6: a second CNAME record for one name (RFC 2181 10.1)");
  BOOST_TEST(error_of("x CNAME y\nx CNAME y\n").empty());  // the same once more
  BOOST_TEST(error_of("x DNAME y\nx DNAME z\n") ==
             "zone:6: a second DNAME record for one name (RFC 6672 2.4)");
  BOOST_TEST(error_of("x NS ns1\nx DNAME z\n") == "zone:6: DNAME beside a delegation (RFC 6672 2.4)");
  BOOST_TEST(error_of("*.x NS ns1\n") == "zone:5: NS at a wildcard has no meaning (RFC 4592 4.2)");
  BOOST_TEST(error_of("*.x DNAME y\n") == "zone:5: DNAME at a wildcard has no meaning (RFC 4592 4.4)");
}

BOOST_AUTO_TEST_CASE(ttls_come_from_the_record_the_directive_the_last_record_or_the_soa) {
  std::string error;
  const auto zone = load("a 5 A 192.0.2.1\nb A 192.0.2.1\n$TTL 2h\nc A 192.0.2.1\n", error);
  BOOST_REQUIRE_MESSAGE(zone, error);
  BOOST_TEST(ttl_of(*zone, "a.example.test", rr::kA) == 5U);
  BOOST_TEST(ttl_of(*zone, "b.example.test", rr::kA) == 60U);
  BOOST_TEST(ttl_of(*zone, "c.example.test", rr::kA) == 7200U);
  const auto old = flagfall::test::load_zone_text(
      "@ SOA ns1 host 1 2 3 4 30\n@ NS ns1\nns1 90 A 192.0.2.1\nx A 192.0.2.2\n", {}, error);
  BOOST_REQUIRE_MESSAGE(old, error);
  BOOST_TEST(ttl_of(*old, "example.test", rr::kNs) == 30U);
  BOOST_TEST(ttl_of(*old, "x.example.test", rr::kA) == 90U);
  BOOST_TEST(error_of_file("@ NS ns1\n@ SOA ns1 host 1 2 3 4 30\n") ==
             "zone:1: no TTL is given for this record; begin the file with $TTL");
}

BOOST_AUTO_TEST_CASE(different_ttls_in_one_set_become_the_least_with_a_warning) {
  std::string error;
  const auto zone = load("x 50 A 192.0.2.1\nx 40 A 192.0.2.2\nx 70 A 192.0.2.3\n", error);
  BOOST_REQUIRE_MESSAGE(zone, error);
  BOOST_TEST(ttl_of(*zone, "x.example.test", rr::kA) == 40U);
  BOOST_REQUIRE(zone->warnings().size() == 2U);
  BOOST_TEST(zone->warnings()[0].ends_with(
      "zone:6: TTLs differ in one set of records; the least is served (RFC 2181 5.2)"));
}

BOOST_AUTO_TEST_CASE(repeated_records_are_served_once) {
  std::string error;
  const auto zone = load("x A 192.0.2.1\nx A 192.0.2.2\nX A 192.0.2.1\n", error);
  BOOST_REQUIRE_MESSAGE(zone, error);
  BOOST_TEST(zone->find(wire_name("x.example.test"), rr::kA).answer->count == 2);
}

BOOST_AUTO_TEST_CASE(a_signed_zone_and_missing_glue_get_a_warning) {
  std::string error;
  const auto zone = load("@ DNSKEY 257 3 13 AAAA\nchild NS ns.child\n", error);
  BOOST_REQUIRE_MESSAGE(zone, error);
  BOOST_REQUIRE(zone->warnings().size() == 2U);
  BOOST_TEST(zone->warnings()[0].find("zone:5: the zone is signed, but") != std::string::npos);
  BOOST_TEST(
      zone->warnings()[1].find("zone:6: ns.child.example.test. lies in the delegated zone and has no glue") !=
      std::string::npos);
}

BOOST_AUTO_TEST_CASE(other_files_are_included_with_an_origin_of_their_own) {
  const TempDir dir;
  std::string error;
  std::filesystem::create_directory(dir.path() + "/parts");
  (void)dir.file("parts/more",
                 "inner A 192.0.2.7\n$ORIGIN elsewhere.example.test.\nx A 192.0.2.8\n$INCLUDE deep\n");
  (void)dir.file("parts/deep", "deepest A 192.0.2.9\n");
  const auto file = dir.file("zone", kHead +
                                         "before A 192.0.2.2\n"
                                         "$INCLUDE parts/more sub ; comment\n"
                                         "      TXT \"of before\"\n"
                                         "$INCLUDE \"parts/deep\"\n"
                                         "after A 192.0.2.3\n");
  SeededRandom random(1);
  const auto zone = Zone::load(file, "example.test", {}, random);
  BOOST_REQUIRE_MESSAGE(zone.ok(), (zone ? "" : zone.error()));
  for (const char* name : {"inner.sub", "x.elsewhere", "deepest.elsewhere", "deepest", "after", "before"})
    BOOST_TEST(has(**zone, std::string(name) + ".example.test", rr::kA), name);
  BOOST_TEST(has(**zone, "before.example.test", 16));
}

BOOST_AUTO_TEST_CASE(includes_that_fail_or_loop_are_errors) {
  BOOST_TEST(error_of("$INCLUDE none\n") ==
             "zone:5: none: cannot read the zone file: No such file or directory");
  BOOST_TEST(error_of("$INCLUDE ; nothing\n") == "zone:5: $INCLUDE needs a file name");
  BOOST_TEST(error_of("$INCLUDE zone\n").find("$INCLUDE is nested too deep; does it loop?") !=
             std::string::npos);
  BOOST_TEST(error_of("$INCLUDE zone not..aname\n") == "zone:5: 'not..aname' is not a domain name");
}

BOOST_AUTO_TEST_CASE(the_last_line_needs_no_newline) {
  std::string error;
  const auto zone = load("x A 192.0.2.1", error);
  BOOST_REQUIRE_MESSAGE(zone, error);
  BOOST_TEST(has(*zone, "x.example.test", rr::kA));
}

BOOST_AUTO_TEST_CASE(a_raced_name_needs_addresses_of_its_own) {
  const std::string more =
      "www A 192.0.2.1\nsix AAAA 2001:db8::1\ntxt TXT x\nalias CNAME www\n*.r A 192.0.2.1\n"
      "child NS ns.child\nns.child A 192.0.2.1\nd DNAME www\n*.t TXT x\n";
  const auto race = [&](const std::string& name) { return error_of(more, {{name, 3}}); };
  BOOST_TEST(race("www.example.test").empty());
  BOOST_TEST(race("SIX.example.test.").empty());
  BOOST_TEST(race("*.r.example.test").empty());
  const std::string none =
      " has no A or AAAA record of its own in the zone; add the addresses that clients get without a race";
  BOOST_TEST(race("txt.example.test") == "zone: raced name txt.example.test." + none);
  BOOST_TEST(race("none.example.test") == "zone: raced name none.example.test." + none);
  BOOST_TEST(race("x.r.example.test") ==
             "zone: raced name x.r.example.test." + none);  // the wildcard's are not its own
  BOOST_TEST(race("*.t.example.test") == "zone: raced name *.t.example.test." + none);
  BOOST_TEST(race("r.example.test") == "zone: raced name r.example.test." + none);
  BOOST_TEST(race("alias.example.test")
                 .starts_with("zone: raced name alias.example.test. is a CNAME; race the name"));
  BOOST_TEST(race("ns.child.example.test").find("belongs to a delegated zone") != std::string::npos);
  BOOST_TEST(race("child.example.test").find("belongs to a delegated zone") != std::string::npos);
  BOOST_TEST(race("x.d.example.test").find("lies below a DNAME") != std::string::npos);
  BOOST_TEST(race("www.example.org") == "zone: raced name www.example.org. is not in the zone example.test.");
  BOOST_TEST(race("a..b") == "zone: raced name: 'a..b' is not a domain name");
  BOOST_TEST(error_of(more, {{"www.example.test", 0}, {"www.example.test", 1}}) ==
             "zone: raced name www.example.test. is claimed by two services; leave it to one");
}

BOOST_AUTO_TEST_CASE(names_know_their_zone) {
  BOOST_TEST(*flagfall::dns::name_in_zone("www.Example.test", "eXample.test."));
  BOOST_TEST(*flagfall::dns::name_in_zone("example.test", "example.test"));
  BOOST_TEST(!*flagfall::dns::name_in_zone("xexample.test", "example.test"));
  BOOST_TEST(*flagfall::dns::name_in_zone("example.test", "."));
  BOOST_TEST(!flagfall::dns::name_in_zone("", "example.test").ok());
}

BOOST_AUTO_TEST_CASE(records_that_fit_no_answer_are_refused) {
  std::string more;
  for (int i = 0; i < 300; ++i) {
    more += "big TXT";
    for (int k = 0; k < 2; ++k) more += " \"" + std::to_string(1000 + i) + std::string(240, 'x') + "\"";
    more += "\n";
  }
  BOOST_TEST(
      error_of(more) ==
      "zone: the records of big.example.test. do not fit any answer; a section holds 65000 octets at most");
}

BOOST_AUTO_TEST_CASE(labels_of_every_length_are_told_apart) {
  std::string more;
  for (std::size_t n = 1; n <= 63; ++n) more += std::string(n, 'l') + " A 192.0.2.1\n";
  std::string error;
  const auto zone = load(more, error);
  BOOST_REQUIRE_MESSAGE(zone, error);
  for (std::size_t n = 1; n <= 63; ++n) {
    BOOST_TEST(has(*zone, std::string(n, 'l') + ".example.test", rr::kA), n);
    BOOST_TEST(!has(*zone, std::string(n - 1, 'l') + "m.example.test", rr::kA), n);
  }
}

BOOST_AUTO_TEST_CASE(the_root_may_be_a_zone) {
  std::string error;
  const auto zone = flagfall::test::load_zone_text(
      ". 60 SOA a. b. 1 2 3 4 5\n. NS a.\na. A 192.0.2.1\n*.w. A 192.0.2.2\n", {}, error, ".");
  BOOST_REQUIRE_MESSAGE(zone, error);
  BOOST_TEST(has(*zone, "a", rr::kA));
  BOOST_TEST(has(*zone, "x.w", rr::kA));
  BOOST_TEST(has(*zone, ".", rr::kNs));
  BOOST_TEST((zone->find(wire_name("nowhere"), rr::kA).kind == Kind::nxdomain));
}

BOOST_AUTO_TEST_CASE(a_hundred_thousand_names_load_in_seconds_and_are_all_found) {
  const TempDir dir;
  constexpr unsigned kNames = 100'000;
  {
    std::ofstream out(dir.path() + "/zone");
    out << kHead;
    for (unsigned i = 0; i < kNames; ++i)
      out << "h" << i << ".s" << i % 100 << " A 10." << (i >> 16) << "." << (i >> 8 & 255) << "." << (i & 255)
          << "\n";
  }
  SeededRandom random(1);
  const auto start = std::chrono::steady_clock::now();
  const auto zone = Zone::load(dir.path() + "/zone", "example.test", {}, random);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  BOOST_REQUIRE(zone.ok());
  BOOST_TEST(took.count() < 20.0);  // about 0.4 s in a release build, 4 s under AddressSanitizer
  BOOST_TEST((*zone)->record_count() == kNames + 3);
  for (unsigned i = 0; i < kNames; i += 97)
    BOOST_REQUIRE(
        has(**zone, "h" + std::to_string(i) + ".s" + std::to_string(i % 100) + ".example.test", rr::kA));
  BOOST_TEST(((*zone)->find(wire_name("h1.s2.example.test"), rr::kA).kind == Kind::nxdomain));
}

BOOST_AUTO_TEST_SUITE_END()
