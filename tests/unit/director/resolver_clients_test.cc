#include "director/resolver_clients.hh"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace flagfall;            // NOLINT(google-build-using-namespace): a test
using namespace flagfall::director;  // NOLINT(google-build-using-namespace)

namespace {

struct Fixture {
  SeededRandom random{4};
  MonoTime now = from_ns<MonoTime>(1'000'000'000'000);
  const IpAddress resolver = *parse_ip("198.51.100.1");
  ResolverClients clients{{}, random};

  static IpAddress ip(const std::string& text) { return *parse_ip(text); }
  void seen(ResolverClients& to, const std::string& client, int times = 1) {
    for (int i = 0; i < times; ++i) to.seen(resolver, ip(client), now);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(resolver_clients, Fixture)

BOOST_AUTO_TEST_CASE(a_resolvers_clients_are_known_by_network_with_shares) {
  seen(clients, "10.1.1.7", 2);
  seen(clients, "10.1.1.9");
  seen(clients, "2001:db8:1:2ff::1");
  const auto shares = clients.shares(resolver, now);
  BOOST_REQUIRE(shares.size() == 2);
  BOOST_TEST(to_string(shares[0].network) == "10.1.1.0/24");
  BOOST_TEST(shares[0].share == 0.75);
  BOOST_TEST(to_string(shares[1].network) == "2001:db8:1:200::/56");
  BOOST_TEST(shares[1].share == 0.25);
  BOOST_TEST(clients.weight(resolver, now) == 4);
  BOOST_TEST(clients.shares(ip("198.51.100.2"), now).empty());
  BOOST_TEST(clients.counters().seen.get() == 4);
}

BOOST_AUTO_TEST_CASE(what_was_seen_long_ago_counts_less) {
  seen(clients, "10.1.1.7", 8);
  now += std::chrono::hours(72);  // three half lives: one is left
  seen(clients, "10.2.2.7", 3);
  const auto shares = clients.shares(resolver, now);
  BOOST_REQUIRE(shares.size() == 2);
  BOOST_TEST(to_string(shares[0].network) == "10.2.2.0/24");
  BOOST_TEST(shares[0].share == 0.75, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(clients.weight(resolver, now) == 4, boost::test_tools::tolerance(1e-9));
  now += std::chrono::hours(24 * 365);
  BOOST_TEST(clients.shares(resolver, now).empty());
}

BOOST_AUTO_TEST_CASE(frequent_networks_are_found_among_many_and_never_overrated) {
  // Half of all comes from one network, a fifth from another, the rest from thousands.
  SeededRandom lot(6);
  for (int i = 0; i < 20'000; ++i) {
    const double u = lot.unit();
    const auto n = static_cast<unsigned>(lot.next() % 10'000);
    if (u < 0.5)
      seen(clients, "10.1.1.7");
    else if (u < 0.7)
      seen(clients, "10.2.2.7");
    else
      seen(clients, "172." + std::to_string(16 + n / 2560 % 16) + "." + std::to_string(n % 256) + ".1");
  }
  const auto shares = clients.shares(resolver, now);
  BOOST_REQUIRE(shares.size() == 16);
  BOOST_TEST(to_string(shares[0].network) == "10.1.1.0/24");
  BOOST_TEST(shares[0].share <= 0.51);
  BOOST_TEST(shares[0].share >= 0.45);
  BOOST_TEST(to_string(shares[1].network) == "10.2.2.0/24");
  BOOST_TEST(shares[1].share <= 0.21);
  BOOST_TEST(shares[1].share >= 0.15);
  for (std::size_t i = 2; i < shares.size(); ++i) BOOST_TEST(shares[i].share < 0.01);
  BOOST_TEST(clients.counters().replaced.get() > 1000);
}

BOOST_AUTO_TEST_CASE(invented_resolvers_evict_the_longest_unheard) {
  ResolverClientsOptions options;
  options.resolvers = 100;
  ResolverClients small(options, random);
  for (unsigned i = 0; i < 5000; ++i) {
    seen(small, "10.1.1.7");  // heard all the time
    small.seen(ip("203.0." + std::to_string(i / 250) + "." + std::to_string(i % 250)), ip("10.9.9.9"), now);
  }
  BOOST_TEST(small.size() == 100);
  BOOST_TEST(small.counters().evicted.get() == 4901);
  BOOST_TEST(small.weight(resolver, now) == 5000);
  BOOST_TEST(small.weight(ip("203.0.0.1"), now) == 0);
  BOOST_TEST(small.weight(ip("203.0.19.249"), now) == 1);
}

BOOST_AUTO_TEST_CASE(a_network_knows_its_resolvers_until_they_forget_it) {
  ResolverClientsOptions options;
  options.resolvers = 2;
  options.networks = 1;
  ResolverClients small(options, random);
  const IpAddress other = ip("203.0.113.53"), third = ip("203.0.113.54");
  small.seen(resolver, ip("10.1.1.7"), now);
  small.seen(other, ip("10.1.1.8"), now);
  BOOST_TEST(small.behind(ip("10.1.1.0")).size() == 2);
  small.seen(other, ip("10.2.2.7"), now);  // in the place of 10.1.1.0/24
  BOOST_TEST(small.behind(ip("10.1.1.0")).size() == 1);
  BOOST_TEST((small.behind(ip("10.2.2.0"))[0] == other));
  small.seen(third, ip("10.3.3.7"), now);  // in the place of the first resolver
  BOOST_TEST(small.behind(ip("10.1.1.0")).empty());
  BOOST_TEST((*small.network_of(*parse_prefix("10.3.3.7/32")) == ip("10.3.3.0")));
  BOOST_TEST(!small.network_of(*parse_prefix("10.3.0.0/16")));
}

BOOST_AUTO_TEST_CASE(a_network_that_comes_again_at_once_counts_once) {
  ResolverClientsOptions options;
  options.again = std::chrono::seconds(2);
  ResolverClients calm(options, random);
  for (int i = 0; i < 10; ++i) calm.seen(resolver, ip("10.1.1.7"), now);
  calm.seen(resolver, ip("10.2.2.7"), now);
  BOOST_TEST(calm.weight(resolver, now) == 2);
  BOOST_TEST(calm.counters().limited.get() == 9);
  now += std::chrono::seconds(2);
  calm.seen(resolver, ip("10.1.1.7"), now);
  BOOST_TEST(calm.weight(resolver, now) == 3, boost::test_tools::tolerance(1e-3));
}

BOOST_AUTO_TEST_CASE(time_that_runs_backwards_is_refused_and_counted) {
  seen(clients, "10.1.1.7");
  clients.seen(resolver, ip("10.1.1.7"), now - std::chrono::milliseconds(500));
  clients.seen(resolver, ip("10.1.1.7"), now - std::chrono::minutes(5));
  BOOST_TEST(clients.counters().refused.get() == 1);
  BOOST_TEST(clients.weight(resolver, now) == 2);
}

BOOST_AUTO_TEST_SUITE_END()
