#include "director/client_credit.hh"

#include <boost/test/unit_test.hpp>
#include <limits>
#include <string>

using namespace flagfall;            // NOLINT(google-build-using-namespace): a test
using namespace flagfall::director;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;

namespace {

struct Fixture {
  SeededRandom random{4};
  MonoTime now{Nanos(1000s)};
  IpAddress resolver = *parse_ip("198.51.100.53");
  ResolverClients clients{{}, random};
  ClientCredit credit{{}, random};

  void seen(const char* client, int times) {
    for (int i = 0; i < times; ++i) clients.seen(resolver, *parse_ip(client), now);
  }
  std::vector<Measure> measured(const char* about, double value, Kind kind = Kind::ping,
                                std::uint16_t slave = 0) {
    std::vector<Measure> out;
    credit.measured(clients, {.kind = kind, .about = *parse_prefix(about), .value = value}, slave, now, out);
    return out;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(client_credit, Fixture)

BOOST_AUTO_TEST_CASE(a_resolver_gets_the_mean_of_its_clients_figures_by_their_shares) {
  seen("10.1.1.7", 6);
  seen("10.2.2.7", 2);
  auto told = measured("10.1.1.9/32", 0.010);
  BOOST_REQUIRE(told.size() == 1U);
  BOOST_TEST(to_string(told[0].about) == "198.51.100.53/32");
  BOOST_TEST(told[0].value == 0.010);
  told = measured("10.2.2.0/24", 0.050);
  BOOST_REQUIRE(told.size() == 1U);
  BOOST_TEST(told[0].value == 0.020, boost::test_tools::tolerance(1e-9));
  // Another slave's figures, and another kind's, are others.
  BOOST_TEST(measured("10.1.1.9/32", 0.040, Kind::ping, 1)[0].value == 0.040);
  BOOST_TEST(measured("10.1.1.9/32", 0.080, Kind::tcp_rtt)[0].value == 0.080);
  BOOST_TEST(credit.counters().credited.get() == 4U);
}

BOOST_AUTO_TEST_CASE(a_races_verdict_and_silence_and_nonsense_are_never_credited) {
  seen("10.1.1.7", 6);
  BOOST_TEST(measured("10.1.1.9/32", 0.010, Kind::race).empty());
  for (const double value :
       {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
    BOOST_TEST(measured("10.1.1.9/32", value).empty());
  std::vector<Measure> out;
  credit.measured(clients, {.about = *parse_prefix("10.1.1.9/32"), .value = 1, .silent = true}, 0, now, out);
  BOOST_TEST(out.empty());
}

BOOST_AUTO_TEST_CASE(a_small_part_or_few_observations_do_not_speak_for_a_resolver) {
  seen("10.1.1.7", 2);
  BOOST_TEST(measured("10.1.1.9/32", 0.010).empty());
  seen("10.1.1.7", 8);
  seen("10.2.2.7", 1);
  BOOST_TEST(measured("10.2.2.9/32", 0.050, Kind::ping, 3).empty());
  BOOST_TEST(credit.counters().thin.get() == 2U);
  BOOST_TEST(measured("10.1.1.9/32", 0.010).size() == 1U);
  BOOST_TEST(measured("10.0.0.0/8", 0.010).empty());   // wider than its clients' networks
  BOOST_TEST(measured("10.3.3.9/32", 0.010).empty());  // nobody's
}

BOOST_AUTO_TEST_CASE(old_figures_do_not_count) {
  seen("10.1.1.7", 5);
  seen("10.2.2.7", 5);
  (void)measured("10.1.1.9/32", 0.010);
  now += 61min;
  BOOST_TEST(measured("10.2.2.9/32", 0.050)[0].value == 0.050, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(a_resolver_among_its_own_clients_is_not_credited_twice) {
  seen("198.51.100.9", 5);
  BOOST_TEST(measured("198.51.100.9/32", 0.010).empty());
}

BOOST_AUTO_TEST_CASE(a_full_table_takes_new_networks_when_old_figures_have_gone) {
  ClientCreditOptions options;
  options.networks = 1;
  ClientCredit small(options, random);
  seen("10.1.1.7", 5);
  seen("10.2.2.7", 5);
  const auto credits = [&](const char* about) {
    std::vector<Measure> out;
    small.measured(clients, {.about = *parse_prefix(about), .value = 0.010}, 0, now, out);
    return out.size();
  };
  BOOST_TEST(credits("10.1.1.9/32") == 1U);
  BOOST_TEST(credits("10.2.2.9/32") == 0U);
  BOOST_TEST(small.counters().no_room.get() == 1U);
  now += 2h;
  BOOST_TEST(credits("10.2.2.9/32") == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
