#include "clocksync/chrony_tracker.hh"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "common/base/random.hh"

using namespace flagfall;             // NOLINT(*-using-namespace)
using namespace flagfall::clocksync;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;
using wire::ClockStatus;

namespace {

std::uint32_t chrony_float(double value) {
  if (value == 0) return 0;
  int exponent = 0;
  const double mantissa = std::frexp(value, &exponent);
  const auto coefficient = static_cast<std::int32_t>(std::lround(mantissa * 0x1p24));
  return (static_cast<std::uint32_t>(exponent + 1) << 25) |
         (static_cast<std::uint32_t>(coefficient) & 0x1ffffffU);
}

struct Answer {
  double correction = 0, root_delay = 20e-6, root_dispersion = 10e-6, rms_offset = 0;
  std::uint16_t stratum = 2, leap = 0, status = 0;
  std::uint32_t measured = 1'700'000'000;  // chronyd's reference time, s
};

std::vector<std::uint8_t> reply(std::uint32_t sequence, const Answer& a) {
  std::vector<std::uint8_t> out(wire::kChronyTrackingReply);
  ByteWriter w(out);
  w.u8(6);
  w.u8(2);
  w.u16(0);
  w.u16(33);
  w.u16(5);
  w.u16(a.status);
  for (int i = 0; i < 3; ++i) w.u16(0);
  w.u32(sequence);
  w.u64(0);
  for (int i = 0; i < 6; ++i) w.u32(0);
  w.u16(a.stratum);
  w.u16(a.leap);
  w.u32(0);
  w.u32(a.measured);
  w.u32(0);
  w.u32(chrony_float(a.correction));
  w.u32(0);
  w.u32(chrony_float(a.rms_offset));
  for (int i = 0; i < 3; ++i) w.u32(0);
  w.u32(chrony_float(a.root_delay));
  w.u32(chrony_float(a.root_dispersion));
  w.u32(0);
  BOOST_REQUIRE(w.ok() && w.left() == 0);
  return out;
}

/// A host with a chronyd: CLOCK_REALTIME, CLOCK_MONOTONIC, and the truth.
struct Host {
  MonoTime now = from_ns<MonoTime>(50'000'000'000);
  Nanos real_minus_mono = 1'700'000'000s;
  Nanos width = 100ns;
  std::uint32_t sequence = 1;
  ChronyTracker tracker{ChronyTracker::Options{.name = "chronyd"}};

  [[nodiscard]] ClockPair clocks() const { return {now, {real_minus_mono, width}}; }
  bool exchange(const Answer& answer) {
    ++sequence;
    (void)tracker.request(clocks(), sequence);
    now += 1ms;
    return tracker.reply(reply(sequence, answer), clocks());
  }
  void settle(const Answer& answer = {}) {
    exchange(answer);
    now += tracker.interval();
    exchange(answer);
    BOOST_REQUIRE(tracker.map().status == ClockStatus::synchronised);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(chrony_tracker)

BOOST_AUTO_TEST_CASE(before_the_first_answer_the_clock_is_unknown_and_says_why) {
  const Host host;
  BOOST_TEST((host.tracker.map().status == ClockStatus::unknown));
  BOOST_TEST(host.tracker.map().why == "chronyd has not answered yet");
}

BOOST_AUTO_TEST_CASE(two_answers_that_agree_make_a_map_and_one_does_not) {
  Host host;
  BOOST_TEST(host.exchange({}));
  BOOST_TEST((host.tracker.map().status == ClockStatus::unknown));
  BOOST_TEST((host.tracker.interval() == 100ms));
  host.now += 100ms;
  BOOST_TEST(host.exchange({}));
  BOOST_TEST((host.tracker.map().status == ClockStatus::synchronised));
  BOOST_TEST((host.tracker.interval() == 1s));
}

BOOST_AUTO_TEST_CASE(the_correction_is_applied_and_is_no_part_of_the_bound) {
  Host host;
  host.settle({.correction = 0.25, .root_delay = 40e-6, .root_dispersion = 7e-6});
  const RefMap& map = host.tracker.map();
  const Nanos error =
      map.to_ref(host.now).time_since_epoch() - (host.now.time_since_epoch() + host.real_minus_mono + 250ms);
  BOOST_TEST(std::chrono::abs(error).count() <= 20);
  BOOST_TEST(map.bound.count() >= 27'000);
  BOOST_TEST(map.bound.count() <= 27'200);
}

BOOST_AUTO_TEST_CASE(the_expected_error_is_chronys_spread_and_a_share_of_the_delay_and_no_bound) {
  Host host;
  host.settle({.root_delay = 40e-6, .root_dispersion = 7e-6, .rms_offset = 2e-6});
  const RefMap& map = host.tracker.map();
  BOOST_TEST(map.expected.count() >= 3'000);
  BOOST_TEST(map.expected.count() <= 3'200);
  BOOST_TEST((map.expected < map.bound));
}

BOOST_AUTO_TEST_CASE(the_bound_grows_with_age_from_the_moment_of_the_request) {
  Host host;
  host.settle();
  const RefMap& map = host.tracker.map();
  BOOST_TEST((map.measured == host.now - 1ms));
  BOOST_TEST((map.bound_at(map.measured + 10s) - map.bound == 500us));
}

BOOST_AUTO_TEST_CASE(instants_go_to_monotonic_time_and_back) {
  Host host;
  host.settle({.correction = -1.5});
  const RefMap& map = host.tracker.map();
  const auto instant = map.to_ref(host.now) + 25ms;
  BOOST_TEST((map.to_mono(instant) == host.now + 25ms));
}

BOOST_AUTO_TEST_CASE(an_unsynchronised_chronyd_is_believed_when_it_says_so) {
  for (const Answer& bad : {Answer{.leap = 3}, Answer{.stratum = 0}}) {
    Host host;
    host.settle();
    BOOST_TEST(host.exchange(bad));
    BOOST_TEST((host.tracker.map().status == ClockStatus::unknown));
    BOOST_TEST(host.tracker.map().why == "chronyd is not synchronised; see `chronyc tracking`");
  }
}

BOOST_AUTO_TEST_CASE(a_coming_leap_second_is_still_a_synchronised_clock) {
  Host host;
  host.settle({.leap = 1});
  BOOST_TEST((host.tracker.map().status == ClockStatus::synchronised));
}

BOOST_AUTO_TEST_CASE(after_a_leap_second_only_a_measurement_after_it_is_believed) {
  // chronyd -x with its default `leapsecmode`: nobody makes the leap, and chronyd does not know until it
  // measures.
  Host host;
  host.now = from_ns<MonoTime>(6'395'000'000'000);  // five seconds before midnight
  host.settle({.leap = 1, .measured = 1'700'006'390});
  const RefMap before = host.tracker.map();
  host.now += 6s;
  for (const Answer& old : {Answer{.leap = 1, .measured = 1'700'006'391}, Answer{.measured = 1'700'006'391},
                            Answer{.measured = 1'700'006'391}}) {  // its reference time makes the leap
    host.exchange(old);
    BOOST_TEST((host.tracker.map().status == ClockStatus::unknown));
    BOOST_TEST(host.tracker.map().why ==
               "a leap second may have moved the clock, and chronyd has not measured it since");
    BOOST_TEST((host.tracker.interval() == 1s));
    host.now += 1s;
  }
  BOOST_TEST(host.tracker.counters().stale.get() == 3U);
  host.settle({.correction = -1, .measured = 1'700'006'405});
  BOOST_TEST((std::chrono::abs(host.tracker.map().offset - before.offset + 1s) < 1us));
  // The next day's midnight is nothing, although chronyd does not measure around it.
  host.now += 24h;
  host.settle({.correction = -1, .measured = 1'700'006'405});
}

BOOST_AUTO_TEST_CASE(who_has_not_heard_that_no_leap_second_comes_waits_for_the_days_first_measurement) {
  for (const Nanos silent_for :
       {Nanos(1s), Nanos(48h)}) {  // from the start on, or since before the day of the leap
    Host host;
    host.now = from_ns<MonoTime>(6'400'000'000'000) - silent_for;  // before or at a midnight
    if (silent_for > 1h) host.settle({.measured = 1'699'833'600});
    host.now += silent_for + 10s;
    for (int i = 0; i < 3; ++i, host.now += 1s) {
      host.exchange({.measured = 1'700'006'391});
      BOOST_TEST((host.tracker.map().status == ClockStatus::unknown));
    }
    host.settle({.measured = 1'700'006'412});
  }
}

BOOST_AUTO_TEST_CASE(missed_polls_make_it_free_running_then_unknown_and_two_answers_bring_it_back) {
  Host host;
  host.settle();
  const auto miss = [&] {
    (void)host.tracker.request(host.clocks(), 99);
    return host.tracker.missed("silence");
  };
  BOOST_TEST(miss());
  BOOST_TEST((host.tracker.map().status == ClockStatus::free_running));
  BOOST_TEST(!miss());
  BOOST_TEST(miss());
  BOOST_TEST((host.tracker.map().status == ClockStatus::unknown));
  BOOST_TEST(host.tracker.map().why == "silence");
  BOOST_TEST((host.tracker.interval() == 2s));
  miss();
  miss();
  BOOST_TEST((host.tracker.interval() == 4s));
  host.settle();
  BOOST_TEST(host.tracker.counters().timeouts.get() == 5U);
}

BOOST_AUTO_TEST_CASE(a_map_that_ran_free_for_a_poll_is_synchronised_by_the_next_answer) {
  Host host;
  host.settle();
  host.tracker.missed("silence");
  host.now += 2s;
  host.exchange({});
  BOOST_TEST((host.tracker.map().status == ClockStatus::synchronised));
}

BOOST_AUTO_TEST_CASE(late_duplicate_and_forged_replies_change_nothing) {
  Host host;
  host.settle();
  const RefMap before = host.tracker.map();
  // Late or duplicate: no request is open.
  BOOST_TEST(!host.tracker.reply(reply(host.sequence, {.correction = 1}), host.clocks()));
  // Forged: another sequence; the request stays open.
  (void)host.tracker.request(host.clocks(), 1234);
  BOOST_TEST(!host.tracker.reply(reply(1235, {.correction = 1}), host.clocks()));
  BOOST_TEST(host.tracker.waiting());
  // Noise.
  BOOST_TEST(!host.tracker.reply(as_bytes("no reply at all"), host.clocks()));
  BOOST_TEST(host.tracker.waiting());
  BOOST_TEST(host.tracker.counters().foreign.get() == 2U);
  BOOST_TEST(host.tracker.counters().malformed.get() == 1U);
  BOOST_TEST((host.tracker.map().offset == before.offset));
}

BOOST_AUTO_TEST_CASE(a_refusal_is_counted_and_named) {
  Host host;
  for (int i = 0; i < 3; ++i) host.exchange({.status = 2});
  BOOST_TEST(host.tracker.counters().refused.get() == 3U);
  BOOST_TEST(host.tracker.map().why ==
             "chronyd refuses to say its tracking (status 2); see cmdallow in chrony.conf(5)");
}

BOOST_AUTO_TEST_CASE(a_system_clock_that_is_set_during_the_exchange_spoils_only_that_sample) {
  Host host;
  host.settle();
  const RefMap before = host.tracker.map();
  (void)host.tracker.request(host.clocks(), 500);
  host.now += 1ms;
  host.real_minus_mono += 3600s;
  host.tracker.reply(reply(500, {}), host.clocks());
  BOOST_TEST(host.tracker.counters().stepped.get() == 1U);
  BOOST_TEST((host.tracker.map().offset == before.offset));
  // The clock was set, and chronyd knows by how much: nothing has moved.
  host.now += 1s;
  host.exchange({.correction = -3600});
  BOOST_TEST((host.tracker.map().status == ClockStatus::synchronised));
  BOOST_TEST(std::chrono::abs(host.tracker.map().offset - before.offset) < 300us);
}

BOOST_AUTO_TEST_CASE(a_clock_that_somebody_sets_is_unknown_until_chronyd_has_measured_it_anew) {
  for (const Nanos step : {-191ms, 1ms}) {  // contradicts the bounds, and hides within what is allowed for
    Host host;
    host.settle({.root_dispersion = 2e-3});
    const RefMap before = host.tracker.map();
    host.now += 1s;
    host.real_minus_mono += step;
    for (int i = 0; i < 5; ++i) {  // chronyd has no idea, and says so five times
      BOOST_TEST(host.exchange({.root_dispersion = 2e-3}));
      BOOST_TEST((host.tracker.map().status == ClockStatus::unknown));
      BOOST_TEST(host.tracker.map().why == "the system clock was set, and chronyd has not measured it since");
      BOOST_TEST((host.tracker.interval() == 1s));
      host.now += 1s;
    }
    BOOST_TEST(host.tracker.counters().stale.get() == 5U);
    const double undone = -static_cast<double>(step.count()) * 1e-9;
    for (int i = 0; i < 2; ++i) {
      host.exchange({.correction = undone, .measured = 1'700'000'008});
      host.now += host.tracker.interval();
    }
    BOOST_TEST((host.tracker.map().status == ClockStatus::synchronised));
    BOOST_TEST(std::chrono::abs(host.tracker.map().offset - before.offset) < 1us);
  }
}

BOOST_AUTO_TEST_CASE(a_clock_that_is_set_while_chronyd_is_silent_is_noticed_afterwards) {
  Host host;
  host.settle();
  for (int i = 0; i < 3; ++i) {
    (void)host.tracker.request(host.clocks(), 99);
    (void)host.tracker.missed("silence");
  }
  host.real_minus_mono += 20ms;
  host.exchange({});
  host.exchange({});
  BOOST_TEST((host.tracker.map().status == ClockStatus::unknown));
  host.settle({.correction = -0.02, .measured = 1'700'000'008});
}

BOOST_AUTO_TEST_CASE(what_a_silent_chronyd_measured_before_the_clock_was_set_is_not_believed) {
  Host host;
  host.settle();
  for (int i = 0; i < 3; ++i) {
    (void)host.tracker.request(host.clocks(), 99);
    (void)host.tracker.missed("silence");
  }
  host.real_minus_mono += 20ms;
  for (int i = 0; i < 2; ++i) {  // another reference time, but from before the step
    host.exchange({.measured = 1'700'000'004});
    BOOST_TEST((host.tracker.map().status == ClockStatus::unknown));
  }
  host.settle({.correction = -0.02, .measured = 1'700'000'008});
}

BOOST_AUTO_TEST_CASE(a_step_that_chronyd_makes_itself_changes_nothing) {
  Host host;
  host.settle({.correction = 0.4});
  const RefMap before = host.tracker.map();
  host.now += 1s;
  host.real_minus_mono += 400ms;
  host.exchange({.measured = 1'700'000'008});
  BOOST_TEST((host.tracker.map().status == ClockStatus::synchronised));
  BOOST_TEST(std::chrono::abs(host.tracker.map().offset - before.offset) < 1us);
}

BOOST_AUTO_TEST_CASE(the_step_with_which_chronyd_begins_costs_no_poll) {
  Host host;
  host.exchange({.stratum = 0, .leap = 3});
  host.now += 1s;
  host.real_minus_mono += 46ms;
  host.settle({.correction = 10e-6, .rms_offset = 0.0461});
  BOOST_TEST(host.tracker.counters().stale.get() == 0U);
}

// The campaign's seed 1499.
BOOST_AUTO_TEST_CASE(a_clock_that_is_set_right_after_chronyds_first_measurement_is_unknown_until_the_next) {
  // A clock that was right, and one that was wrong and is set right: chronyd -x does not step it.
  for (const Answer& first :
       {Answer{.correction = 10e-6, .rms_offset = 10e-6}, Answer{.correction = 0.046, .rms_offset = 0.046}}) {
    Host host;
    host.exchange({.stratum = 0, .leap = 3});
    host.now += 1s;
    host.real_minus_mono += 46ms;
    for (int i = 0; i < 4; ++i, host.now += 1s) {
      host.exchange(first);
      BOOST_TEST((host.tracker.map().status == ClockStatus::unknown));
    }
    BOOST_TEST(host.tracker.counters().stale.get() == 4U);
    host.settle({.correction = -0.046, .measured = 1'700'000'002});
  }
}

BOOST_AUTO_TEST_CASE(
    a_clock_that_is_set_before_chronyds_first_answer_is_not_believed_for_an_old_measurement) {
  Host host;
  (void)host.tracker.request(host.clocks(), ++host.sequence);
  (void)host.tracker.missed("chronyd does not answer");
  host.now += 1s;
  host.real_minus_mono += 46ms;
  for (int i = 0; i < 4; ++i, host.now += 1s) {
    host.exchange({});
    BOOST_TEST((host.tracker.map().status == ClockStatus::unknown));
  }
  host.settle({.correction = -0.046, .measured = 1'700'000'002});
}

BOOST_AUTO_TEST_CASE(a_clock_that_is_set_while_chronyd_has_no_source_is_not_believed_for_an_old_measurement) {
  Host host;
  host.settle();
  host.now += 1s;
  host.exchange({.stratum = 0, .leap = 3});
  host.real_minus_mono += 46ms;
  host.now += 1s;
  host.exchange({.stratum = 0, .leap = 3});
  host.now += 1s;
  host.exchange({});
  host.now += 1s;
  host.exchange({});
  BOOST_TEST((host.tracker.map().status == ClockStatus::unknown));
  host.settle({.correction = -0.046, .measured = 1'700'000'004});
}

BOOST_AUTO_TEST_CASE(a_clock_that_is_slewed_beyond_the_bound_is_unknown_until_it_settles) {
  Host host;
  host.settle();
  host.now += 1s;
  host.exchange({.correction = 0.05});
  BOOST_TEST((host.tracker.map().status == ClockStatus::unknown));
  BOOST_TEST(host.tracker.map().why == "chronyd moves the clock: waiting for it to settle");
  BOOST_TEST(host.tracker.counters().contradicted.get() == 1U);
  host.now += host.tracker.interval();
  host.exchange({.correction = 0.03});
  BOOST_TEST((host.tracker.map().status == ClockStatus::unknown));
  host.now += host.tracker.interval();
  host.exchange({.correction = 0.03});
  BOOST_TEST((host.tracker.map().status == ClockStatus::synchronised));
}

BOOST_AUTO_TEST_CASE(drift_within_a_crystals_means_is_no_contradiction) {
  Host host;
  host.settle();
  double correction = 0;
  for (int i = 0; i < 50; ++i) {
    host.now += 999ms;
    correction += 45e-6;  // 45 ppm
    host.exchange({.correction = correction});
    BOOST_TEST((host.tracker.map().status == ClockStatus::synchronised));
  }
}

BOOST_AUTO_TEST_CASE(a_large_correction_carries_its_coarseness_in_the_bound) {
  Host host;
  host.settle({.correction = 86'400, .measured = 1'700'086'400});
  BOOST_TEST((host.tracker.map().bound > 5ms));
}

BOOST_AUTO_TEST_SUITE_END()
