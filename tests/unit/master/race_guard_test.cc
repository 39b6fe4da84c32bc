#include "master/race_guard.hh"

#include <boost/test/unit_test.hpp>

using flagfall::BucketLimit;
using flagfall::BucketTable;
using flagfall::Family;
using flagfall::IpAddress;
using flagfall::MonoTime;
using flagfall::Nanos;
using flagfall::SeededRandom;
using flagfall::TokenBucket;
using flagfall::master::Fallback;
using flagfall::master::GuardOptions;
using flagfall::master::RaceGuard;
using namespace std::chrono_literals;

namespace {

constexpr MonoTime kStart = MonoTime(Nanos(1'000'000'000));

IpAddress ip(const char* text) {
  return *flagfall::parse_ip(text);
}

/// 10.x.y.1 with x.y from n.
IpAddress network(std::uint32_t n) {
  IpAddress a = ip("10.0.0.1");
  a.octets[1] = static_cast<std::uint8_t>(n >> 8);
  a.octets[2] = static_cast<std::uint8_t>(n);
  return a;
}

struct Fixture {
  SeededRandom random{7};
  GuardOptions options;
  RaceGuard make(unsigned loops = 1) { return {options, loops, random}; }
};

unsigned races(RaceGuard& guard, const IpAddress& client, bool verified, unsigned tries, MonoTime now) {
  unsigned n = 0;
  for (unsigned i = 0; i < tries; ++i) n += guard.take(client, verified, now) ? 0 : 1;
  return n;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(race_guard)

BOOST_AUTO_TEST_CASE(a_network_gets_its_burst_and_then_its_rate) {
  Fixture f;
  RaceGuard guard = f.make();
  BOOST_TEST(races(guard, ip("192.0.2.1"), false, 100, kStart) == 20U);
  BOOST_TEST((guard.take(ip("192.0.2.1"), false, kStart) == Fallback::guard_prefix));
  BOOST_TEST(races(guard, ip("192.0.2.1"), false, 100, kStart + 199ms) == 0U);
  BOOST_TEST(races(guard, ip("192.0.2.1"), false, 100, kStart + 200ms) == 1U);
  BOOST_TEST(races(guard, ip("192.0.2.1"), false, 100, kStart + 1200ms) == 5U);
  BOOST_TEST(races(guard, ip("192.0.2.1"), false, 100, kStart + 1h) == 20U);
}

BOOST_AUTO_TEST_CASE(addresses_of_one_network_share_its_bucket_and_others_do_not) {
  Fixture f;
  RaceGuard guard = f.make();
  BOOST_TEST(races(guard, ip("192.0.2.1"), false, 15, kStart) == 15U);
  BOOST_TEST(races(guard, ip("192.0.2.254"), false, 15, kStart) == 5U);
  BOOST_TEST(races(guard, ip("192.0.3.1"), false, 15, kStart) == 15U);
  BOOST_TEST(races(guard, ip("2001:db8:0:100::1"), false, 15, kStart) == 15U);
  BOOST_TEST(races(guard, ip("2001:db8:0:1ff:ffff::2"), false, 15, kStart) == 5U);
  BOOST_TEST(races(guard, ip("2001:db8:0:200::1"), false, 15, kStart) == 15U);
}

BOOST_AUTO_TEST_CASE(an_ipv4_and_an_ipv6_network_of_equal_bits_are_different) {
  Fixture f;
  RaceGuard guard = f.make();
  BOOST_TEST(races(guard, ip("32.1.13.1"), false, 50, kStart) == 20U);
  BOOST_TEST(races(guard, ip("2001:d00::"), false, 50, kStart) == 20U);
}

BOOST_AUTO_TEST_CASE(the_total_bounds_all_networks_together_and_refuses_without_charging_the_network) {
  Fixture f;
  f.options.total = {100, 200};
  RaceGuard guard = f.make();
  unsigned n = 0;
  for (std::uint32_t i = 0; i < 1000; ++i) n += guard.take(network(i), false, kStart) ? 0 : 1;
  BOOST_TEST(n == 200U);
  BOOST_TEST((guard.take(network(999), false, kStart) == Fallback::guard_total));
  // 100 more come back in a second; network 999 still has all its 20.
  BOOST_TEST(races(guard, network(999), false, 100, kStart + 1s) == 20U);
}

BOOST_AUTO_TEST_CASE(the_total_is_split_evenly_over_the_loops) {
  Fixture f;
  f.options.total = {100, 200};
  RaceGuard first = f.make(4);
  unsigned n = 0;
  for (std::uint32_t i = 0; i < 1000; ++i) n += first.take(network(i), false, kStart) ? 0 : 1;
  BOOST_TEST(n == 50U);
}

BOOST_AUTO_TEST_CASE(verified_sources_have_buckets_of_their_own) {
  Fixture f;
  f.options.verified_prefix = {10, 30};
  RaceGuard guard = f.make();
  BOOST_TEST(races(guard, ip("192.0.2.1"), false, 100, kStart) == 20U);
  BOOST_TEST(races(guard, ip("192.0.2.1"), true, 100, kStart) == 30U);
  BOOST_TEST((guard.take(ip("192.0.2.1"), true, kStart) == Fallback::guard_prefix));
}

BOOST_AUTO_TEST_CASE(never_means_never_for_unverified_sources_only) {
  Fixture f;
  f.options.unverified = GuardOptions::Unverified::never;
  RaceGuard guard = f.make();
  BOOST_TEST((guard.take(ip("192.0.2.1"), false, kStart) == Fallback::unverified_never));
  BOOST_TEST(!guard.take(ip("192.0.2.1"), true, kStart));
}

BOOST_AUTO_TEST_CASE(a_rate_of_zero_gives_no_race) {
  Fixture f;
  f.options.prefix = {0, 20};
  RaceGuard guard = f.make();
  BOOST_TEST((guard.take(ip("192.0.2.1"), false, kStart) == Fallback::guard_prefix));
}

BOOST_AUTO_TEST_CASE(a_million_invented_networks_get_the_total_and_no_more) {
  Fixture f;
  f.options.prefix_v4 = 32;
  RaceGuard guard = f.make();
  unsigned n = 0;
  for (std::uint32_t i = 0; i < 1'000'000; ++i) {
    IpAddress a = ip("10.0.0.0");
    a.octets[1] = static_cast<std::uint8_t>(i >> 16);
    a.octets[2] = static_cast<std::uint8_t>(i >> 8);
    a.octets[3] = static_cast<std::uint8_t>(i);
    n += guard.take(a, false, kStart + i * 10us) ? 0 : 1;  // 10 s, 100,000 queries a second
  }
  BOOST_TEST(n <= 2000U + 10U * 1000U);
  BOOST_TEST(n >= 2000U + 9U * 1000U);
}

BOOST_AUTO_TEST_CASE(a_flood_of_networks_never_wins_a_network_more_than_its_budget) {
  Fixture f;
  f.options.total = {1e6, 1e6};
  f.options.prefix_v4 = 32;
  RaceGuard guard = f.make();
  unsigned greedy = 0;
  for (std::uint32_t i = 0; i < 300'000; ++i) {
    IpAddress a = ip("10.0.0.0");
    a.octets[1] = static_cast<std::uint8_t>(i >> 16);
    a.octets[2] = static_cast<std::uint8_t>(i >> 8);
    a.octets[3] = static_cast<std::uint8_t>(i);
    (void)guard.take(a, false, kStart + i * 10us);
    greedy += guard.take(ip("192.0.2.1"), false, kStart + i * 10us) ? 0 : 1;
  }
  BOOST_TEST(greedy <= 20U + 3U * 5U);
}

BOOST_AUTO_TEST_CASE(a_full_table_refuses_newcomers_instead_of_forgetting_who_has_spent) {
  BucketTable table(1);
  std::uint64_t refused = 0;
  for (std::uint64_t i = 0; i < 4 * table.capacity(); ++i) {
    MonoTime* bucket = table.find(i * 0x9e3779b97f4a7c15U, kStart);
    if (bucket == nullptr) {
      ++refused;
    } else {
      *bucket = kStart + 1s;
    }
  }
  BOOST_TEST(refused >= 3 * table.capacity());
  BOOST_TEST(table.busy(kStart) <= table.capacity());
  // A second later all are full again, and so may go.
  BOOST_TEST(table.busy(kStart + 1s) == 0U);
  BOOST_TEST(table.find(12345, kStart + 1s) != nullptr);
}

BOOST_AUTO_TEST_CASE(huge_and_tiny_limits_do_not_overflow) {
  const TokenBucket slow({1e-12, 1e12});
  const MonoTime late(Nanos(std::int64_t{1} << 61));
  MonoTime state;
  for (int i = 0; i < 2; ++i) {
    BOOST_TEST(slow.may_take(state, late));
    state = slow.take(state, late);
  }
  BOOST_TEST((state > late));
  BOOST_TEST(!slow.may_take(state, late));
  const TokenBucket fast({1e12, 1});
  BOOST_TEST(fast.may_take(MonoTime(), kStart));
  BOOST_TEST(fast.cost().count() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
