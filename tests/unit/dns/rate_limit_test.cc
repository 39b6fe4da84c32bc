#include "common/dns/rate_limit.hh"

#include <boost/test/unit_test.hpp>

using namespace std::chrono_literals;
using flagfall::IpAddress;
using flagfall::MonoTime;
using flagfall::parse_ip;
using flagfall::SeededRandom;
using flagfall::dns::RateLimit;
using Verdict = RateLimit::Verdict;

namespace {

struct Tally {
  unsigned answered = 0, cut = 0, dropped = 0;
  bool operator==(const Tally&) const = default;
};

struct Rig {
  SeededRandom random{1};
  RateLimit limit;
  MonoTime now{1h};

  explicit Rig(const RateLimit::Options& options) : limit(options, random) {}
  Tally ask(const char* client, unsigned times) {
    Tally tally;
    for (unsigned i = 0; i < times; ++i) {
      switch (limit.judge(*parse_ip(client), now)) {
        case Verdict::answer:
          ++tally.answered;
          break;
        case Verdict::truncate:
          ++tally.cut;
          break;
        case Verdict::drop:
          ++tally.dropped;
          break;
      }
    }
    return tally;
  }
};

}  // namespace

namespace {
std::ostream& operator<<(std::ostream& out, const Tally& t) {
  return out << t.answered << " answered, " << t.cut << " cut, " << t.dropped << " dropped";
}
}  // namespace

BOOST_AUTO_TEST_SUITE(rate_limit)

BOOST_AUTO_TEST_CASE(a_network_has_its_burst_and_then_its_rate) {
  Rig rig({.network = {100, 10}});
  BOOST_TEST(rig.ask("192.0.2.1", 10) == (Tally{10, 0, 0}));
  BOOST_TEST(rig.ask("192.0.2.200", 4) == (Tally{0, 2, 2}));  // the same network
  BOOST_TEST(rig.ask("192.0.3.1", 10) == (Tally{10, 0, 0}));
  rig.now += 20ms;
  BOOST_TEST(rig.ask("192.0.2.1", 4) == (Tally{2, 1, 1}));
  rig.now += 1h;
  BOOST_TEST(rig.ask("192.0.2.1", 11).answered == 10U);
}

BOOST_AUTO_TEST_CASE(networks_are_as_long_as_they_are_said_to_be) {
  Rig rig({.network = {1, 1}, .prefix_v4 = 16, .prefix_v6 = 48});
  BOOST_TEST(rig.ask("192.0.2.1", 1).answered == 1U);
  BOOST_TEST(rig.ask("192.0.77.1", 1).answered == 0U);
  BOOST_TEST(rig.ask("192.1.2.1", 1).answered == 1U);
  BOOST_TEST(rig.ask("2001:db8::1", 1).answered == 1U);
  BOOST_TEST(rig.ask("2001:db8:0:ffff::1", 1).answered == 0U);
  BOOST_TEST(rig.ask("2001:db8:1::1", 1).answered == 1U);
  BOOST_TEST(rig.ask("c000:0200::", 1).answered == 1U);  // the octets of an IPv4 network
}

BOOST_AUTO_TEST_CASE(slip_says_how_many_are_told_to_come_over_tcp) {
  const auto over = [](unsigned slip) {
    Rig rig({.network = {1, 1}, .slip = slip});
    return rig.ask("192.0.2.1", 13);
  };
  BOOST_TEST(over(0) == (Tally{1, 0, 12}));
  BOOST_TEST(over(1) == (Tally{1, 12, 0}));
  BOOST_TEST(over(2) == (Tally{1, 6, 6}));
  BOOST_TEST(over(3) == (Tally{1, 4, 8}));
}

BOOST_AUTO_TEST_CASE(no_rate_is_no_limit) {
  Rig rig({.network = {0, 1}});
  BOOST_TEST(rig.ask("192.0.2.1", 100'000) == (Tally{100'000, 0, 0}));
}

BOOST_AUTO_TEST_CASE(a_flood_from_everywhere_takes_nothing_from_a_network_that_is_quiet) {
  Rig rig({.network = {200, 400}});
  unsigned limited = 0;
  for (unsigned i = 0; i < 200'000; ++i) {
    IpAddress from;
    const std::uint64_t r = rig.random.next();
    for (unsigned k = 0; k < 4; ++k) from.octets.at(k) = static_cast<std::uint8_t>(r >> 8 * k);
    if (rig.limit.judge(from, rig.now) != Verdict::answer) ++limited;
    if (i % 100 == 0) rig.now += 200us;  // half a million a second
  }
  BOOST_TEST(limited == 0U);
  BOOST_TEST(rig.ask("192.0.2.1", 400).answered == 400U);
}

BOOST_AUTO_TEST_SUITE_END()
