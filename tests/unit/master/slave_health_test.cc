#include "master/slave_health.hh"

#include <boost/test/unit_test.hpp>
#include <vector>

using flagfall::MonoTime;
using flagfall::master::SlaveHealth;
using flagfall::wire::RaceOutcome;
using Fate = RaceOutcome::Fate;
using namespace std::chrono_literals;

namespace {

/// A slave that reports every 200 ms.
struct Fixture {
  SlaveHealth health;
  MonoTime now = MonoTime(1000s);

  static std::vector<RaceOutcome> outcomes(unsigned count, Fate fate) {
    return {count, RaceOutcome{1, fate, {}, {}}};
  }
  bool report(unsigned refused, unsigned sent = 0, unsigned failed = 0) {
    auto all = outcomes(refused, Fate::refused);
    for (const auto& [count, fate] : {std::pair(sent, Fate::sent), std::pair(failed, Fate::failed)})
      for (const RaceOutcome& o : outcomes(count, fate)) all.push_back(o);
    now += 200ms;
    return health.add(all, now);
  }
  bool tick(flagfall::Nanos later) {
    now += later;
    return health.tick(now);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(slave_health)

BOOST_AUTO_TEST_CASE(who_refuses_most_orders_is_benched_and_comes_back) {
  Fixture f;
  BOOST_TEST(f.report(40, 1));
  BOOST_TEST(f.health.benched());
  BOOST_TEST(f.health.why() ==
             "is benched for 5 s: it refused 40 of 41 orders; see its [transmit] rate and queue");
  BOOST_TEST((f.health.next_deadline() == f.now + 5s));
  BOOST_TEST(!f.tick(4999ms));
  BOOST_TEST(f.tick(1ms));
  BOOST_TEST(!f.health.benched());
  BOOST_TEST(f.health.why().empty());
}

BOOST_AUTO_TEST_CASE(a_few_orders_or_more_good_than_bad_bench_nobody) {
  Fixture f;
  f.report(7);
  BOOST_TEST(!f.health.benched());
  Fixture mostly;
  for (int i = 0; i < 100; ++i) mostly.report(4, 5);
  BOOST_TEST(!mostly.health.benched());
  Fixture half;
  half.report(4, 4);
  BOOST_TEST(half.health.benched());
}

BOOST_AUTO_TEST_CASE(few_refusals_in_each_report_add_up_unless_they_are_long_ago) {
  Fixture f;
  for (int i = 0; i < 7; ++i) f.report(1);
  BOOST_TEST(!f.health.benched());
  f.report(1);
  BOOST_TEST(f.health.benched());
  Fixture seldom;
  for (int i = 0; i < 50; ++i) {
    seldom.report(1);
    seldom.tick(10s);
  }
  BOOST_TEST(!seldom.health.benched());
  BOOST_TEST(seldom.health.doubted());
}

BOOST_AUTO_TEST_CASE(a_long_good_record_does_not_hide_that_all_is_refused_now) {
  Fixture f;
  for (int i = 0; i < 500; ++i) f.report(0, 200);
  BOOST_TEST(!f.health.benched());
  BOOST_TEST(!f.health.doubted());
  BOOST_TEST(f.report(200));
  BOOST_TEST(f.health.benched());
}

BOOST_AUTO_TEST_CASE(answers_that_were_late_are_useful_and_dropped_ones_count_neither_way) {
  Fixture late;
  late.health.add(Fixture::outcomes(10, Fate::sent_late), late.now);
  late.report(9);
  BOOST_TEST(!late.health.benched());
  Fixture dropped;
  dropped.health.add(Fixture::outcomes(1000, Fate::dropped_late), dropped.now);
  BOOST_TEST(!dropped.health.doubted());
  BOOST_TEST((dropped.health.next_deadline() == MonoTime::max()));
  dropped.report(8);
  BOOST_TEST(dropped.health.benched());
}

BOOST_AUTO_TEST_CASE(each_bench_is_twice_as_long_up_to_a_minute_and_a_healthy_minute_forgives) {
  Fixture f;
  for (const auto length : {5s, 10s, 20s, 40s, 60s, 60s}) {
    BOOST_TEST(f.report(50));
    BOOST_TEST((f.health.next_deadline() == f.now + length));
    BOOST_TEST(f.tick(length));
    BOOST_TEST(!f.health.benched());
  }
  f.tick(59s);
  f.report(50);
  BOOST_TEST((f.health.next_deadline() == f.now + 60s));
  f.tick(120s);
  f.report(50);
  BOOST_TEST((f.health.next_deadline() == f.now + 5s));
}

BOOST_AUTO_TEST_CASE(what_is_reported_during_a_bench_neither_prolongs_it_nor_counts_afterwards) {
  Fixture f;
  f.report(50);
  const MonoTime end = f.health.next_deadline();
  for (int i = 0; i < 10; ++i) BOOST_TEST(!f.report(50));
  BOOST_TEST((f.health.next_deadline() == end));
  f.tick(end - f.now);
  BOOST_TEST(!f.health.benched());
  f.report(0, 1);
  BOOST_TEST(!f.health.benched());
}

BOOST_AUTO_TEST_CASE(one_refusal_is_doubted_for_a_minute) {
  Fixture f;
  BOOST_TEST(!f.report(0, 100));
  BOOST_TEST(f.report(1, 99));
  BOOST_TEST(f.health.doubted());
  BOOST_TEST(!f.health.benched());
  f.tick(30s);
  BOOST_TEST(!f.report(1, 99));  // known; but the minute starts anew
  BOOST_TEST(!f.tick(59s));
  BOOST_TEST(f.tick(1s));
  BOOST_TEST(!f.health.doubted());
  BOOST_TEST(!f.tick(1h));
}

BOOST_AUTO_TEST_CASE(a_new_process_starts_off_the_bench_but_the_doubt_about_the_old_one_stays) {
  Fixture f;
  f.report(50);
  f.tick(5s);
  f.report(50);
  f.health.restarted();
  BOOST_TEST(!f.health.benched());
  BOOST_TEST(f.health.why().empty());
  BOOST_TEST(f.health.doubted());
  f.report(7);
  BOOST_TEST(!f.health.benched());
  f.report(1);
  BOOST_TEST((f.health.next_deadline() == f.now + 5s));
}

BOOST_AUTO_TEST_CASE(the_reason_says_whether_it_would_not_or_could_not) {
  Fixture failed;
  failed.report(0, 2, 10);
  BOOST_TEST(failed.health.why() == "is benched for 5 s: it failed to send 10 of 12 answers; see its log");
  Fixture both;
  both.report(3, 1, 10);
  BOOST_TEST(
      both.health.why() ==
      "is benched for 5 s: it refused 3 and failed to send 10 of 14 orders; see its log and [transmit]");
}

BOOST_AUTO_TEST_CASE(counts_of_any_size_do_no_harm) {
  Fixture f;
  for (int i = 0; i < 200; ++i) f.report(2000, 2048);
  BOOST_TEST(!f.health.benched());
  BOOST_TEST(!f.health.add({}, f.now));
}

BOOST_AUTO_TEST_SUITE_END()
