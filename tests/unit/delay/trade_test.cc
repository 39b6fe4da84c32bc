#include "delay/trade.hh"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "common/base/random.hh"

using namespace std::chrono_literals;
using namespace flagfall::delay;  // NOLINT(*-using-namespace)
using flagfall::Nanos;
using flagfall::SeededRandom;

namespace {

constexpr Nanos kNone = NeedsTable::kAbsent;

NeedsTable table(const std::vector<std::vector<Nanos>>& races) {
  NeedsTable out(races.front().size());
  for (const auto& race : races) out.add(race);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(trade)

BOOST_AUTO_TEST_CASE(the_joint_share_comes_from_the_races_and_not_from_the_slaves_shares) {
  // Each slave is late in half of the races with 20 ms: in the same ones, or in turns.
  const Trade same(table({{10ms, 10ms}, {30ms, 30ms}}), {});
  const Trade turns(table({{10ms, 30ms}, {30ms, 10ms}}), {});
  for (const Trade* each : {&same, &turns}) {
    BOOST_TEST(each->slave(0, 20ms).value == 0.5);
    BOOST_TEST(each->slave(1, 20ms).value == 0.5);
  }
  BOOST_TEST(same.together(20ms).value == 0.5);
  BOOST_TEST(turns.together(20ms).value == 0.0);
}

BOOST_AUTO_TEST_CASE(a_delay_of_exactly_what_is_needed_is_enough) {
  const Trade trade(table({{10ms}}), {});
  BOOST_TEST(trade.together(10ms).value == 1.0);
  BOOST_TEST(trade.together(10ms - 1ns).value == 0.0);
}

BOOST_AUTO_TEST_CASE(who_was_not_in_a_race_is_not_waited_for) {
  const Trade trade(table({{10ms, kNone}, {10ms, 50ms}, {kNone, 50ms}}), {});
  BOOST_TEST(trade.races() == 3U);
  BOOST_TEST(trade.together(20ms).value == 1.0 / 3, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(trade.slave(0, 20ms).value == 1.0);
  BOOST_TEST(trade.slave(0, 20ms).of == 2U);
  BOOST_TEST(trade.slave(1, 20ms).value == 0.0);
}

BOOST_AUTO_TEST_CASE(with_nearest_only_the_slaves_that_need_least_count) {
  const Trade trade(table({{40ms, 10ms, 20ms}, {40ms, 12ms, 22ms}, {5ms, kNone, kNone}, {40ms, 11ms, 21ms}}),
                    {.nearest = 2});
  BOOST_TEST(trade.counted() == std::vector<bool>({false, true, true}), boost::test_tools::per_element());
  BOOST_TEST(trade.races() == 3U);  // in one race, neither was
  BOOST_TEST(trade.together(22ms).value == 1.0);
  BOOST_TEST(trade.slave(0, 22ms).value == 0.25);  // still shown
}

BOOST_AUTO_TEST_CASE(a_slave_that_never_raced_is_not_among_the_nearest) {
  const Trade trade(table({{kNone, 30ms}, {kNone, 31ms}}), {.nearest = 1});
  BOOST_TEST(!trade.counted()[0]);
  BOOST_TEST(trade.counted()[1]);
  BOOST_TEST(trade.slave(0, 1s).of == 0U);
}

BOOST_AUTO_TEST_CASE(quantiles_are_the_least_delays_that_reach_them) {
  std::vector<std::vector<Nanos>> races;
  for (int i = 100; i >= 1; --i) races.push_back({Nanos(1ms) * i});
  const Trade trade(table(races), {});
  for (const double q : {0.01, 0.07, 0.29, 0.5, 0.57, 0.95, 0.99, 1.0}) {
    BOOST_TEST((trade.quantile(q) == std::chrono::milliseconds(std::lround(q * 100))), "quantile " << q);
    BOOST_TEST(trade.together(trade.quantile(q)).value >= q - 1e-12);
    BOOST_TEST(trade.together(trade.quantile(q) - 1ns).value < q - 1e-12);
  }
  BOOST_CHECK(trade.quantile(0) == 1ms);
}

BOOST_AUTO_TEST_CASE(the_nearest_surely_wins_when_it_is_on_time_or_the_least_late) {
  // Race 1: slave 0 needs less than slave 1. Race 2: the other way round.
  const auto rows = table({{10ms, 30ms}, {40ms, 20ms}});
  const Trade trade(rows, {});
  // At 0, both are late: in each race one is late by less, and wins where it is nearest.
  BOOST_TEST(*trade.nearest_wins(0ms) == 0.5);
  BOOST_TEST(*trade.nearest_wins(30ms) == 0.75);  // slave 1 is on time always, slave 0 in race 1
  BOOST_TEST(*trade.nearest_wins(40ms) == 1.0);
  // When late ones are dropped, who is late does not win.
  const Trade strict(rows, {.late_drops = true});
  BOOST_TEST(*strict.nearest_wins(0ms) == 0.0);
  BOOST_TEST(*strict.nearest_wins(30ms) == 0.75);
}

BOOST_AUTO_TEST_CASE(the_nearest_ones_chance_goes_by_how_many_clients_have_which_nearest) {
  const auto rows = table({{10ms, 30ms}, {10ms, 30ms}});
  BOOST_TEST(*Trade(rows, {.weights = {1, 0}}).nearest_wins(20ms) == 1.0);
  BOOST_TEST(*Trade(rows, {.weights = {0, 1}}).nearest_wins(20ms) == 0.0);
  BOOST_TEST(*Trade(rows, {.weights = {3, 1}}).nearest_wins(20ms) == 0.75);
  BOOST_TEST(*Trade(rows, {.weights = {0, 0}}).nearest_wins(20ms) == 0.5);  // nothing known: alike
  BOOST_TEST(*Trade(rows, {}).nearest_wins(20ms) == 0.5);
}

BOOST_AUTO_TEST_CASE(without_races_nothing_is_claimed) {
  const Trade trade(NeedsTable(3), {});
  BOOST_TEST(trade.races() == 0U);
  BOOST_TEST(trade.together(1s).of == 0U);
  BOOST_TEST(trade.together(1s).low == 0.0);
  BOOST_TEST(trade.together(1s).high == 1.0);
  BOOST_TEST(!trade.nearest_wins(1s));
  BOOST_CHECK(trade.quantile(0.5) == Nanos(0));
}

BOOST_AUTO_TEST_CASE(wilsons_interval_is_the_published_one) {
  // 81 of 263: 0.2553 to 0.3662 (Newcombe, Statistics in Medicine 17, 1998, table I).
  const Share share = share_of(81, 263);
  BOOST_TEST(share.low == 0.2553, boost::test_tools::tolerance(2e-4));
  BOOST_TEST(share.high == 0.3662, boost::test_tools::tolerance(2e-4));
  const Share none = share_of(0, 20);
  BOOST_TEST(none.low == 0.0);
  BOOST_TEST(none.high == 0.1611, boost::test_tools::tolerance(1e-3));
  BOOST_TEST(share_of(10, 10).high == 1.0);
}

BOOST_AUTO_TEST_CASE(the_interval_holds_the_truth_in_about_95_of_100_cases) {
  SeededRandom random(4);
  int held = 0;
  for (int i = 0; i < 400; ++i) {
    std::uint64_t on_time = 0;
    for (int k = 0; k < 500; ++k) on_time += random.unit() < 0.98 ? 1 : 0;
    const Share share = share_of(on_time, 500);
    held += share.low <= 0.98 && 0.98 <= share.high ? 1 : 0;
  }
  BOOST_TEST(held >= 365);
  BOOST_TEST(held <= 398);
}

BOOST_AUTO_TEST_SUITE_END()
