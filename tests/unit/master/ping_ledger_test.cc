// Results that nobody asked for are no evidence, and asking has a limit.
#include "master/ping_ledger.hh"

#include <boost/test/unit_test.hpp>

#include "common/wire/evidence.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using master::PingLedger;
using std::chrono::seconds;

namespace {

constexpr MonoTime kStart(seconds(1000));

IpAddress host(unsigned n) {
  return ip_from_bytes(std::array{std::uint8_t{10}, static_cast<std::uint8_t>(n >> 16),
                                  static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ping_ledger)

BOOST_AUTO_TEST_CASE(a_result_settles_its_order_once) {
  PingLedger ledger;
  const std::vector asked{host(1), host(2)};
  BOOST_TEST(ledger.order(asked, seconds(1), kStart).size() == 2U);
  BOOST_TEST(!ledger.settle(host(3), kStart));
  BOOST_TEST(ledger.settle(host(1), kStart));
  BOOST_TEST(!ledger.settle(host(1), kStart));
  BOOST_TEST(ledger.size() == 1U);
}

BOOST_AUTO_TEST_CASE(who_waits_is_not_asked_again_until_his_time_is_over) {
  PingLedger ledger;
  const std::vector asked{host(1), host(1), *parse_ip("224.0.0.1"), *parse_ip("255.255.255.255")};
  BOOST_TEST(ledger.order(asked, seconds(1), kStart).size() == 1U);
  BOOST_TEST(ledger.order(asked, seconds(1), kStart + seconds(2)).empty());
  const MonoTime over = kStart + seconds(1) + PingLedger::kGrace;
  BOOST_TEST(!ledger.settle(host(1), over));  // too late
  BOOST_TEST(ledger.order(asked, seconds(1), over).size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_ledger_is_bounded_and_what_is_over_makes_room) {
  PingLedger ledger;
  std::vector<IpAddress> many;
  for (unsigned i = 1; i <= PingLedger::kMost + 100; ++i) many.push_back(host(i));
  BOOST_TEST(ledger.order(many, seconds(1), kStart).size() == PingLedger::kMost);
  BOOST_TEST(ledger.order(std::vector{host(70000)}, seconds(1), kStart).empty());
  BOOST_TEST(ledger.order(many, seconds(1), kStart + seconds(7)).size() == PingLedger::kMost);
}

BOOST_AUTO_TEST_SUITE_END()
