#include "master/beacon_policy.hh"

#include <boost/test/unit_test.hpp>

using namespace flagfall;          // NOLINT(google-build-using-namespace): a test
using namespace flagfall::master;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;

namespace {

const MonoTime kNow = from_ns<MonoTime>(1'000'000'000'000);
const IpAddress kClient = *parse_ip("198.51.100.7");
const IpAddress kNeighbour = *parse_ip("198.51.100.8");
const IpAddress kStranger = *parse_ip("203.0.113.1");

struct Rig {
  SeededRandom random{1};
  KnownNetworks known{24, 56, random, 64};
  BeaconPolicy policy{&known, random};
  bool take(const BeaconWish& wish, const IpAddress& client = kClient, MonoTime now = kNow,
            bool stub = false) {
    return policy.take(wish, 3, client, stub, now);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(beacon_policy, Rig)

BOOST_AUTO_TEST_CASE(a_verdict_makes_its_network_known_for_that_service_and_for_an_hour) {
  BOOST_TEST(!known.knows(3, kClient, kNow));
  race::FinishedRace race;
  race.service = 3;
  race.client = {kClient, 53};
  race.received = kNow;
  known.finished(race);  // without a verdict
  BOOST_TEST(!known.knows(3, kClient, kNow));
  race.verdict = race::Verdict{};
  known.finished(race);
  BOOST_TEST(known.knows(3, kClient, kNow));
  BOOST_TEST(known.knows(3, kNeighbour, kNow));
  BOOST_TEST(!known.knows(4, kClient, kNow));
  BOOST_TEST(!known.knows(3, kStranger, kNow));
  BOOST_TEST(known.knows(3, kClient, kNow + KnownNetworks::kFor - 1min));
  BOOST_TEST(!known.knows(3, kClient, kNow + KnownNetworks::kFor + 2min));
}

BOOST_AUTO_TEST_CASE(more_networks_than_there_is_room_for_push_out_the_oldest) {
  for (unsigned i = 0; i < 1000; ++i) {
    const IpAddress each = *parse_ip("10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".1");
    known.learn(3, each, kNow + std::chrono::minutes(i / 20));
    BOOST_TEST(known.knows(3, each, kNow + std::chrono::minutes(i / 20)));
  }
  BOOST_TEST(!known.knows(3, *parse_ip("10.0.0.1"), kNow + 50min));
}

BOOST_AUTO_TEST_CASE(off_means_never_and_who_wants_recursion_never_gets_one) {
  for (int i = 0; i < 100; ++i) {
    BOOST_TEST(!take({}));
    BOOST_TEST(!take({1, true}, kClient, kNow, true));
  }
}

BOOST_AUTO_TEST_CASE(a_sample_is_its_share) {
  unsigned taken = 0;
  for (int i = 0; i < 10000; ++i) taken += take({0.1, false}) ? 1 : 0;
  BOOST_TEST(taken > 900U);
  BOOST_TEST(taken < 1100U);
}

BOOST_AUTO_TEST_CASE(unknown_clients_are_tried_until_something_is_known_but_not_all_the_time) {
  const BeaconWish unknown{0, true};
  unsigned taken = 0;
  for (int i = 0; i < 100; ++i) taken += take(unknown) ? 1 : 0;
  BOOST_TEST(taken == 3U);
  BOOST_TEST(take(unknown, kClient, kNow + 10s));
  BOOST_TEST(take(unknown, kStranger));
  known.learn(3, kStranger, kNow);
  BOOST_TEST(!take(unknown, kStranger));
}

BOOST_AUTO_TEST_CASE(the_clients_of_an_unknown_network_share_its_tries_and_services_do_not) {
  const BeaconWish unknown{0, true};
  unsigned taken = 0;
  for (unsigned host = 0; host < 256; ++host)
    taken += take(unknown, *parse_ip("198.51.100." + std::to_string(host))) ? 1 : 0;
  BOOST_TEST(taken == 3U);
  for (unsigned host = 0; host < 256; ++host)
    taken +=
        take(unknown, *parse_ip("2001:db8:0:" + std::to_string(host % 100) + "::" + std::to_string(host)))
            ? 1
            : 0;
  BOOST_TEST(taken == 6U);
  BOOST_TEST(policy.take(unknown, 4, kClient, false, kNow));
}

BOOST_AUTO_TEST_SUITE_END()
