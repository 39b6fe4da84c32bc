#include "master/report_limit.hh"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using master::ReportLimit;
using namespace std::chrono_literals;

namespace {

const IpAddress kClient = *parse_ip("198.51.100.7");
const MonoTime kStart(Nanos(1h));

int taken(ReportLimit& limit, const IpAddress& client, MonoTime now, int wanted = 1000) {
  int n = 0;
  for (int i = 0; i < wanted; ++i) n += limit.take(client, now) ? 1 : 0;
  return n;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(report_limit)

BOOST_AUTO_TEST_CASE(a_client_has_a_burst_and_then_a_rate) {
  SeededRandom random(1);
  ReportLimit limit(random);
  BOOST_TEST(taken(limit, kClient, kStart) == 60);
  BOOST_TEST(taken(limit, kClient, kStart + 1s) == 20);
  BOOST_TEST(taken(limit, kClient, kStart + 1h) == 60);
}

BOOST_AUTO_TEST_CASE(another_client_is_not_held_back_by_it) {
  SeededRandom random(2);
  ReportLimit limit(random);
  (void)taken(limit, kClient, kStart);
  BOOST_TEST(taken(limit, *parse_ip("198.51.100.8"), kStart) == 60);
}

BOOST_AUTO_TEST_CASE(an_ipv6_client_is_its_64) {
  SeededRandom random(3);
  ReportLimit limit(random);
  BOOST_TEST(taken(limit, *parse_ip("2001:db8::1"), kStart) == 60);
  BOOST_TEST(taken(limit, *parse_ip("2001:db8::2:3:4:5"), kStart) == 0);
  BOOST_TEST(taken(limit, *parse_ip("2001:db8:0:1::1"), kStart) == 60);
}

BOOST_AUTO_TEST_CASE(all_clients_together_have_a_limit) {
  SeededRandom random(4);
  ReportLimit limit(random);
  int n = 0;
  for (int i = 0; i < 250; ++i) n += taken(limit, *parse_ip("203.0.113." + std::to_string(i)), kStart, 10);
  BOOST_TEST(n == 600);
  BOOST_TEST(taken(limit, kClient, kStart + 1s) == 60);
}

BOOST_AUTO_TEST_SUITE_END()
