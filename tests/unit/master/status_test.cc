#include "master/status.hh"

#include <boost/test/unit_test.hpp>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;
using Fate = wire::RaceOutcome::Fate;

BOOST_AUTO_TEST_SUITE(status)

BOOST_AUTO_TEST_CASE(why_the_clock_forbids_races_is_one_line) {
  const MonoTime now(100s);
  clocksync::RefMap clock;
  BOOST_TEST(master::clock_why_not(clock, 5ms, now) == "not known yet");
  clock.why = "chronyd at 127.0.0.1:323 does not answer";
  BOOST_TEST(master::clock_why_not(clock, 5ms, now) == clock.why);
  clock.status = wire::ClockStatus::synchronised;
  clock.measured = now;
  clock.bound = 1ms;
  BOOST_TEST(master::clock_why_not(clock, 5ms, now).empty());
  clock.bound = 6ms;
  BOOST_TEST(master::clock_why_not(clock, 5ms, now) == "its bound of 6.000 ms is above clock.max_error, 5ms");
  clock.bound = 1ms;
  clock.measured = now - 90s;  // grown with age
  BOOST_TEST(!master::clock_why_not(clock, 5ms, now).empty());
  clock.measured = now;
  clock.status = wire::ClockStatus::free_running;
  BOOST_TEST(master::clock_why_not(clock, 5ms, now) == "its source has fallen silent");
}

BOOST_AUTO_TEST_CASE(outcomes_add_up_to_the_share_on_time) {
  master::SlaveStats stats;
  BOOST_TEST(!stats.on_time_share().has_value());
  stats.add({{1, Fate::sent, 10ms, -3us},
             {2, Fate::sent, 11ms, 4us},
             {3, Fate::sent_late, 30ms, 5ms},
             {4, Fate::dropped_late, 31ms, 0ns},
             {5, Fate::refused, 10ms, 0ns}});
  BOOST_TEST(stats.on_time_share().value() == 0.5);
  BOOST_TEST(stats.count(Fate::refused) == 1U);
  BOOST_TEST(stats.one_way.count() == 5U);
  BOOST_TEST(stats.transmit_error.count() == 2U);  // of those on time: how far off, either way
  BOOST_TEST((stats.transmit_error.max() == 4us));
}

BOOST_AUTO_TEST_CASE(shadows_are_on_time_when_they_were_ready) {
  master::SlaveStats stats;
  stats.add({{1, Fate::withheld, 10ms, 0ns},
             {2, Fate::withheld, 11ms, 0ns},
             {3, Fate::withheld, 12ms, 0ns},
             {4, Fate::withheld, 30ms, 5ms}});
  BOOST_TEST(stats.on_time_share().value() == 0.75);
  BOOST_TEST(stats.count(Fate::withheld) == 4U);
}

BOOST_AUTO_TEST_SUITE_END()
