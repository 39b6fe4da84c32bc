// Probes on the wire, the listener's book, and what a master is told.
#include <boost/test/unit_test.hpp>

#include "check/arrivals.hh"
#include "check/probe_packet.hh"
#include "check/verified.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;
using namespace check;  // NOLINT(google-build-using-namespace)

namespace {

const std::vector<std::uint8_t> kKey(16, 7);
const Endpoint kService = *parse_endpoint("192.0.2.1:53");
const Endpoint kService6 = *parse_endpoint("[2001:db8::1]:53");
constexpr RealTime kSent = RealTime(1'700'000'000s);

Probe probe(const std::string& name, Probe::Kind kind, std::uint16_t number = 0) {
  Probe p;
  p.kind = kind;
  p.run = 99;
  p.number = number;
  p.count = 10;
  p.sent = kSent;
  p.source = kind == Probe::Kind::own ? Endpoint{{{}, Family::v4}, 40000} : kService;
  p.name = name;
  p.plan = {kService};
  return p;
}
Arrivals::Seen seen(const std::string& from, std::size_t size = 120) {
  return {*parse_endpoint(from), 61, kSent + 9ms, size};
}
/// All ten of a kind, in both sizes.
void arrive(Arrivals& book, const std::string& name, Probe::Kind kind, const std::string& from,
            std::uint16_t count = 10, bool large = true) {
  for (std::uint16_t i = 0; i < count; ++i) {
    (void)book.add(probe(name, kind, i), seen(from));
    if (large) (void)book.add(probe(name, kind, i), seen(from, kLargeProbe));
  }
}
constexpr auto kOwn = Probe::Kind::own;
constexpr auto kAsService = Probe::Kind::service;

std::string verdict(const Arrivals& book, const std::set<std::string>& expected = {}) {
  Findings out;
  book.judge(expected, out);
  std::string text;
  for (const Finding& f : out.all()) text += finding_text(f);
  return text;
}
bool holds(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return true;
  BOOST_TEST_MESSAGE("was: " << text);
  return false;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(probes)

BOOST_AUTO_TEST_CASE(a_probe_reads_back_as_it_was_in_both_sizes) {
  net::AesCmac mac(kKey);
  Probe p = probe("fra", kAsService, 3);
  p.plan = {kService, kService6};
  for (const std::size_t size : {std::size_t{0}, kLargeProbe}) {
    const auto bytes = encode_probe(p, size, mac);
    BOOST_TEST(bytes.size() >= size);
    BOOST_TEST(bytes.size() <= kLargeProbe);
    const auto back = decode_probe(bytes, mac);
    BOOST_REQUIRE_MESSAGE(back.ok(), (back ? std::string() : back.error()));
    BOOST_TEST((*back == p));
  }
}

BOOST_AUTO_TEST_CASE(the_largest_plan_and_name_fit) {
  net::AesCmac mac(kKey);
  Probe p = probe(std::string(64, 'x'), kOwn);
  p.plan.assign(kMostPlan, kService6);
  BOOST_TEST(decode_probe(encode_probe(p, 0, mac), mac).ok());
}

BOOST_AUTO_TEST_CASE(every_changed_bit_every_cut_and_every_other_key_is_refused) {
  net::AesCmac mac(kKey);
  const auto good = encode_probe(probe("fra", kOwn), 0, mac);
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    auto bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    BOOST_TEST_REQUIRE(!decode_probe(bad, mac).ok());
  }
  for (std::size_t n = 0; n < good.size(); ++n)
    BOOST_TEST_REQUIRE(!decode_probe(Bytes(good).first(n), mac).ok());
  auto longer = good;
  longer.push_back(0);
  BOOST_TEST(!decode_probe(longer, mac).ok());
  net::AesCmac other(std::vector<std::uint8_t>(16, 8));
  BOOST_TEST(decode_probe(good, other).error() == "signed with another key");
}

BOOST_AUTO_TEST_CASE(what_is_signed_and_still_no_probe_is_refused) {
  net::AesCmac mac(kKey);
  const auto resigned = [&](std::size_t at, std::uint8_t value) {
    auto bytes = encode_probe(probe("fra", kOwn), 0, mac);
    bytes[at] = value;
    const auto digest = mac(Bytes(bytes).first(bytes.size() - 16));
    std::copy(digest.begin(), digest.end(), bytes.end() - 16);
    return decode_probe(bytes, mac).ok();
  };
  BOOST_TEST(resigned(9, 1));      // another run
  BOOST_TEST(!resigned(5, 2));     // no such kind
  BOOST_TEST(!resigned(19, 0));    // number 0 of 0
  BOOST_TEST(!resigned(28, 5));    // no such family
  BOOST_TEST(!resigned(35, 200));  // a name that is longer than the packet
  BOOST_TEST(!resigned(36, 7));    // a bell in the name
  BOOST_TEST(!resigned(39, 33));   // more than kMostPlan
}

BOOST_AUTO_TEST_CASE(a_key_is_32_hex_digits) {
  BOOST_TEST(parse_probe_key("0123456789abcdefABCDEF9876543210\n")->size() == 16U);
  for (const char* bad :
       {"", "0123", "0123456789abcdef0123456789abcdeg", "0123456789abcdef0123456789abcdef00"})
    BOOST_TEST(!parse_probe_key(bad).ok());
}

BOOST_AUTO_TEST_CASE(a_slave_whose_answers_would_arrive_is_ok) {
  Arrivals book;
  BOOST_TEST(holds(book.add(probe("fra", kOwn), seen("198.51.100.7:40000")),
                   "fra: 120 octets from 198.51.100.7:40000 "
                   "(its own address), TTL 61, 9.000 ms"));
  BOOST_TEST(book.add(probe("fra", kOwn, 1), seen("198.51.100.7:40000")).empty());
  arrive(book, "fra", kAsService, "192.0.2.1:53");
  BOOST_TEST(verdict(book, {"fra"}) ==
             "ok       fra as 192.0.2.1:53: 10 of 10 arrived, TTL 61, 9.000 ms at the least (by both hosts' "
             "clocks)\n");
  BOOST_TEST(book.verified_json() ==
             R"({"sources":[{"slave":"fra","source":"192.0.2.1:53","arrives":true}]})");
}

BOOST_AUTO_TEST_CASE(filtering_is_told_from_silence_by_what_comes_from_the_own_address) {
  Arrivals book;
  arrive(book, "fra", kOwn, "198.51.100.7:40000");
  const std::string text = verdict(book, {"fra", "sin"});
  BOOST_TEST(holds(
      text, "problem  fra as 192.0.2.1:53: none arrived, but 10 of 10 from its own address did: filtered"));
  BOOST_TEST(holds(text, "problem  sin: nothing arrived from it"));
  BOOST_TEST(book.verified_json() ==
             R"({"sources":[{"slave":"fra","source":"192.0.2.1:53","arrives":false}]})");
}

BOOST_AUTO_TEST_CASE(loss_a_small_mtu_rewriting_and_repeating_are_named) {
  Arrivals lossy, small, rewritten, twice;
  arrive(lossy, "fra", kAsService, "192.0.2.1:53", 5);
  BOOST_TEST(holds(verdict(lossy), "warning  fra as 192.0.2.1:53: 5 of 10 arrived: the path loses"));
  arrive(small, "fra", kAsService, "192.0.2.1:53", 10, false);
  BOOST_TEST(
      holds(verdict(small), "problem  fra as 192.0.2.1:53: small ones arrived, none of 1232 octets did"));
  arrive(rewritten, "fra", kAsService, "198.51.100.7:53");
  BOOST_TEST(holds(verdict(rewritten), "problem  fra as 192.0.2.1:53: arrived from 198.51.100.7 instead"));
  BOOST_TEST(holds(rewritten.verified_json(), "false"));
  arrive(twice, "fra", kAsService, "192.0.2.1:53");
  arrive(twice, "fra", kAsService, "192.0.2.1:53");
  BOOST_TEST(holds(verdict(twice), "warning  fra as 192.0.2.1:53: arrived, 10 of them twice"));
}

BOOST_AUTO_TEST_CASE(it_is_complete_when_every_expected_slave_has_sent_all) {
  Arrivals book;
  BOOST_TEST(!book.complete({}));
  arrive(book, "fra", kAsService, "192.0.2.1:53", 9);
  BOOST_TEST(!book.complete({"fra"}));
  arrive(book, "fra", kAsService, "192.0.2.1:53");
  BOOST_TEST(book.complete({"fra"}));
  BOOST_TEST(!book.complete({"fra", "sin"}));
}

BOOST_AUTO_TEST_CASE(a_new_run_of_a_slave_replaces_the_old_one) {
  Arrivals book;
  arrive(book, "fra", kAsService, "192.0.2.1:53");
  Probe again = probe("fra", kOwn);
  again.run = 100;
  (void)book.add(again, seen("198.51.100.7:40000"));
  BOOST_TEST(holds(verdict(book), "none arrived"));
}

BOOST_AUTO_TEST_CASE(strangers_are_counted_by_what_they_are) {
  Arrivals book;
  book.stranger("signed with another key");
  book.stranger("signed with another key");
  BOOST_TEST(holds(verdict(book),
                   "warning  other datagrams: 2 that were not probes of ours: signed with another key"));
}

BOOST_AUTO_TEST_CASE(what_a_listener_wrote_reads_back_and_what_the_master_does_not_know_is_left_out) {
  Arrivals book;
  arrive(book, "fra", kAsService, "192.0.2.1:53");
  arrive(book, "stranger", kAsService, "192.0.2.1:53");
  const auto read = parse_verified(book.verified_json());
  BOOST_REQUIRE_MESSAGE(read.ok(), (read ? std::string() : read.error()));
  BOOST_TEST(read->size() == 2U);
  const Verified fra{{"fra", {{kService, true}}}};
  BOOST_TEST((known_sources(*read, {"fra", "sin"}, {kService, kService6}) == fra));
  BOOST_TEST(known_sources(*read, {"fra"}, {kService6}).empty());
}

BOOST_AUTO_TEST_CASE(the_masters_word_on_its_services_is_told_whatever_it_holds) {
  Findings out;
  judge_services(R"({"services":[{"name":"web","mode":"auto","delegated":false,"why":""},)"
                 R"({"name":"mail","mode":"auto","delegated":true,"why":"sin is not known"},)"
                 R"({"name":"old","mode":"delegate","delegated":true},3]})",
                 out);
  BOOST_REQUIRE(out.all().size() == 2U);
  BOOST_TEST(out.all()[0].seen == "it is raced");
  BOOST_TEST(out.all()[1].seen == "it stays with its slaves as name servers: sin is not known");
  for (const char* text :
       {"", "{}", R"({"services":3})", R"({"services":[{"mode":3},{"mode":"auto","delegated":3}]})"})
    judge_services(text, out);
}

BOOST_AUTO_TEST_CASE(any_text_is_an_error_or_a_result) {
  for (const char* text :
       {"", "{}", "[]", R"({"sources":3})", R"({"sources":[3]})", R"({"sources":[{"slave":"fra"}]})",
        R"({"sources":[{"slave":"fra","source":"x","arrives":true}]})",
        R"({"sources":[{"slave":"fra","source":"192.0.2.1:53","arrives":1}]})", "\xff"})
    BOOST_TEST(!parse_verified(text).ok());
  BOOST_TEST(parse_verified(R"({"sources":[]})")->empty());
}

BOOST_AUTO_TEST_SUITE_END()
