#include "master/attend.hh"

#include <boost/test/unit_test.hpp>

using flagfall::MonoTime;
using flagfall::Nanos;
using flagfall::master::Attend;
using namespace std::chrono_literals;

namespace {

constexpr MonoTime kStart = MonoTime(Nanos(1'000'000'000));

/// Whether it stays at the socket after a burst.
bool after(Attend& attend, MonoTime begun, unsigned queries, unsigned races) {
  attend.burst(begun, queries, races);
  return attend.again();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(attend)

BOOST_AUTO_TEST_CASE(queries_that_come_now_and_then_are_the_event_loops) {
  Attend attend;
  for (int i = 0; i < 5; ++i) BOOST_TEST(!after(attend, kStart + i * (Attend::kDense + 1us), 1, 0));
}

BOOST_AUTO_TEST_CASE(ordinary_answers_that_come_densely_are_attended) {
  Attend attend;
  BOOST_TEST(!after(attend, kStart, 1, 0));
  BOOST_TEST(after(attend, kStart + 100us, 1, 0));
  BOOST_TEST(after(attend, kStart + 200us, 9, 4));
}

BOOST_AUTO_TEST_CASE(races_are_not) {
  Attend attend;
  (void)after(attend, kStart, 1, 0);
  BOOST_TEST(!after(attend, kStart + 100us, 1, 1));
  BOOST_TEST(!after(attend, kStart + 200us, 4, 2));
}

BOOST_AUTO_TEST_CASE(the_event_loop_gets_its_turn_in_time) {
  Attend attend;
  (void)after(attend, kStart, 1, 0);
  MonoTime now = kStart;
  do {
    now += 100us;
    BOOST_REQUIRE(now < kStart + 100ms);
  } while (after(attend, now, 1, 0));
  BOOST_TEST((now - kStart <= Attend::kMost + 200us));
  BOOST_TEST((now - kStart >= Attend::kMost));
  BOOST_TEST(!after(attend, now + 100us, 1, 0));  // until it has had it
  attend.turn();
  BOOST_TEST(after(attend, now + 200us, 1, 0));
}

BOOST_AUTO_TEST_CASE(a_wait_that_brought_nothing_ends_it) {
  Attend attend;
  (void)after(attend, kStart, 1, 0);
  BOOST_TEST(after(attend, kStart + 100us, 1, 0));
  BOOST_TEST(!attend.again());
}

BOOST_AUTO_TEST_SUITE_END()
