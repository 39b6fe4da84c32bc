#include "common/base/network_places.hh"

#include <boost/test/unit_test.hpp>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test

namespace {

IpAddress ip(const char* text) {
  return *parse_ip(text);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(network_places)

BOOST_AUTO_TEST_CASE(a_network_has_its_places_and_no_more_and_others_have_theirs) {
  SeededRandom random(1);
  NetworkPlaces places(24, 56, 2, random);
  BOOST_TEST(places.enter(ip("192.0.2.1")));
  BOOST_TEST(places.enter(ip("192.0.2.200")));
  BOOST_TEST(!places.enter(ip("192.0.2.3")));
  BOOST_TEST(places.enter(ip("192.0.3.3")));
  BOOST_TEST(places.enter(ip("2001:db8:0:1::1")));
  BOOST_TEST(places.enter(ip("2001:db8:0:f0::1")));
  BOOST_TEST(!places.enter(ip("2001:db8:0:ff::1")));
  BOOST_TEST(places.enter(ip("2001:db8:0:100::1")));
}

BOOST_AUTO_TEST_CASE(who_leaves_makes_room_and_a_network_without_anybody_takes_none) {
  SeededRandom random(2);
  NetworkPlaces places(24, 56, 1, random);
  BOOST_TEST(places.enter(ip("192.0.2.1")));
  BOOST_TEST(places.size() == 1U);
  places.leave(ip("192.0.2.1"));
  BOOST_TEST(places.size() == 0U);
  BOOST_TEST(places.enter(ip("192.0.2.9")));
  places.leave(ip("198.51.100.1"));  // who never came
  BOOST_TEST(!places.enter(ip("192.0.2.10")));
}

BOOST_AUTO_TEST_SUITE_END()
