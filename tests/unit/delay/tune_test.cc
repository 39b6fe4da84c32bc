#include "delay/tune.hh"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "common/base/random.hh"

using namespace std::chrono_literals;
using namespace flagfall::delay;  // NOLINT(*-using-namespace)
using flagfall::Nanos;
using flagfall::Random;
using flagfall::SeededRandom;

namespace {

/// Three slaves whose ways have long tails, and a queue at the master that they share.
NeedsTable load(Random& random, int races) {
  NeedsTable out(3);
  for (int i = 0; i < races; ++i) {
    const double common = random.unit() < 0.02 ? 8 * random.unit() : 0;
    std::array<Nanos, 3> needed{};
    for (std::size_t s = 0; s < 3; ++s) {
      const double way = 6.0 * static_cast<double>(s + 1) + common - 0.8 * std::log(1 - random.unit());
      needed.at(s) = Nanos(std::llround(way * 1e6));
    }
    out.add(needed);
  }
  return out;
}

const Candidate& at(const Tune& t, Nanos delay) {
  const auto found = std::ranges::find(t.candidates, delay, &Candidate::delay);
  BOOST_REQUIRE(found != t.candidates.end());
  return *found;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tune)

BOOST_AUTO_TEST_CASE(the_recommendation_holds_for_the_next_ten_thousand_races) {
  for (const double target : {0.9, 0.95, 0.99, 0.999}) {
    SeededRandom random(static_cast<std::uint64_t>(target * 1000));
    TuneOptions options;
    options.on_time = target;
    const Tune t = flagfall::delay::tune(load(random, 10000), options);
    const Candidate* best = t.recommended();
    BOOST_REQUIRE(best != nullptr);
    BOOST_TEST(best->together.value >= target);
    BOOST_TEST(best->together.low <= best->together.value);
    const Trade next(load(random, 10000), {});
    const double seen = next.together(best->delay).value;
    BOOST_TEST(std::abs(seen - best->together.value) < 0.005, "target " << target << ": " << seen);
  }
}

BOOST_AUTO_TEST_CASE(no_shorter_delay_reaches_the_target) {
  SeededRandom random(1);
  const NeedsTable rows = load(random, 5000);
  const Tune t = flagfall::delay::tune(rows, {});
  const Nanos best = t.recommended()->delay;
  BOOST_TEST(Trade(rows, {}).together(best - delay_step(best)).value < 0.99);
  BOOST_CHECK(best % 100us == 0ns);
}

BOOST_AUTO_TEST_CASE(candidates_ascend_and_hold_the_current_delay_and_one_recommendation) {
  SeededRandom random(2);
  TuneOptions options;
  options.current = 25'123us;
  const Tune t = flagfall::delay::tune(load(random, 2000), options);
  BOOST_TEST(std::ranges::is_sorted(t.candidates, {}, &Candidate::delay));
  BOOST_TEST(std::ranges::count_if(t.candidates, &Candidate::recommended) == 1);
  BOOST_TEST(std::ranges::count_if(t.candidates, &Candidate::current) == 1);
  BOOST_TEST(at(t, 25'123us).current);
  for (std::size_t i = 1; i < t.candidates.size(); ++i) {
    BOOST_TEST(t.candidates[i].together.value >= t.candidates[i - 1].together.value);
    BOOST_TEST(*t.candidates[i].nearest_wins >= *t.candidates[i - 1].nearest_wins);
    for (std::size_t s = 0; s < 3; ++s)
      BOOST_TEST(t.candidates[i].slaves[s].value >= t.candidates[i].together.value);
  }
  BOOST_TEST(t.candidates.back().together.value == 1.0);
}

BOOST_AUTO_TEST_CASE(added_latency_counts_from_what_a_race_in_the_middle_needs) {
  NeedsTable rows(1);
  for (const Nanos needed : {Nanos(10ms), Nanos(20ms), Nanos(40ms)}) rows.add(std::array{needed});
  TuneOptions options;
  options.current = 25ms;
  const Tune t = flagfall::delay::tune(rows, options);
  BOOST_CHECK(t.ideal == 20ms);
  BOOST_CHECK(at(t, 25ms).added == 5ms);
  BOOST_CHECK(at(t, 20ms).added == 0ms);
  BOOST_CHECK(t.recommended()->delay == 40ms);
}

BOOST_AUTO_TEST_CASE(on_time_always_is_longer_than_the_longest_need_and_the_clocks_bound) {
  NeedsTable rows(2);
  rows.add(std::array{Nanos(10ms), Nanos(31ms)});
  TuneOptions options;
  options.on_time = 1;
  options.bound = 850us;
  const Tune t = flagfall::delay::tune(rows, options);
  BOOST_CHECK(t.recommended()->delay == 31'900us);
  BOOST_TEST(!t.out_of_reach);
}

BOOST_AUTO_TEST_CASE(the_nearest_two_leave_the_far_one_out) {
  SeededRandom random(5);
  TuneOptions options;
  options.trade.nearest = 2;
  const Tune t = flagfall::delay::tune(load(random, 3000), options);
  BOOST_TEST(t.slaves[0].counted);
  BOOST_TEST(t.slaves[1].counted);
  BOOST_TEST(!t.slaves[2].counted);
  BOOST_TEST(t.recommended()->together.value >= 0.99);
  BOOST_TEST((t.recommended()->delay < 18ms));  // less than the far one ever needs
  BOOST_TEST(t.recommended()->slaves[2].value == 0.0);
}

BOOST_AUTO_TEST_CASE(what_no_delay_reaches_is_said) {
  NeedsTable rows(1);
  for (int i = 0; i < 10; ++i) rows.add(std::array{i == 0 ? Nanos(10s) : Nanos(10ms)});
  const Tune t = flagfall::delay::tune(rows, {});
  BOOST_CHECK(t.recommended()->delay == kMostDelay);
  BOOST_TEST(t.out_of_reach);
}

BOOST_AUTO_TEST_CASE(too_few_races_are_said) {
  SeededRandom random(6);
  TuneOptions options;
  options.on_time = 0.999;
  BOOST_TEST(flagfall::delay::tune(load(random, 500), options).wanted_races == 10000U);
  BOOST_TEST(flagfall::delay::tune(load(random, 10000), options).wanted_races == 0U);
}

BOOST_AUTO_TEST_CASE(without_races_there_is_no_candidate_and_no_recommendation) {
  const Tune t = flagfall::delay::tune(NeedsTable(3), {});
  BOOST_TEST(t.races == 0U);
  BOOST_TEST(t.candidates.empty());
  BOOST_TEST(t.recommended() == nullptr);
  BOOST_TEST(t.curve.empty());
}

BOOST_AUTO_TEST_CASE(the_curve_rises_from_nothing_to_everything) {
  SeededRandom random(7);
  const Tune t = flagfall::delay::tune(load(random, 1000), {});
  BOOST_REQUIRE(t.curve.size() == 120);
  BOOST_TEST(t.curve.front().together == 0.0);
  BOOST_TEST(t.curve.back().together == 1.0);
  for (std::size_t i = 1; i < t.curve.size(); ++i) {
    BOOST_TEST((t.curve[i].delay > t.curve[i - 1].delay));
    BOOST_TEST(t.curve[i].together >= t.curve[i - 1].together);
  }
}

BOOST_AUTO_TEST_CASE(needs_of_nothing_and_of_hours_are_taken) {
  NeedsTable rows(2);
  rows.add(std::array{Nanos(0), NeedsTable::kAbsent});
  rows.add(std::array{Nanos(1h), Nanos(0)});
  const Tune t = flagfall::delay::tune(rows, {});
  BOOST_CHECK(t.candidates.front().delay == kLeastDelay);
  BOOST_CHECK(t.candidates.back().delay == kMostDelay);
}

BOOST_AUTO_TEST_CASE(what_if_shifts_and_stretches_one_slaves_needs) {
  NeedsTable rows(2);
  rows.add(std::array{Nanos(10ms), Nanos(20ms)});
  rows.add(std::array{Nanos(12ms), NeedsTable::kAbsent});
  const auto apply = [&](std::size_t slave, const char* text) {
    const auto what = parse_what_if(text);
    BOOST_REQUIRE_MESSAGE(what.ok(), text);
    rows.apply(slave, *what);
  };
  apply(0, "slave=fra,+15ms");
  BOOST_CHECK(rows.race(0)[0] == 25ms);
  BOOST_CHECK(rows.race(0)[1] == 20ms);
  apply(1, "slave=nyc,*1.5");
  BOOST_CHECK(rows.race(0)[1] == 30ms);
  BOOST_CHECK(rows.race(1)[1] == NeedsTable::kAbsent);
  apply(1, "slave=nyc,-40ms");
  BOOST_CHECK(rows.race(0)[1] == 0ms);  // no way takes less than nothing
  apply(0, "slave=fra,*1000");
  BOOST_CHECK(rows.race(1)[0] == 27s);
}

BOOST_AUTO_TEST_CASE(what_if_says_what_is_wrong_with_it) {
  for (const char* text :
       {"", "fra,+15ms", "slave=", "slave=fra", "slave=,+15ms", "slave=fra,", "slave=fra,+", "slave=fra,15ms",
        "slave=fra,+15", "slave=fra,+-15ms", "slave=fra,*", "slave=fra,*-1", "slave=fra,*nan",
        "slave=fra,*1e9", "slave=fra,+2h", "slave=fra,*1.2x"})
    BOOST_TEST(!parse_what_if(text).ok(), text);
  BOOST_TEST(parse_what_if("slave=a,b,+1ms")->slave == "a,b");
  BOOST_TEST(parse_what_if("x").error().find("write slave=fra,+15ms") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
