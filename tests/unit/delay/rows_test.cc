#include "delay/rows.hh"

#include <boost/test/unit_test.hpp>
#include <set>

using namespace std::chrono_literals;
using flagfall::from_ns;
using flagfall::MonoTime;
using flagfall::Nanos;
using flagfall::delay::Row;
using flagfall::delay::Rows;
using flagfall::race::Fate;
using flagfall::race::OrderTiming;

namespace {

const auto kStart = from_ns<MonoTime>(1'000'000'000'000);

OrderTiming timing(std::uint64_t race, std::uint16_t slave, Nanos one_way, Nanos delay = 25ms) {
  const bool late = 1ms + one_way > delay;
  return {race, 0, slave, late ? Fate::sent_late : Fate::sent, delay, 1ms, one_way, 100us};
}

std::size_t count(const Rows& rows) {
  return rows.settled_rows(kStart + 1h).size();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rows)

BOOST_AUTO_TEST_CASE(reports_of_one_race_make_one_row_whenever_they_come) {
  Rows rows;
  rows.add(timing(7, 0, 10ms), kStart);
  rows.add(timing(8, 0, 11ms), kStart);
  rows.add(timing(8, 2, 30ms), kStart + 300ms);
  rows.add(timing(7, 2, 20ms), kStart + 900ms);
  BOOST_REQUIRE(rows.size() == 2);
  const Row& first = rows[0];
  BOOST_TEST(first.race == 7);
  BOOST_CHECK(first.at == kStart);
  BOOST_REQUIRE(first.count == 2);
  BOOST_CHECK((first.needs[0] == flagfall::delay::Need{0, true, 11ms}));
  BOOST_CHECK((first.needs[1] == flagfall::delay::Need{2, true, 21ms}));
  BOOST_CHECK((rows[1].needs[1] == flagfall::delay::Need{2, false, 31ms}));
  BOOST_TEST(!Rows::settled(first, kStart + 1s));
  BOOST_TEST(Rows::settled(first, kStart + 3s));
}

BOOST_AUTO_TEST_CASE(a_rows_number_stays_while_the_oldest_ones_go) {
  Rows rows;
  BOOST_TEST(rows.first_number() == 0U);
  MonoTime now = kStart;
  for (std::uint64_t race = 0; race < Rows::kMost + 10; ++race) rows.add(timing(race, 0, 10ms), now += 10ms);
  BOOST_TEST(rows.first_number() == 10U);
  BOOST_TEST(rows[0].race == 10U);
  BOOST_TEST(rows[25].race == rows.first_number() + 25);
}

BOOST_AUTO_TEST_CASE(who_was_late_needed_more_than_its_delay_and_who_was_not_no_more) {
  const auto need = flagfall::delay::needed;
  OrderTiming t = timing(1, 0, 24ms - 20us);
  BOOST_CHECK(need(t) == 25ms - 20us);
  t.fate = Fate::sent_late;  // it was in time, but its answer was not ready
  BOOST_CHECK(need(t) == 25ms + 1ns);
  t.fate = Fate::dropped_late;
  t.one_way = 40ms;
  BOOST_CHECK(need(t) == 41ms);
  t.fate = Fate::sent;
  BOOST_CHECK(need(t) == 25ms);
  t.one_way = -3ms;  // clocks differ
  BOOST_CHECK(need(t) == 0ns);
}

BOOST_AUTO_TEST_CASE(what_was_not_sent_on_purpose_counts_by_its_time_alone) {
  Rows rows;
  OrderTiming t = timing(1, 0, 10ms);
  t.fate = Fate::withheld;
  rows.add(t, kStart);
  t.slave = 1;
  t.one_way = 30ms;
  rows.add(t, kStart);
  BOOST_REQUIRE(rows[0].count == 2);
  BOOST_TEST(rows[0].needs[0].on_time);
  BOOST_TEST(!rows[0].needs[1].on_time);
  BOOST_CHECK(rows[0].needs[1].needed == 31ms);
}

BOOST_AUTO_TEST_CASE(refused_and_failed_orders_and_a_second_report_change_nothing) {
  Rows rows;
  for (const Fate fate : {Fate::refused, Fate::failed, Fate::unreported}) {
    OrderTiming t = timing(1, 0, 10ms);
    t.fate = fate;
    rows.add(t, kStart);
  }
  BOOST_TEST(rows.size() == 0);
  rows.add(timing(1, 0, 10ms), kStart);
  rows.add(timing(1, 0, 99ms), kStart);
  BOOST_TEST(rows.size() == 1);
  BOOST_TEST(rows[0].count == 1);
  BOOST_CHECK(rows[0].needs[0].needed == 11ms);
}

BOOST_AUTO_TEST_CASE(a_row_has_room_for_the_largest_race_and_for_no_more) {
  Rows rows;
  for (std::uint16_t slave = 0; slave < 20; ++slave) rows.add(timing(1, slave, 10ms), kStart);
  BOOST_TEST(rows[0].count == flagfall::race::kMostRunners);
}

BOOST_AUTO_TEST_CASE(the_oldest_rows_go_and_are_not_joined_any_more) {
  Rows rows;
  MonoTime now = kStart;
  for (std::uint64_t race = 0; race < Rows::kMost + 100; ++race, now += 5ms)
    rows.add(timing(race, 0, 10ms), now);
  BOOST_TEST(rows.level() == 0);
  BOOST_TEST(rows.size() == Rows::kMost);
  BOOST_TEST(rows[0].race == 100);
  BOOST_TEST(rows[Rows::kMost - 1].race == Rows::kMost + 99);
  rows.add(timing(99, 1, 10ms), now);  // gone: a row of its own
  BOOST_TEST(rows[0].race == 101);
  BOOST_TEST(rows[Rows::kMost - 1].count == 1);
}

BOOST_AUTO_TEST_CASE(of_many_races_a_sample_is_kept_whose_rows_are_whole) {
  Rows rows;
  MonoTime now = kStart;
  std::uint64_t race = 1000;
  // 20,000 races a second, then 300; two slaves, the second of which reports each second's races half a
  // second after the first.
  const auto second = [&](std::uint64_t races) {
    for (std::uint64_t i = 0; i < races; ++i) rows.add(timing(race + i, 0, 10ms), now);
    now += 500ms;
    for (std::uint64_t i = 0; i < races; ++i) rows.add(timing(race + i, 1, 20ms), now);
    race += races;
    now += 500ms;
  };
  const auto partial = [&] {
    std::size_t n = 0;
    for (const Row& row : rows.settled_rows(now + 10s)) n += row.count != 2 ? 1 : 0;
    return n;
  };
  for (int i = 0; i < 20; ++i) second(20000);
  BOOST_TEST(partial() == 0);
  const std::size_t before = rows.first_of(now, 20s, 0, 1h);
  for (int i = 0; i < 20; ++i) second(20000);
  const std::size_t in_20s = rows.size() - rows.first_of(now, 20s, 0, 1h);
  BOOST_TEST_CONTEXT("rows of 20 s: " << in_20s << ", before " << before) {
    BOOST_TEST(in_20s >= 20 * Rows::kPerSecond * 2 / 5);
    BOOST_TEST(in_20s <= 20 * Rows::kPerSecond * 11 / 10);
  }
  for (int i = 0; i < 60; ++i) second(300);
  BOOST_TEST(partial() == 0);
  BOOST_TEST(rows.level() <= 1);
}

BOOST_AUTO_TEST_CASE(the_sample_is_not_of_neighbours) {
  Rows rows;
  MonoTime now = kStart;
  for (std::uint64_t race = 0; race < 200000; ++race, now += 100us) rows.add(timing(race, 0, 10ms), now);
  BOOST_REQUIRE(rows.level() >= 4);
  std::set<std::uint64_t> distances;
  for (std::size_t i = rows.size() - 200; i < rows.size(); ++i)
    distances.insert(rows[i].race - rows[i - 1].race);
  BOOST_TEST(distances.size() > 50);
}

BOOST_AUTO_TEST_CASE(a_window_reaches_back_until_it_has_enough_but_not_for_ever) {
  Rows rows;
  for (int i = 0; i < 100; ++i) rows.add(timing(static_cast<std::uint64_t>(i), 0, 10ms), kStart + i * 10s);
  const MonoTime now = kStart + 990s;
  BOOST_TEST(rows.first_of(now, 30s, 0, 10min) == 96);
  BOOST_TEST(rows.first_of(now, 30s, 20, 10min) == 80);
  BOOST_TEST(rows.first_of(now, 30s, 100, 10min) == 39);
  BOOST_TEST(rows.first_of(now + 1h, 30s, 100, 10min) == rows.size());
  BOOST_TEST(Rows().first_of(now, 30s, 100, 10min) == 0);
  BOOST_TEST(count(rows) == 100);
}

BOOST_AUTO_TEST_SUITE_END()
