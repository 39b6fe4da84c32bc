#include "master/race_core.hh"

#include <boost/test/unit_test.hpp>
#include <map>
#include <set>

using flagfall::as_bytes;
using flagfall::IpAddress;
using flagfall::MonoTime;
using flagfall::Nanos;
using flagfall::RealTime;
using flagfall::RefTime;
using flagfall::SeededRandom;
using flagfall::master::BurstTimes;
using flagfall::master::Fallback;
using flagfall::master::name_of;
using flagfall::master::RaceCore;
using flagfall::master::RaceOptions;
using flagfall::master::RacePlan;
using flagfall::master::RaceQuestion;
using flagfall::master::received_at;
using flagfall::master::Snapshot;
using flagfall::wire::ClockStatus;
using namespace std::chrono_literals;

namespace {

constexpr MonoTime kNow = MonoTime(Nanos(50'000'000'000));
constexpr Nanos kRefOffset = Nanos(1'700'000'000'000'000'000);

struct Fixture {
  SeededRandom random{11};
  RaceOptions options;
  Snapshot snapshot;
  RaceQuestion question;
  BurstTimes times{kNow, Nanos(0)};

  Fixture() {
    options.most_request = 512;
    snapshot.slaves.resize(3);
    snapshot.services.resize(1);
    auto& service = snapshot.services[0];
    service.delay = 25ms;
    service.has_v4 = true;
    for (std::uint16_t i = 0; i < 3; ++i) service.v4.push_back({i, 0, 0b11});
    snapshot.clock.offset = kRefOffset;
    snapshot.clock.bound = 1ms;
    snapshot.clock.measured = kNow;
    snapshot.clock.status = ClockStatus::synchronised;
    snapshot.max_error = 5ms;
    question.client = *flagfall::parse_ip("192.0.2.77");
    question.name = as_bytes("\1a");
    question.type = 1;
    question.request_size = 40;
    question.received = kNow - 1ms;
  }
  RaceCore make(unsigned loop = 0, unsigned loops = 1) { return {options, loop, loops, 1000, random}; }
};

std::string reason(const RacePlan& plan) {
  return plan.race ? "race" : std::string(name_of(plan.why));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(race_core)

BOOST_AUTO_TEST_CASE(a_race_gets_all_fit_slaves_and_the_instant_is_the_receipt_plus_the_delay) {
  Fixture f;
  RaceCore core = f.make();
  const RacePlan plan = core.decide(f.snapshot, f.question, f.times);
  BOOST_TEST(reason(plan) == "race");
  BOOST_TEST(plan.count == 3U);
  BOOST_TEST(to_ns(plan.instant) == to_ns(kNow) - 1'000'000 + 25'000'000 + kRefOffset.count());
}

BOOST_AUTO_TEST_CASE(with_timestamp_dequeue_the_instant_counts_from_the_taking_off_the_queue) {
  Fixture f;
  f.options.timestamp = RaceOptions::Timestamp::dequeue;
  RaceCore core = f.make();
  const RacePlan plan = core.decide(f.snapshot, f.question, f.times);
  BOOST_TEST(to_ns(plan.instant) == to_ns(kNow) + 25'000'000 + kRefOffset.count());
}

BOOST_AUTO_TEST_CASE(race_ids_never_repeat_within_a_loop_or_between_loops) {
  Fixture f;
  f.options.guard.total = f.options.guard.prefix = {1e6, 1e6};
  RaceCore one = f.make(0, 2);
  RaceCore two = f.make(1, 2);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string name = std::to_string(i);
    f.question.name = as_bytes(name);
    for (RaceCore* core : {&one, &two}) {
      const RacePlan plan = core->decide(f.snapshot, f.question, f.times);
      BOOST_TEST(plan.race);
      BOOST_TEST(seen.insert(plan.id).second);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_question_asked_again_within_the_window_is_not_raced_and_costs_no_token) {
  Fixture f;
  f.options.guard.prefix = {0.001, 2};
  RaceCore core = f.make();
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "race");
  for (int i = 0; i < 10; ++i) BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "retry");
  f.question.name = as_bytes("\1b");
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "race");
  f.question.name = as_bytes("\1c");
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "guard_prefix");
}

BOOST_AUTO_TEST_CASE(where_late_answers_are_dropped_a_client_that_asks_again_after_five_seconds_is_answered) {
  Fixture f;
  f.snapshot.services[0].retry_window = flagfall::master::kDropRetry;
  RaceCore core = f.make();
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "race");
  f.times.now += 5s;
  f.question.received = f.snapshot.clock.measured = f.times.now;
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "retry");
  f.snapshot.services[0].retry_window = 0s;
  f.question.name = as_bytes("\1b");
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "race");
  f.times.now += 5s;
  f.question.received = f.snapshot.clock.measured = f.times.now;
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "race");
}

BOOST_AUTO_TEST_CASE(before_the_instant_a_question_is_asked_again_however_short_the_window) {
  Fixture f;
  f.options.retry_window = 100ms;
  f.snapshot.services[0].delay = 1s;
  RaceCore core = f.make();
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "race");
  f.times.now += 900ms;
  f.question.received = f.snapshot.clock.measured = f.times.now;
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "retry");
  f.times.now += 200ms;
  f.question.received = f.snapshot.clock.measured = f.times.now;
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "race");
}

BOOST_AUTO_TEST_CASE(what_the_guard_refused_was_no_race_and_so_is_no_retry_later) {
  Fixture f;
  f.options.guard.prefix = {10, 1};
  RaceCore core = f.make();
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "race");
  f.question.name = as_bytes("\1b");
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "guard_prefix");
  f.times.now += 100ms;
  f.question.received = f.times.now;
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "race");
}

BOOST_AUTO_TEST_CASE(only_address_types_that_some_slave_answers_are_raced) {
  Fixture f;
  RaceCore core = f.make();
  f.question.type = 28;
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "type_not_raced");
  f.question.type = 15;
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "type_not_raced");
  f.snapshot.services[0].has_v6 = true;
  f.question.type = 28;
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "no_fit_slave");
  f.snapshot.services[0].v6 = {{2, 1, 1}};
  const RacePlan plan = core.decide(f.snapshot, f.question, f.times);
  BOOST_TEST(reason(plan) == "race");
  BOOST_TEST(plan.count == 1U);
  BOOST_TEST(plan.runners[0].slave == 2U);
  BOOST_TEST(plan.runners[0].service == 1U);
}

BOOST_AUTO_TEST_CASE(a_slave_that_cannot_send_from_the_asked_address_does_not_run) {
  Fixture f;
  auto& fit = f.snapshot.services[0].v4;
  fit[0].ready = 0b01;
  fit[1].ready = 0b10;
  fit[2].ready = 0;
  RaceCore core = f.make();
  f.question.address = 1;
  const RacePlan plan = core.decide(f.snapshot, f.question, f.times);
  BOOST_TEST(plan.count == 1U);
  BOOST_TEST(plan.runners[0].slave == 1U);
  fit[1].ready = 0;
  f.question.name = as_bytes("\1b");
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "no_fit_slave");
}

BOOST_AUTO_TEST_CASE(above_the_cap_slaves_take_turns) {
  Fixture f;
  f.options.max_slaves = 2;
  f.options.guard.prefix = {1000, 1000};
  RaceCore core = f.make();
  std::map<unsigned, unsigned> runs;
  for (int i = 0; i < 300; ++i) {
    const std::string name = std::to_string(i);
    f.question.name = as_bytes(name);
    const RacePlan plan = core.decide(f.snapshot, f.question, f.times);
    BOOST_TEST(plan.count == 2U);
    BOOST_TEST(plan.runners[0].slave != plan.runners[1].slave);
    ++runs[plan.runners[0].slave];
    ++runs[plan.runners[1].slave];
  }
  for (unsigned i = 0; i < 3; ++i) BOOST_TEST(runs[i] == 200U);
}

BOOST_AUTO_TEST_CASE(a_bad_clock_a_pause_and_an_order_that_would_not_fit_mean_an_ordinary_answer) {
  Fixture f;
  RaceCore core = f.make();
  f.snapshot.clock.bound = 6ms;
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "clock");
  f.snapshot.clock.bound = 1ms;
  f.snapshot.clock.measured = kNow - 100s;  // 50 ppm of 100 s are 5 ms more
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "clock");
  f.snapshot.clock.measured = kNow;
  f.snapshot.clock.status = ClockStatus::unknown;
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "clock");
  f.snapshot.clock.status = ClockStatus::synchronised;
  f.question.request_size = 513;
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "too_big");
  f.question.request_size = 512;
  f.snapshot.paused = true;
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "paused");
  f.snapshot.paused = false;
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "race");
}

BOOST_AUTO_TEST_CASE(of_a_share_about_that_many_queries_race_and_the_others_cost_no_token) {
  Fixture f;
  f.options.guard.total = f.options.guard.prefix = {0.001, 1000};
  f.snapshot.services[0].race_share = 0.05;
  RaceCore core = f.make();
  std::map<std::string, int> seen;
  for (int i = 0; i < 10000; ++i) {
    const std::string name = std::to_string(i);
    f.question.name = as_bytes(name);
    ++seen[reason(core.decide(f.snapshot, f.question, f.times))];
  }
  BOOST_TEST(seen["race"] > 400);  // 500 +- 22: 4.5 standard deviations and more
  BOOST_TEST(seen["race"] < 600);
  BOOST_TEST(seen["race"] + seen["not_sampled"] == 10000);
}

BOOST_AUTO_TEST_CASE(a_share_of_zero_races_nobody_and_of_one_everybody) {
  Fixture f;
  f.options.guard.total = f.options.guard.prefix = {1e6, 1e6};
  RaceCore core = f.make();
  for (const double share : {0.0, 1.0}) {
    f.snapshot.services[0].race_share = share;
    for (int i = 0; i < 1000; ++i) {
      const std::string name = std::to_string(share) + std::to_string(i);
      f.question.name = as_bytes(name);
      BOOST_REQUIRE(reason(core.decide(f.snapshot, f.question, f.times)) ==
                    (share > 0 ? "race" : "not_sampled"));
    }
  }
}

BOOST_AUTO_TEST_CASE(who_was_raced_and_asks_again_is_answered_as_a_retry_whatever_the_lot_says) {
  Fixture f;
  RaceCore core = f.make();
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "race");
  f.snapshot.services[0].race_share = 0.01;
  for (int i = 0; i < 100; ++i) BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "retry");
}

BOOST_AUTO_TEST_CASE(shadow_races_have_budgets_of_their_own_with_the_same_limits) {
  Fixture f;
  f.options.any_shadow = true;
  f.options.guard.prefix = {0.001, 3};
  f.snapshot.services.push_back(f.snapshot.services[0]);
  f.snapshot.services[1].shadow = true;
  RaceCore core = f.make();
  int number = 0;
  const auto ask = [&](std::uint16_t service) {
    const std::string name = std::to_string(number++);
    f.question.name = as_bytes(name);
    f.question.service = service;
    const RacePlan plan = core.decide(f.snapshot, f.question, f.times);
    BOOST_TEST(plan.shadow == (plan.race && service == 1));
    return reason(plan);
  };
  for (int i = 0; i < 3; ++i) BOOST_TEST(ask(1) == "race");
  BOOST_TEST(ask(1) == "guard_prefix");
  for (int i = 0; i < 3; ++i) BOOST_TEST(ask(0) == "race");
  BOOST_TEST(ask(0) == "guard_prefix");
}

BOOST_AUTO_TEST_CASE(there_is_no_race_beside_a_leap_second) {
  Fixture f;
  RaceCore core = f.make();
  const Nanos day = std::chrono::hours(24);
  const Nanos midnight = (kRefOffset / day + 1) * day;
  f.snapshot.clock.offset = midnight - kNow.time_since_epoch() - 1s;
  f.snapshot.clock.leap_pending = true;
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "leap_second");
  // Now is far enough away, the instant is not.
  f.snapshot.clock.offset = midnight - kNow.time_since_epoch() - 2s - 20ms;
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "leap_second");
  f.snapshot.clock.offset -= 10s;
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "race");
}

BOOST_AUTO_TEST_CASE(what_lay_in_the_queue_for_longer_than_the_delay_is_answered_at_once) {
  Fixture f;
  RaceCore core = f.make();
  f.question.received = kNow - 25ms;
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "expired");
  f.question.received = kNow - 24ms;
  BOOST_TEST(reason(core.decide(f.snapshot, f.question, f.times)) == "race");
}

BOOST_AUTO_TEST_CASE(a_stamp_is_brought_over_and_never_lies_in_the_future) {
  const BurstTimes times{kNow, 100s};
  BOOST_TEST((received_at(RealTime(kNow.time_since_epoch() + 100s - 3ms), times) == kNow - 3ms));
  BOOST_TEST((received_at(RealTime(kNow.time_since_epoch() + 101s), times) == kNow));
  BOOST_TEST((received_at(RealTime(), times) == kNow));
}

BOOST_AUTO_TEST_SUITE_END()
