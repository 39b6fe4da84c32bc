#include "common/dns/front_end.hh"

#include <boost/test/unit_test.hpp>

#include "tests/unit/dns/dns_text.hh"
#include "tests/unit/wire/dns_bytes.hh"

using flagfall::Bytes;
using flagfall::Endpoint;
using flagfall::dns::Cookies;
using flagfall::dns::FrontEnd;
using flagfall::dns::Transport;
using flagfall::dns::Zone;
using flagfall::test::Answer;
using flagfall::test::hex;
using flagfall::test::Octets;
using flagfall::test::Query;
namespace wire = flagfall::wire;
namespace rr = flagfall::wire::rrtype;
using Action = FrontEnd::Result::Action;
using Lines = std::vector<std::string>;

namespace std {  // NOLINT(cert-dcl58-cpp): Boost.Test prints what it compares
inline ostream& operator<<(ostream& out, const Lines& lines) {
  for (const auto& line : lines) out << '[' << line << "] ";
  return out;
}
}  // namespace std

namespace {

constexpr std::uint16_t kNsid = 3, kSubnet = 8, kCookie = 10, kExtendedError = 15;
constexpr std::uint16_t kTxt = 16;
constexpr std::uint32_t kNow = 1'800'000'000;
enum : unsigned {
  kNoError,
  kFormErr,
  kServFail,
  kNxDomain,
  kNotImp,
  kRefused,
  kYxDomain,
  kBadVers = 16,
  kBadCookie = 23
};

struct Rig {
  std::vector<std::unique_ptr<Zone>> zones;
  Cookies cookies{{Cookies::Secret{1, 2, 3}}};
  FrontEnd front;
  Endpoint client{*flagfall::parse_ip("192.0.2.200"), 4711};
  Octets room = Octets(65535);
  Octets packet;
  wire::DnsQuery query;
  FrontEnd::Result result;

  Rig() : Rig({.nsid = "site-a"}) {}
  explicit Rig(FrontEnd::Options options) : zones(make_zones()), front(zones, cookies, std::move(options)) {}

  static std::vector<std::unique_ptr<Zone>> make_zones() {
    std::vector<std::unique_ptr<Zone>> out;
    out.push_back(flagfall::test::example_zone());
    return out;
  }
  void serve(const std::string& origin, const std::string& text) {
    std::string error;
    zones.push_back(flagfall::test::load_zone_text(text, {}, error, origin));
    BOOST_REQUIRE_MESSAGE(zones.back(), error);
  }

  /// What goes out: the answer, or with a raceable query the ordinary one.
  Answer ask(Octets bytes, Transport transport = Transport::udp) {
    packet = std::move(bytes);
    result = front.handle(packet, client, transport, kNow, query, room);
    std::size_t n = result.length;
    if (result.action == Action::race) n = front.ordinary(query, result, transport, room);
    if (result.action == Action::silence) return {};
    Answer answer = flagfall::test::read_answer(Bytes(room).first(n));
    BOOST_REQUIRE(answer.readable);
    BOOST_TEST(answer.qr);
    BOOST_TEST(!answer.ra);
    BOOST_TEST(!answer.ad);
    BOOST_TEST(answer.id == (static_cast<unsigned>(packet[0]) << 8 | packet[1]));
    return answer;
  }
  Answer ask(const Query& q, Transport transport = Transport::udp) { return ask(q.bytes(), transport); }
  Answer ask(const std::string& name, std::uint16_t type, Transport transport = Transport::udp) {
    Query q;
    q.name = name;
    q.type = type;
    return ask(q, transport);
  }
  [[nodiscard]] std::uint64_t count(const std::string& name) const {
    std::uint64_t out = 99999;
    front.counters().for_each([&](const std::string& n, const flagfall::Counter& c) {
      if (n == "dns_" + name) out = c.get();
    });
    return out;
  }
};

Query edns(std::string name = "mail.example.test", std::uint16_t type = rr::kA) {
  Query q;
  q.name = std::move(name);
  q.type = type;
  q.edns = true;
  return q;
}

unsigned ede(const Answer& answer) {
  const std::string* data = answer.option(kExtendedError);
  if (data == nullptr) return 0;
  flagfall::ByteReader in(flagfall::as_bytes(*data));
  const unsigned code = in.u16();
  return in.done() ? code : 999;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(front_end, Rig)

BOOST_AUTO_TEST_CASE(an_ordinary_name_is_answered_with_authority) {
  const Answer a = ask("mail.example.test", rr::kA);
  BOOST_TEST((result.action == Action::answer));
  BOOST_TEST(a.aa);
  BOOST_TEST(a.rd);  // as it was asked
  BOOST_TEST(a.rcode == kNoError);
  BOOST_TEST(a.answer == Lines{"mail.example.test. 3600 A 192.0.2.25"});
  BOOST_TEST(!a.edns);
  BOOST_TEST(count("queries") == 1U);
  BOOST_TEST(count("answered") == 1U);
}

BOOST_AUTO_TEST_CASE(address_queries_for_raced_names_may_be_raced) {
  const Answer a = ask("www.example.test", rr::kA);
  BOOST_TEST((result.action == Action::race));
  BOOST_TEST(result.service == 0);
  BOOST_TEST(a.answer.size() == 2U);  // what ordinary() gives
  (void)ask("17.race.example.test", rr::kAaaa);
  BOOST_TEST((result.action == Action::race));
  BOOST_TEST(result.service == 1);
  for (const std::uint16_t type : {kTxt, rr::kAny, rr::kNs, std::uint16_t{65280}}) {
    (void)ask("www.example.test", type);
    BOOST_TEST((result.action == Action::answer));
  }
  (void)ask("www.example.test", rr::kA, Transport::tcp);  // or steered
  BOOST_TEST((result.action == Action::race));
  (void)ask("a3.example.test", rr::kA);  // a CNAME to a raced name: slaves answer addresses only
  BOOST_TEST((result.action == Action::answer));
}

BOOST_AUTO_TEST_CASE(negative_answers_are_counted_and_carry_the_soa) {
  const Answer missing = ask("nowhere.example.test", rr::kA);
  BOOST_TEST(missing.rcode == kNxDomain);
  BOOST_TEST(missing.aa);
  BOOST_TEST(missing.authority.size() == 1U);
  const Answer empty = ask("mail.example.test", kTxt);
  BOOST_TEST(empty.rcode == kNoError);
  BOOST_TEST(empty.authority == missing.authority);
  BOOST_TEST(count("nxdomain") == 1U);
  BOOST_TEST(count("nodata") == 1U);
}

BOOST_AUTO_TEST_CASE(a_referral_is_without_authority_and_needs_its_glue) {
  const Answer a = ask("www.child.example.test", rr::kA);
  BOOST_TEST(!a.aa);
  BOOST_TEST(a.rcode == kNoError);
  BOOST_TEST(a.answer.empty());
  BOOST_TEST(a.authority.size() == 2U);
  BOOST_TEST(a.additional.size() == 3U);
}

BOOST_AUTO_TEST_CASE(other_zones_and_classes_are_refused_without_authority) {
  for (const Query& q : {edns("www.example.org"), edns("."), edns("test")}) {
    const Answer a = ask(q);
    BOOST_TEST(a.rcode == kRefused);
    BOOST_TEST(!a.aa);
    BOOST_TEST(ede(a) == 20U);
    BOOST_TEST(a.question.size() == 1U);
  }
  for (const unsigned klass : {3U, 4U, 254U, 255U, 0U}) {
    Query q = edns("version.bind", kTxt);
    q.klass = static_cast<std::uint16_t>(klass);
    BOOST_TEST(ask(q).rcode == kRefused);
  }
  BOOST_TEST(count("refused") == 8U);
}

BOOST_AUTO_TEST_CASE(zone_transfers_are_refused_on_both_transports) {
  for (const std::uint16_t type : {rr::kAxfr, rr::kIxfr}) {
    for (const Transport transport : {Transport::udp, Transport::tcp}) {
      const Answer a = ask(edns("example.test", type), transport);
      BOOST_TEST(a.rcode == kRefused);
      BOOST_TEST(ede(a) == 18U);
      BOOST_TEST(a.answer.empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(types_that_are_no_types_of_records_are_errors) {
  for (const std::uint16_t type : {rr::kOpt, rr::kTsig, rr::kTkey, std::uint16_t{0}})
    BOOST_TEST(ask("example.test", type).rcode == kFormErr);
  BOOST_TEST(ask("example.test", rr::kMaila).rcode == kNotImp);
}

BOOST_AUTO_TEST_CASE(other_opcodes_are_not_implemented) {
  for (const unsigned opcode : {1U, 2U, 4U, 5U, 6U, 15U}) {
    Query q = edns();
    q.flags = static_cast<std::uint16_t>(opcode << 11);
    const Answer a = ask(q);
    BOOST_TEST(a.rcode == kNotImp);
    BOOST_TEST(a.opcode == opcode);
    BOOST_TEST(ede(a) == 21U);
  }
  BOOST_TEST(count("notimp") == 6U);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_formerr_and_what_must_not_be_answered_is_silence) {
  Octets bytes = Query().bytes();
  bytes.pop_back();
  BOOST_TEST(ask(bytes).rcode == kFormErr);
  BOOST_TEST(count("malformed") == 1U);
  bytes.resize(11);
  (void)ask(bytes);
  BOOST_TEST((result.action == Action::silence));
  Query reply;
  reply.flags = 0x8000;
  (void)ask(reply);
  BOOST_TEST((result.action == Action::silence));
  BOOST_TEST(count("silent") == 2U);
  BOOST_TEST(count("queries") == 3U);
  BOOST_TEST(count("answered") == 1U);
}

BOOST_AUTO_TEST_CASE(a_later_edns_version_gets_badvers_and_ours) {
  Query q = edns();
  q.version = 1;
  const Answer a = ask(q);
  BOOST_TEST(a.extended_rcode == kBadVers);
  BOOST_TEST(a.version == 0U);
  BOOST_TEST(a.answer.empty());
  BOOST_TEST(count("badvers") == 1U);
}

BOOST_AUTO_TEST_CASE(edns_gets_our_size_its_do_bit_and_our_nsid) {
  Query q = edns();
  q.edns_flags = 0x8000;
  const Answer plain = ask(q);
  BOOST_TEST(plain.edns);
  BOOST_TEST(plain.dnssec_ok);
  BOOST_TEST(plain.udp_size == 1232U);
  BOOST_TEST(plain.options.empty());
  q.edns_flags = 0;
  const Answer a = ask(q.option(kNsid, {}).option(kSubnet, hex("00011800c00002")));
  BOOST_TEST(!a.dnssec_ok);
  BOOST_REQUIRE(a.option(kNsid) != nullptr);
  BOOST_TEST(*a.option(kNsid) == "site-a");
  BOOST_REQUIRE(a.option(kSubnet) != nullptr);
  BOOST_TEST(a.option(kSubnet)->size() == 7U);
  BOOST_TEST(a.option(kSubnet)->at(3) == 0);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_truncated_over_udp_and_whole_over_tcp) {
  const Answer cut = ask("big.example.test", kTxt);
  BOOST_TEST(cut.tc);
  BOOST_TEST(cut.answer.empty());
  BOOST_TEST(count("truncated") == 1U);
  BOOST_TEST(ask(edns("big.example.test", kTxt)).answer.size() == 4U);
  Query small = edns("big.example.test", kTxt);
  small.size = 600;
  BOOST_TEST(ask(small).tc);
  const Answer whole = ask("big.example.test", kTxt, Transport::tcp);
  BOOST_TEST(!whole.tc);
  BOOST_TEST(whole.answer.size() == 4U);
}

BOOST_AUTO_TEST_CASE(the_client_may_not_ask_for_more_than_our_size) {
  Rig tight({.nsid = "", .udp_size = 512});
  Query q = edns("big.example.test", kTxt);
  q.size = 65535;
  const Answer a = tight.ask(q);
  BOOST_TEST(a.tc);
  BOOST_TEST(a.udp_size == 512U);
}

BOOST_AUTO_TEST_CASE(a_client_cookie_gets_a_server_cookie_that_verifies_it_the_next_time) {
  const Octets mine = hex("0102030405060708");
  const Answer first = ask(edns().option(kCookie, mine));
  BOOST_REQUIRE(first.option(kCookie) != nullptr);
  BOOST_TEST(first.option(kCookie)->size() == 24U);
  BOOST_TEST(first.option(kCookie)->substr(0, 8) == flagfall::as_text(mine));
  BOOST_TEST(!result.verified);
  BOOST_TEST(result.has_cookie);
  BOOST_TEST(count("cookies_new") == 1U);

  const Answer second = ask(edns().option(kCookie, flagfall::as_bytes(*first.option(kCookie))));
  BOOST_TEST(result.verified);
  BOOST_TEST(*second.option(kCookie) == *first.option(kCookie));
  BOOST_TEST(count("cookies_valid") == 1U);

  client.ip = *flagfall::parse_ip("192.0.2.201");
  const Answer stolen = ask(edns().option(kCookie, flagfall::as_bytes(*first.option(kCookie))));
  BOOST_TEST(!result.verified);
  BOOST_TEST(stolen.rcode == kNoError);
  BOOST_TEST(*stolen.option(kCookie) != *first.option(kCookie));
  BOOST_TEST(count("cookies_invalid") == 1U);
}

BOOST_AUTO_TEST_CASE(a_raceable_query_brings_its_cookie_for_the_order) {
  (void)ask(edns("www.example.test").option(kCookie, hex("0102030405060708")));
  BOOST_TEST((result.action == Action::race));
  BOOST_TEST(result.has_cookie);
  const Cookies::Client mine{1, 2, 3, 4, 5, 6, 7, 8};
  BOOST_TEST((cookies.check(mine, result.server_cookie, client.ip, kNow) == Cookies::Verdict::valid));
}

BOOST_AUTO_TEST_CASE(an_old_cookie_is_still_good_and_gets_a_fresh_one) {
  const Cookies::Client mine{1, 2, 3, 4, 5, 6, 7, 8};
  const auto old = cookies.make(mine, client.ip, kNow - 2000);
  Octets both(mine.begin(), mine.end());
  flagfall::test::put(both, old);
  const Answer a = ask(edns().option(kCookie, both));
  BOOST_TEST(result.verified);
  const auto fresh = cookies.make(mine, client.ip, kNow);
  BOOST_TEST(a.option(kCookie)->substr(8) == flagfall::as_text(fresh));
}

BOOST_AUTO_TEST_CASE(secrets_are_exchanged_between_queries) {
  const Cookies::Client mine{1, 2, 3, 4, 5, 6, 7, 8};
  Octets both(mine.begin(), mine.end());
  flagfall::test::put(both, cookies.make(mine, client.ip, kNow));
  const Query q = edns().option(kCookie, both);
  (void)ask(q);
  BOOST_TEST(result.verified);

  const Cookies others{{Cookies::Secret{4, 5, 6}}};
  front.use(others);
  const Answer a = ask(q);
  BOOST_TEST(!result.verified);
  BOOST_TEST(a.option(kCookie)->substr(8) == flagfall::as_text(others.make(mine, client.ip, kNow)));
}

BOOST_AUTO_TEST_CASE(a_malformed_cookie_is_formerr_with_edns) {
  const Answer a = ask(edns().option(kCookie, hex("010203")));
  BOOST_TEST(a.rcode == kFormErr);
  BOOST_TEST(a.edns);
}

BOOST_AUTO_TEST_CASE(a_query_without_a_question_gets_just_a_cookie) {
  Query q = edns();
  q.questions = 0;
  q.option(kCookie, hex("0102030405060708"));
  const Answer a = ask(q);
  BOOST_TEST(a.rcode == kNoError);
  BOOST_TEST(a.question.empty());
  BOOST_REQUIRE(a.option(kCookie) != nullptr);
  Query stale = edns();
  stale.questions = 0;
  stale.option(kCookie, Octets(24, 7));
  BOOST_TEST(ask(stale).extended_rcode == kBadCookie);
}

BOOST_AUTO_TEST_CASE(cookies_may_be_required_of_clients_that_know_them) {
  Rig strict({.nsid = "", .udp_size = 1232, .require_cookie = true});
  const Query q = edns("www.example.test").option(kCookie, hex("0102030405060708"));
  const Answer a = strict.ask(q);
  BOOST_TEST(a.extended_rcode == kBadCookie);
  BOOST_TEST(a.answer.empty());
  BOOST_REQUIRE(a.option(kCookie) != nullptr);
  const Answer b =
      strict.ask(edns("www.example.test").option(kCookie, flagfall::as_bytes(*a.option(kCookie))));
  BOOST_TEST(b.answer.size() == 2U);
  BOOST_TEST(strict.ask(q, Transport::tcp).answer.size() == 2U);
  BOOST_TEST(strict.ask(edns("www.example.test")).answer.size() == 2U);  // knows no cookies
}

BOOST_AUTO_TEST_CASE(the_longest_zone_answers_and_ds_comes_from_its_parent) {
  const std::string soa = "$TTL 60\n@ SOA ns host 1 2 3 4 30\n@ NS ns\nns A 192.0.2.1\n";
  serve("sub.example.test", soa + "www A 192.0.2.77\n");
  serve("signed.example.test", soa);
  BOOST_TEST(ask("www.sub.example.test", rr::kA).answer == Lines{"www.sub.example.test. 60 A 192.0.2.77"});
  BOOST_TEST(ask("mail.example.test", rr::kA).answer.size() == 1U);
  const Answer ds = ask("signed.example.test", rr::kDs);
  BOOST_REQUIRE(ds.answer.size() == 1U);
  BOOST_TEST(ds.answer[0].starts_with("signed.example.test. 3600 DS 12345"));
  BOOST_TEST(ask("signed.example.test", rr::kA).authority.size() == 1U);
  BOOST_TEST(ask("signed.example.test", rr::kA).aa);
  BOOST_TEST(ask("example.test", rr::kDs).authority.size() == 1U);
}

BOOST_AUTO_TEST_CASE(too_long_a_dname_substitution_is_yxdomain) {
  const std::string label(50, 'x');
  const Answer a =
      ask(label + "." + label + "." + label + "." + label + "." + "0123456789012345678901234.dn.example.test",
          rr::kA);
  BOOST_TEST(a.rcode == kYxDomain);
  BOOST_TEST(a.answer.size() == 1U);
}

BOOST_AUTO_TEST_CASE(any_bytes_give_silence_or_a_readable_answer) {
  flagfall::SeededRandom random(3);
  const Octets good = edns("www.example.test").option(kCookie, hex("0102030405060708")).bytes();
  for (int i = 0; i < 20000; ++i) {
    Octets bytes = good;
    for (auto flips = random.next() % 4; flips-- > 0;)
      bytes[random.next() % bytes.size()] = static_cast<std::uint8_t>(random.next());
    bytes.resize(random.next() % 8 == 0 ? random.next() % bytes.size() : bytes.size());
    packet = bytes;
    const auto r = front.handle(packet, client, Transport::udp, kNow, query, room);
    std::size_t n = r.length;
    if (r.action == Action::race) n = front.ordinary(query, r, Transport::udp, room);
    if (r.action == Action::silence) continue;
    BOOST_REQUIRE(n >= 12U);
    BOOST_REQUIRE(n <= 1232U);
    BOOST_REQUIRE(room[0] == bytes[0]);
  }
}

BOOST_AUTO_TEST_SUITE_END()
