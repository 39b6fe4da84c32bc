#include "slave/home_cache.hh"

#include <boost/test/unit_test.hpp>

#include "slave/sent_away.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using slave::HomeCache;
using std::chrono::seconds;

namespace {

const MonoTime kNow(seconds(1000));

HomeCache::Home to(const char* location) {
  return {std::make_shared<const http::Location>(*http::Location::parse(location))};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(home_cache)

BOOST_AUTO_TEST_CASE(the_narrowest_network_that_holds_a_client_counts) {
  SeededRandom random(1);
  HomeCache cache(64, random);
  const auto a = to("http://a/"), b = to("http://b/");
  cache.put(0, *parse_ip("198.51.100.7"), 16, a, kNow + seconds(1));
  cache.put(0, *parse_ip("198.51.100.7"), 24, b, kNow + seconds(2));
  cache.put(0, *parse_ip("0.0.0.0"), 0, {}, kNow + seconds(3));
  const auto found = [&](const char* client, Nanos later = Nanos(0), std::uint32_t service = 0) {
    const auto* const home = cache.find(service, *parse_ip(client), kNow + later);
    return home == nullptr ? nullptr : home->elsewhere.get();
  };
  BOOST_TEST(found("198.51.100.1") == b.elsewhere.get());
  BOOST_TEST(found("198.51.7.1") == a.elsewhere.get());
  BOOST_TEST(found("203.0.113.1") == nullptr);
  BOOST_TEST((cache.find(0, *parse_ip("203.0.113.1"), kNow) != nullptr));  // known: here
  BOOST_TEST((cache.find(1, *parse_ip("198.51.100.1"), kNow) == nullptr));
  BOOST_TEST((cache.find(0, *parse_ip("2001:db8::1"), kNow) == nullptr));
  BOOST_TEST(found("198.51.7.1", seconds(1)) == nullptr);
  BOOST_TEST(found("198.51.100.1", seconds(1)) == b.elsewhere.get());
  BOOST_TEST((cache.find(0, *parse_ip("198.51.100.1"), kNow + seconds(3)) == nullptr));
  cache.clear();
  BOOST_TEST((cache.find(0, *parse_ip("198.51.100.1"), kNow) == nullptr));
}

BOOST_AUTO_TEST_CASE(a_later_word_replaces_the_one_before) {
  SeededRandom random(1);
  HomeCache cache(64, random);
  const IpAddress client = *parse_ip("2001:db8::7");
  cache.put(0, client, 48, to("http://a/"), kNow + seconds(9));
  cache.put(0, client, 48, {}, kNow + seconds(1));
  const auto* const home = cache.find(0, client, kNow);
  BOOST_REQUIRE((home != nullptr));
  BOOST_TEST(!home->elsewhere);
}

BOOST_AUTO_TEST_CASE(a_full_table_holds_what_it_can_and_says_nothing_wrong) {
  SeededRandom random(1);
  HomeCache cache(64, random);
  for (unsigned i = 0; i < 10000; ++i) {
    IpAddress client = *parse_ip("10.0.0.1");
    client.octets[1] = static_cast<std::uint8_t>(i >> 8);
    client.octets[2] = static_cast<std::uint8_t>(i);
    cache.put(i % 2, client, 24, i % 2 == 0 ? to("http://a/") : HomeCache::Home(), kNow + seconds(i));
  }
  std::size_t known = 0;
  for (unsigned i = 0; i < 10000; ++i) {
    IpAddress client = *parse_ip("10.0.0.200");
    client.octets[1] = static_cast<std::uint8_t>(i >> 8);
    client.octets[2] = static_cast<std::uint8_t>(i);
    const auto* const home = cache.find(i % 2, client, kNow);
    if (home == nullptr) continue;
    ++known;
    BOOST_TEST((home->elsewhere != nullptr) == (i % 2 == 0));
  }
  BOOST_TEST(known > 32U);
  BOOST_TEST(known <= 64U);
}

BOOST_AUTO_TEST_CASE(of_those_that_were_sent_away_the_latest_are_remembered) {
  SeededRandom random(1);
  slave::SentAway away(seconds(10), 64, random);
  const auto key = [&](unsigned i) { return away.key(*parse_ip("192.0.2.1"), i, "/a"); };
  BOOST_TEST(!away.lately(key(0), kNow));
  for (unsigned i = 0; i < 1000; ++i) away.note(key(i), kNow + Nanos(i));
  unsigned remembered = 0;
  for (unsigned i = 0; i < 1000; ++i)
    if (away.lately(key(i), kNow + Nanos(1000))) {
      ++remembered;
      BOOST_TEST(i > 500U);
    }
  BOOST_TEST(remembered > 32U);
  BOOST_TEST(away.lately(key(999), kNow + seconds(10)));
  BOOST_TEST(!away.lately(key(999), kNow + seconds(10) + Nanos(999)));
  BOOST_TEST(away.key(*parse_ip("192.0.2.1"), 0, "/a") != away.key(*parse_ip("192.0.2.1"), 0, "/b"));
  BOOST_TEST(away.key(*parse_ip("192.0.2.1"), 0, "/a") != away.key(*parse_ip("192.0.2.2"), 0, "/a"));
}

BOOST_AUTO_TEST_SUITE_END()
