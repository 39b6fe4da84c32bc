#include "slave/responder_core.hh"

#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/unit/dns/dns_text.hh"
#include "tests/unit/slave/orders.hh"
#include "tests/unit/wire/dns_bytes.hh"

using namespace flagfall;         // NOLINT(google-build-using-namespace): a test
using namespace flagfall::slave;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;
using dns::Transport;
using Lines = std::vector<std::string>;

namespace {

namespace rr = wire::rrtype;
const wire::SipKey kKey = {7, 7, 7};
const Endpoint kClient = *parse_endpoint("198.51.100.7:4242");
constexpr unsigned kNxdomain = 3, kRefused = 5, kNotimp = 4, kFormerr = 1;

wire::Services services() {
  wire::Services out;
  out.nameserver = "ns-fra.example.test";
  out.beacon_zone = "fra.beacon.example.test";
  out.services.push_back(
      slave::testing::service("web", {}, {*parse_ip("192.0.2.10"), *parse_ip("2001:db8::10")}));
  out.services.push_back(slave::testing::service("cdn", {}, {*parse_ip("192.0.2.11")}));
  out.services.back().zone = "cdn.example.test";
  out.services.back().nameservers = {"ns-fra.example.test", "ns-nyc.example.test"};
  out.services.back().names = {"www.cdn.example.test", "*.all.cdn.example.test"};
  return out;
}

struct Rig {
  SeededRandom random{1};
  ResponderCore core;
  MonoTime now = from_ns<MonoTime>(1'000'000'000'000);
  std::vector<std::uint8_t> room = std::vector<std::uint8_t>(65535);
  std::size_t length = 0;

  explicit Rig(BucketLimit limit = {1e6, 1e6}) : core(options(limit), random) {
    const std::vector all = {services()};
    OwnNamesMade made = make_own_names(all, random);
    BOOST_TEST(made.complaints.empty());
    BOOST_TEST(made.names->answers_beacons("FRA.beacon.example.test."));
    BOOST_TEST(!made.names->answers_beacons("nyc.beacon.example.test"));
    core.use(std::move(made.names));
  }
  static ResponderCore::Options options(BucketLimit limit) {
    ResponderCore::Options out;
    out.limit.network = limit;
    out.beacon_key = kKey;
    return out;
  }
  test::Answer ask(const test::Query& query, const Endpoint& from = kClient,
                   Transport transport = Transport::udp) {
    const test::Octets packet = query.bytes();
    length = core.answer(packet, from, transport, {now, 1'800'000'000}, room);
    return test::read_answer(Bytes(room).first(length));
  }
  test::Answer a(const std::string& name, std::uint16_t type = rr::kA) {
    return ask(test::Query{.name = name, .type = type});
  }
  std::string beacon(std::uint64_t race, const char* service = "web", bool issue = true) {
    std::array<std::uint8_t, kBeaconLabel> label{};
    write_beacon_label(kKey, service_tag(service), race, label);
    if (issue) core.issued({race, now - 5ms, service_tag(service), 70, 0, kClient.ip});
    return std::string(as_text(label)) + ".fra.beacon.example.test";
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(responder_core, Rig)

BOOST_AUTO_TEST_CASE(a_beacon_is_answered_with_the_services_addresses_and_wins) {
  const std::string name = beacon(77);
  const auto got = a(name);
  BOOST_TEST(got.aa);
  BOOST_TEST(got.answer == Lines{name + ". 30 A 192.0.2.10"}, boost::test_tools::per_element());
  BOOST_TEST(got.authority.empty());
  BOOST_REQUIRE(core.won().has_value());
  BOOST_TEST(core.won()->win.race == 77U);
  BOOST_TEST((core.won()->win.after == 5ms));
  BOOST_TEST(core.won()->win.same_address);
  (void)a(name, rr::kAaaa);
  BOOST_TEST(!core.won().has_value());
  BOOST_TEST(core.counters().repeated.get() == 1U);
}

BOOST_AUTO_TEST_CASE(a_minimising_resolver_that_asks_for_other_types_first_wins_nothing_yet) {
  const std::string name = beacon(77);
  const auto got = a(name, rr::kNs);
  BOOST_TEST(got.rcode == 0U);
  BOOST_TEST(got.answer.empty());
  BOOST_TEST(got.authority.size() == 1U);  // the SOA
  BOOST_TEST(!core.won().has_value());
  (void)a(name);
  BOOST_TEST(core.won().has_value());
}

BOOST_AUTO_TEST_CASE(labels_that_we_did_not_issue_are_answered_and_win_nothing) {
  BOOST_TEST(a(beacon(77, "web", false)).answer.size() == 1U);
  BOOST_TEST(!core.won().has_value());
  BOOST_TEST(core.counters().late.get() == 1U);
  std::string forged = beacon(78);
  forged[31] = forged[31] == '0' ? '1' : '0';
  BOOST_TEST(a(forged).answer.size() == 1U);
  BOOST_TEST(!core.won().has_value());
  BOOST_TEST(core.counters().forged.get() == 1U);
}

BOOST_AUTO_TEST_CASE(other_names_in_the_beacon_zone_do_not_exist) {
  for (const std::string& name :
       {std::string("x"), std::string(32, 'w'), "a." + beacon(77).substr(0, 32), std::string(32, '0')}) {
    const auto got = a(name + ".fra.beacon.example.test");
    BOOST_TEST(got.rcode == kNxdomain);
    BOOST_TEST(got.aa);
    BOOST_REQUIRE(got.authority.size() == 1U);
    BOOST_TEST(got.authority[0].find("60 SOA ns-fra.example.test. hostmaster.fra.beacon.example.test. 1") !=
               std::string::npos);
  }
  BOOST_TEST(!core.won().has_value());
}

BOOST_AUTO_TEST_CASE(a_service_without_an_address_of_the_family_has_no_data_there) {
  const auto got = a(beacon(77, "cdn"), rr::kAaaa);
  BOOST_TEST(got.rcode == 0U);
  BOOST_TEST(got.answer.empty());
  BOOST_TEST(got.authority.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_delegated_service_is_answered_for_with_soa_and_ns_at_its_apex) {
  BOOST_TEST(a("WWW.cdn.example.test").answer == Lines{"WWW.cdn.example.test. 30 A 192.0.2.11"},
             boost::test_tools::per_element());
  BOOST_TEST(a("x.all.cdn.example.test").answer.size() == 1U);
  BOOST_TEST(a("cdn.example.test", rr::kNs).answer.size() == 2U);
  BOOST_TEST(a("cdn.example.test", rr::kSoa).answer.size() == 1U);
  BOOST_TEST(a("www.cdn.example.test", rr::kAaaa).authority.size() == 1U);
  BOOST_TEST(a("nope.cdn.example.test").rcode == kNxdomain);
}

BOOST_AUTO_TEST_CASE(what_is_not_ours_is_refused_and_garbage_is_formerr_or_silence) {
  BOOST_TEST(a("www.example.test").rcode == kRefused);
  BOOST_TEST(ask(test::Query{.name = "cdn.example.test", .type = rr::kAxfr}).rcode == kRefused);
  BOOST_TEST(ask(test::Query{.name = "cdn.example.test", .flags = 0x2000}).rcode == kNotimp);
  BOOST_TEST(ask(test::Query{.name = "cdn.example.test", .questions = 0}).rcode == kFormerr);
  (void)ask(test::Query{.name = "cdn.example.test", .flags = 0x8000});
  BOOST_TEST(length == 0U);
}

BOOST_AUTO_TEST_CASE(before_the_masters_have_said_anything_all_is_refused) {
  core.use(std::make_shared<const OwnNames>());
  BOOST_TEST(a("www.cdn.example.test").rcode == kRefused);
}

BOOST_AUTO_TEST_CASE(a_network_that_asks_too_much_is_told_to_come_over_tcp_or_hears_nothing) {
  Rig tight({1, 2});
  const test::Query query{.name = "www.cdn.example.test", .edns = true};
  for (int i = 0; i < 2; ++i) BOOST_TEST(tight.ask(query).answer.size() == 1U);
  unsigned cut = 0;
  unsigned silent = 0;
  for (int i = 0; i < 10; ++i) {
    const auto got = tight.ask(query, *parse_endpoint("198.51.100.200:99"));  // the same network
    if (tight.length == 0) ++silent;
    if (tight.length > 0 && got.tc && got.answer.empty() && got.edns) ++cut;
    BOOST_TEST(tight.length <= query.bytes().size());
  }
  BOOST_TEST(cut == 5U);
  BOOST_TEST(silent == 5U);
  BOOST_TEST(tight.core.counters().limited.get() == 10U);
  BOOST_TEST(tight.ask(query, kClient, Transport::tcp).answer.size() == 1U);
  BOOST_TEST(tight.ask(query, *parse_endpoint("203.0.113.1:99")).answer.size() == 1U);
  tight.now += 1s;
  BOOST_TEST(tight.ask(query).answer.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_client_with_our_cookie_is_not_limited) {
  Rig tight({1, 1});
  test::Query query{.name = "www.cdn.example.test"};
  query.option(10, as_bytes(std::string_view("clientck")));
  const auto first = tight.ask(query);
  BOOST_REQUIRE(first.option(10) != nullptr);
  test::Query verified{.name = "www.cdn.example.test"};
  verified.option(10, as_bytes(*first.option(10)));
  for (int i = 0; i < 5; ++i) BOOST_TEST(tight.ask(verified).answer.size() == 1U);
}

BOOST_AUTO_TEST_CASE(names_that_are_none_are_left_out_with_a_complaint) {
  wire::Services bad = services();
  bad.beacon_zone = std::string(300, 'x');
  bad.services[1].names.emplace_back("elsewhere.example");
  bad.services[0].zone = "..";
  const OwnNamesMade made = make_own_names(std::vector{bad}, random);
  BOOST_TEST(made.complaints.size() == 3U);
  BOOST_TEST(made.names->zones.size() == 1U);
  BOOST_TEST(made.names->beacons.empty());
}

BOOST_AUTO_TEST_CASE(two_masters_that_say_the_same_make_one_zone) {
  const OwnNamesMade made = make_own_names(std::vector{services(), services()}, random);
  BOOST_TEST(made.complaints.empty());
  BOOST_TEST(made.names->zones.size() == 2U);
  BOOST_REQUIRE(made.names->beacons.size() == 1U);
  BOOST_TEST(made.names->beacons[0].targets.size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
