#include "master/evidence_intake.hh"

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;
using director::Kind;
using master::health_of;
using master::load_of;
using master::PingWants;
using wire::Health;

namespace {

constexpr MonoTime kNow = MonoTime(Nanos(100s));

IpAddress ip(const char* text) {
  return *parse_ip(text);
}

wire::Load load(const char* name) {
  wire::Load out;
  out.name = name;
  return out;
}

wire::Check check(Health state, std::optional<IpAddress> answer = {}) {
  wire::Check out;
  out.name = "c";
  out.state = state;
  out.answer = answer;
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(evidence_intake)

BOOST_AUTO_TEST_CASE(pings_and_paths_become_measures) {
  wire::Evidence e;
  using Fate = wire::PingResult::Fate;
  e.pings = {{ip("192.0.2.1"), Fate::answered, 20ms, 0s},
             {ip("2001:db8::1"), Fate::silent, 0ns, 0s},
             {ip("192.0.2.2"), Fate::refused, 0ns, 0s}};
  e.paths.push_back({*parse_prefix("198.51.100.0/24"), 30ms, 25ms, 1'000'000, 0, 3});
  e.paths.push_back({*parse_prefix("198.51.101.0/24"), 30ms, 26ms, 0, 0, 1});
  const auto measures = master::measures_of(e);
  BOOST_REQUIRE(measures.size() == 5U);
  BOOST_TEST((measures[0].kind == Kind::ping && measures[0].value == 0.02 && !measures[0].silent));
  BOOST_TEST(to_string(measures[0].about) == "192.0.2.1/32");
  BOOST_TEST(measures[1].silent);
  BOOST_TEST(to_string(measures[1].about) == "2001:db8::1/128");
  BOOST_TEST((measures[2].kind == Kind::tcp_rtt && measures[2].value == 0.025));
  BOOST_TEST((measures[3].kind == Kind::tcp_rate && measures[3].value == 1e6));
  BOOST_TEST((measures[4].kind == Kind::tcp_rtt));
  BOOST_TEST(measures[4].value == 0.026, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(a_servers_cgroup_goes_before_its_machine) {
  BOOST_TEST(!load_of({}, kNow));
  wire::Load machine = load("machine");
  machine.connections = 900;
  machine.free_memory = 1000;
  machine.idle_cpu = 250'000;
  BOOST_TEST(load_of({machine}, kNow)->open_connections == 900.0);
  BOOST_TEST(load_of({machine}, kNow)->cpu_idle == 0.25);
  BOOST_TEST(load_of({machine}, kNow)->free_swap == 0.0);
  wire::Load own = load("web.service");
  own.free_memory = 10;
  const auto both = load_of({machine, own}, kNow);
  BOOST_TEST(both->free_memory == 10.0);
  BOOST_TEST(both->open_connections == 900.0);
  BOOST_TEST((both->at == kNow));
  BOOST_TEST(std::isnan(load_of({own}, kNow)->cpu_idle));  // not known, so not "none"
}

BOOST_AUTO_TEST_CASE(a_check_counts_for_the_addresses_that_it_speaks_for) {
  const std::vector<IpAddress> mine{ip("192.0.2.10")};
  BOOST_TEST((health_of({}, mine) == Health::up));
  BOOST_TEST((health_of({check(Health::up)}, mine) == Health::up));
  BOOST_TEST((health_of({check(Health::up), check(Health::unknown)}, mine) == Health::unknown));
  BOOST_TEST((health_of({check(Health::unknown), check(Health::down)}, mine) == Health::down));
  BOOST_TEST((health_of({check(Health::down, ip("192.0.2.11"))}, mine) == Health::up));
  BOOST_TEST((health_of({check(Health::down, ip("192.0.2.10"))}, mine) == Health::down));
}

BOOST_AUTO_TEST_CASE(a_network_is_pinged_once_in_a_while_as_long_as_it_asks) {
  PingWants wants(20s);
  wants.want(0, ip("192.0.2.1"), kNow);
  wants.want(0, ip("192.0.2.9"), kNow + 1s);  // the same network
  wants.want(1, ip("192.0.2.9"), kNow + 1s);  // another service
  BOOST_TEST(wants.turn(kNow + 1s).size() == 2U);
  wants.want(0, ip("192.0.2.1"), kNow + 10s);
  BOOST_TEST(wants.turn(kNow + 10s).empty());
  BOOST_TEST(wants.turn(kNow + 20s).empty());
  BOOST_TEST(wants.turn(kNow + 21s).size() == 2U);  // in the background, as long as they ask
  BOOST_TEST(wants.turn(kNow + 22s).empty());
  BOOST_TEST(wants.turn(kNow + 128s).size() == 1U);  // asked for the last time 118 and 127 s ago
  BOOST_TEST(wants.turn(kNow + 200s).empty());
  wants.want(0, ip("192.0.2.1"), kNow + 201s);
  BOOST_TEST(wants.turn(kNow + 201s).size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_is_waited_for_is_pinged_at_once_and_once) {
  PingWants wants(20s);
  wants.want(0, ip("192.0.2.1"), kNow);
  wants.want(0, ip("198.51.100.1"), kNow, true);
  const auto now = wants.hurry(kNow);
  BOOST_REQUIRE(now.size() == 1U);
  BOOST_TEST(to_string(now[0].client) == "198.51.100.1");
  BOOST_TEST(wants.hurry(kNow).empty());
  const auto later = wants.turn(kNow + 1s);
  BOOST_REQUIRE(later.size() == 1U);
  BOOST_TEST(to_string(later[0].client) == "192.0.2.1");
  // It has been pinged a moment ago: nothing is to be waited for.
  wants.want(0, ip("198.51.100.1"), kNow + 2s, true);
  BOOST_TEST(wants.hurry(kNow + 2s).empty());
  // And no faster than its turn allows, whoever waits.
  std::size_t given = 0;
  for (unsigned i = 0; i < 1000; ++i) {
    IpAddress client = ip("10.0.0.1");
    client.octets[1] = static_cast<std::uint8_t>(i >> 8);
    client.octets[2] = static_cast<std::uint8_t>(i);
    wants.want(0, client, kNow + 3s, true);
    given += wants.hurry(kNow + 3s).size();
  }
  BOOST_TEST(given <= PingWants::kTurn);
  BOOST_TEST(given > PingWants::kTurn / 2);
}

BOOST_AUTO_TEST_CASE(a_flood_of_networks_waits_in_bounded_room) {
  PingWants wants(20s);
  for (unsigned i = 0; i < 100'000; ++i) {
    IpAddress client = ip("10.0.0.0");
    client.octets[1] = static_cast<std::uint8_t>(i >> 8);
    client.octets[2] = static_cast<std::uint8_t>(i);
    wants.want(static_cast<std::uint16_t>(i >> 16), client, kNow);
  }
  BOOST_TEST(wants.waiting() == PingWants::kMost);
  BOOST_TEST(wants.turn(kNow).size() == PingWants::kTurn);
}

BOOST_AUTO_TEST_SUITE_END()
