// The estimator against simulated clocks, judged by truth.
#include "clocksync/estimator.hh"

#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "tests/unit/clocksync/clock_world.hh"

using namespace flagfall;                   // NOLINT(*-using-namespace)
using namespace flagfall::clocksync;        // NOLINT(*-using-namespace)
using namespace flagfall::clocksync::test;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;
using Verdict = Estimator::Verdict;

namespace {

/// `FLAGFALL_RUNS=100000 unit_clocksync --run_test=estimator` looks longer.
unsigned runs() {
  const char* wanted = std::getenv("FLAGFALL_RUNS");
  return wanted != nullptr ? static_cast<unsigned>(std::strtoul(wanted, nullptr, 10)) : 10'000;
}

double quantile(std::vector<double> values, double q) {
  BOOST_REQUIRE(!values.empty());
  const auto place = values.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

/// What a run measured at the moments when it was asked.
struct Tally {
  unsigned asked = 0, silent = 0, violated = 0;
  std::vector<double> width;     // bound over (half the least round trip + drift x age)
  std::vector<double> error;     // absolute, ns
  std::vector<double> expected;  // ns
};

struct Plan {
  PathPlan path;
  double poll = 0.5 * kSecond;  // a pair of probes each
  double pair = 1 * kMilli;
  unsigned polls = 64;
  double drift_ppm = 0;
  double wander_ppm = 1;
  Nanos source_bound{};
};

/// The narrowest bound one could hope for: half the least round trip, grown with age at the drift's rate.
double ideal(const World& world, const Estimate& e, double t) {
  const auto age = static_cast<double>((world.mono(t) - e.at).count());
  return static_cast<double>(e.round_trip.count()) / 2 + age * Estimator::Options{}.drift_ppm * 1e-6 +
         static_cast<double>(e.source_bound.count());
}

/// Polls the server and asks the estimator at a random moment after each poll.
/// What happened at `step.when` nobody can know before an exchange that began later
/// was quick enough to exclude what was true before it: until then there is no judging.
struct Step {
  double when = -1, by = 0;
};
void run(World& world, Estimator& estimator, const Plan& plan, Tally& tally, Step step = {}) {
  bool seen = false;
  for (unsigned i = 0; i < plan.polls; ++i) {
    const double start = i * plan.poll + world.uniform(0, plan.poll / 10);
    double last = start;
    for (const double t : {start, start + plan.pair}) {
      double done = t;
      if (const auto x = world.exchange(t, plan.path, plan.source_bound, &done)) {
        estimator.add(*x);
        seen = seen || (t >= step.when && static_cast<double>(x->round_trip().count()) < std::abs(step.by));
      }
      last = std::max(last, done);
    }
    const double next = (i + 1) * plan.poll;
    if (last >= next) continue;
    const double t = world.uniform(last, next);
    if (step.by != 0 && t >= step.when && !seen) continue;
    ++tally.asked;
    if (!estimator.estimate()) {
      ++tally.silent;
      continue;
    }
    const auto judged = world.judge(*estimator.estimate(), t);
    if (!judged.holds()) ++tally.violated;
    if (i < plan.polls / 4) continue;
    tally.width.push_back(judged.bound / ideal(world, *estimator.estimate(), t));
    tally.error.push_back(std::abs(judged.error));
    tally.expected.push_back(judged.expected);
  }
}

double world_length(const Plan& plan) {
  return plan.polls * plan.poll + 30 * kSecond;
}

/// A path of some class: from a rack to a satellite, with lopsided delays and queues.
PathPlan any_path(World& world) {
  PathPlan path;
  const double base = world.log_uniform(10 * kMicro, 40 * kMilli);
  const double share = world.uniform(0.02, 0.98);
  path.there = {2 * base * share, base * world.log_uniform(0.001, 3), world.uniform(0, 0.1)};
  path.back = {2 * base * (1 - share), base * world.log_uniform(0.001, 3), world.uniform(0, 0.1)};
  path.loss = world.chance(0.2) ? world.uniform(0, 0.6) : 0.02;
  return path;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(estimator)

BOOST_AUTO_TEST_CASE(the_bound_holds_in_every_one_of_ten_thousand_worlds) {
  Tally tally;
  const unsigned count = runs();
  unsigned shown = 0;
  for (unsigned seed = 0; seed < count; ++seed) {
    SeededRandom dice(seed * 7919U + 1);
    Plan plan;
    plan.drift_ppm = -95 + 190 * dice.unit();
    plan.wander_ppm = dice.unit();
    plan.polls = 24;
    plan.poll = (0.1 + 3 * dice.unit() * dice.unit()) * kSecond;
    World world(seed, world_length(plan), plan.drift_ppm, plan.wander_ppm);
    plan.path = any_path(world);
    const double round_trip =
        plan.path.there.base + plan.path.back.base + plan.path.there.jitter + plan.path.back.jitter;
    Step step;
    if (world.chance(0.4)) {  // a clock is set, by 30 round trips to an hour
      step.when = world.uniform(0.2, 0.9) * plan.polls * plan.poll;
      step.by = world.log_uniform(30 * round_trip, 3600 * kSecond) * (world.chance(0.5) ? 1 : -1);
      if (step.by > 0 && world.chance(0.5))
        world.step_host(step.when, step.by);  // never backwards: it is a monotonic clock
      else
        world.step_reference(step.when, step.by);
    }
    if (world.chance(0.4)) {  // a server that moves as it likes within the bound it states
      const double most = world.log_uniform(1 * kMicro, 5 * kMilli);
      plan.source_bound = Nanos(static_cast<std::int64_t>(most) + 1);
      const double error = world.uniform(-most, most);
      world.set_server(0, error);
    }
    Estimator estimator({});
    const unsigned before = tally.violated;
    run(world, estimator, plan, tally, step);
    if (tally.violated != before && shown++ < 10)
      BOOST_TEST_MESSAGE("violated with seed " << seed << ", step " << step.by << " at " << step.when);
  }
  const double width = quantile(tally.width, 0.5);
  BOOST_TEST_MESSAGE(tally.asked << " questions, " << tally.silent << " without an answer, median width "
                                 << width << " of the ideal");
  BOOST_TEST(tally.violated == 0U);
  BOOST_TEST(tally.asked > count * 18U);
  BOOST_TEST(tally.silent < tally.asked / 4);
  BOOST_TEST(width <= 1.1);
}

BOOST_AUTO_TEST_CASE(the_bound_is_not_bought_by_width_on_any_kind_of_path) {
  const struct {  // NOLINT(*-member-init,*-avoid-c-arrays): an aggregate's list
    const char* name;
    PathPlan path;
  } kinds[] = {
      {"rack", {{15 * kMicro, 5 * kMicro}, {15 * kMicro, 5 * kMicro}}},
      {"LAN", {{50 * kMicro, 20 * kMicro}, {50 * kMicro, 20 * kMicro}}},
      {"LAN, queues one way", {{50 * kMicro, 60 * kMicro}, {50 * kMicro, 10 * kMicro}}},
      {"WAN", {{10 * kMilli, 2 * kMilli}, {10 * kMilli, 0.3 * kMilli}}},
      {"WAN, lopsided", {{30 * kMilli, 1 * kMilli}, {10 * kMilli, 1 * kMilli}}},
  };
  for (const auto& kind : kinds) {
    Tally tally;
    for (unsigned seed = 0; seed < 60; ++seed) {
      Plan plan;
      plan.path = kind.path;
      plan.drift_ppm = -50 + 100 * SeededRandom(seed).unit();
      World world(seed, world_length(plan), plan.drift_ppm, 0.5);
      Estimator estimator({});
      run(world, estimator, plan, tally);
    }
    const double width = quantile(tally.width, 0.5);
    const double error = quantile(tally.error, 0.5) / kMicro;
    const double error95 = quantile(tally.error, 0.95) / kMicro;
    const double expected = quantile(tally.expected, 0.5) / kMicro;
    unsigned covered = 0;
    for (std::size_t i = 0; i < tally.error.size(); ++i)
      covered += tally.error[i] <= tally.expected[i] ? 1 : 0;
    const double share = covered / static_cast<double>(tally.error.size());
    BOOST_TEST_MESSAGE(kind.name << ": width " << width << " of the ideal; error p50 " << error << " us, p95 "
                                 << error95 << " us; expected p50 " << expected << " us, covers " << share);
    BOOST_TEST(width <= 1.1, kind.name);
    BOOST_TEST(tally.violated == 0U, kind.name);
  }
}

BOOST_AUTO_TEST_CASE(half_that_bound_would_be_violated_so_the_judge_can_see) {
  unsigned caught = 0;
  for (unsigned seed = 0; seed < 50; ++seed) {
    Plan plan;
    plan.path = {{190 * kMicro, 20 * kMicro}, {10 * kMicro, 20 * kMicro}};
    World world(seed, world_length(plan), 20, 0.5);
    Estimator estimator({});
    Tally tally;
    run(world, estimator, plan, tally);
    Estimate half = *estimator.estimate();
    half.bound /= 2;
    caught += world.judge(half, plan.polls * plan.poll).holds() ? 0 : 1;
  }
  BOOST_TEST(caught == 50U);
}

BOOST_AUTO_TEST_CASE(
    the_expected_error_is_what_it_says_on_even_paths_and_covers_the_asymmetry_one_configures) {
  unsigned covered = 0, asked = 0;
  std::vector<double> ratio;
  for (unsigned seed = 0; seed < 300; ++seed) {
    Plan plan;
    World world(seed, world_length(plan), 30, 0.2);
    const double share = world.uniform(0.45, 0.55);  // at most a tenth of the round trip lopsided
    const double base = world.log_uniform(20 * kMicro, 20 * kMilli);
    plan.path = {{2 * base * share, base * 0.2}, {2 * base * (1 - share), base * 0.2}};
    Estimator estimator({.asymmetry = 0.1});
    Tally tally;
    run(world, estimator, plan, tally);
    for (std::size_t i = 0; i < tally.error.size(); ++i) {
      ++asked;
      covered += tally.error[i] <= tally.expected[i] ? 1 : 0;
      ratio.push_back(tally.expected[i] / (base / 2));
    }
  }
  BOOST_TEST(covered > asked * 95 / 100);
  BOOST_TEST(quantile(ratio, 0.5) < 0.5);  // and it is not the bound under another name
}

BOOST_AUTO_TEST_CASE(nothing_is_said_before_four_exchanges_agree) {
  World world(1, 100 * kSecond, 10, 0);
  Estimator estimator({});
  const PathPlan path{{}, {}, 0};
  for (int i = 0; i < 4; ++i) {
    BOOST_TEST(!estimator.estimate());
    BOOST_TEST((estimator.add(*world.exchange(i * kSecond, path, 0ns)) == Verdict::taken));
  }
  BOOST_TEST(estimator.estimate().has_value());
}

BOOST_AUTO_TEST_CASE(the_rate_is_found_and_never_beyond_its_limit) {
  for (const double drift : {-80.0, 0.0, 80.0, 300.0}) {
    World world(2, 200 * kSecond, drift, 0);
    Estimator estimator({});
    Plan plan;
    Tally tally;
    run(world, estimator, plan, tally);
    if (std::abs(drift) <= 100) {
      BOOST_TEST(std::abs(estimator.estimate()->rate_ppm + drift) < 0.5);
    } else if (estimator.estimate()) {
      BOOST_TEST(std::abs(estimator.estimate()->rate_ppm) <= 100);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_reply_that_lies_silences_for_a_moment_and_is_forgotten) {
  World world(3, 100 * kSecond, 10, 0);
  Estimator estimator({});
  const PathPlan path{{}, {}, 0};
  for (int i = 0; i < 20; ++i) estimator.add(*world.exchange(i * kSecond, path, 0ns));
  Exchange lie = *world.exchange(20 * kSecond, path, 0ns);
  lie.t2 += 1s;
  lie.t3 += 1s;
  BOOST_TEST((estimator.add(lie) == Verdict::doubted));
  BOOST_TEST(!estimator.estimate());
  BOOST_TEST(estimator.in_doubt());
  // One that is wide enough for both stories decides nothing.
  PathPlan slow = path;
  slow.there.base = slow.back.base = 2 * kSecond;
  BOOST_TEST((estimator.add(*world.exchange(21 * kSecond, slow, 0ns)) == Verdict::neutral));
  BOOST_TEST(!estimator.estimate());
  BOOST_TEST((estimator.add(*world.exchange(26 * kSecond, path, 0ns)) == Verdict::absolved));
  BOOST_TEST(world.judge(*estimator.estimate(), 26.5 * kSecond).holds());
}

BOOST_AUTO_TEST_CASE(a_doubt_that_nothing_resolves_ends_with_what_agrees_with_both_sides) {
  Estimator estimator({});
  // Reference is monotonic time, and the stamps of some replies are 3 us off, either way.
  std::uint64_t id = 0;
  const auto exchange = [&](std::chrono::microseconds way, std::chrono::microseconds off) {
    const MonoTime t(++id * 1s);
    return Exchange{
        id,          t,  RefTime(t.time_since_epoch() + way + off), RefTime(t.time_since_epoch() + way + off),
        t + 2 * way, 0ns};
  };
  for (int i = 0; i < 5; ++i) BOOST_TEST((estimator.add(exchange(1us, -3us)) == Verdict::taken));
  BOOST_TEST((estimator.add(exchange(1us, 3us)) == Verdict::doubted));
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST((estimator.add(exchange(10us, 0us)) == Verdict::neutral));
    BOOST_TEST(!estimator.estimate());
  }
  BOOST_TEST((estimator.add(exchange(10us, 0us)) == Verdict::restarted));
  BOOST_TEST(!estimator.in_doubt());
  BOOST_REQUIRE(estimator.estimate().has_value());
  BOOST_TEST(abs(estimator.estimate()->offset) <= estimator.estimate()->bound);
  BOOST_TEST(estimator.estimate()->bound >= 10us);
  BOOST_TEST(estimator.size() == 4U);
}

BOOST_AUTO_TEST_CASE(a_server_that_has_become_better_has_left_its_past_in_the_window) {
  Estimator estimator({});
  std::uint64_t id = 0;
  // Reference is monotonic time. All of the 10 ms are on the way back: the lower limits are far off.
  const auto add = [&](Nanos error, Nanos bound) {
    const MonoTime t(++id * 1s);
    const RefTime there(t.time_since_epoch() + 200us + error);
    (void)estimator.add(Exchange{id, t, there, there, t + 10ms, bound});
    if (const auto& e = estimator.estimate()) BOOST_TEST_REQUIRE((abs(e->offset) <= e->bound));
  };
  for (int i = 0; i < 20; ++i) add(-2ms, 2150us);
  for (int i = 0; i < 100; ++i) add(0ms, 50us);
  BOOST_TEST((estimator.estimate()->bound < 10ms / 2 * 1.2));  // and costs no width
}

BOOST_AUTO_TEST_CASE(a_step_is_believed_once_four_exchanges_say_the_same) {
  for (const double by : {-3600.0, -1.0, 0.01, 1.0, 3600.0}) {
    World world(4, 100 * kSecond, 10, 0);
    world.step_reference(19.5 * kSecond, by * kSecond);
    Estimator estimator({});
    const PathPlan path{{}, {}, 0};
    for (int i = 0; i < 20; ++i) estimator.add(*world.exchange(i * kSecond, path, 0ns));
    for (int i = 20; i < 23; ++i)
      BOOST_TEST((estimator.add(*world.exchange(i * kSecond, path, 0ns)) == Verdict::doubted));
    BOOST_TEST((estimator.add(*world.exchange(23 * kSecond, path, 0ns)) == Verdict::restarted));
    BOOST_TEST(world.judge(*estimator.estimate(), 23.5 * kSecond).holds());
    BOOST_TEST(std::abs(estimator.estimate()->rate_ppm + 10) < 2);  // the rate was learned before
  }
}

BOOST_AUTO_TEST_CASE(a_rate_that_changes_shortens_the_window_and_is_followed) {
  World before(5, 100 * kSecond, 0, 0);
  Estimator estimator({});
  const PathPlan path{{20 * kMicro, 2 * kMicro, 0}, {20 * kMicro, 2 * kMicro, 0}, 0};
  for (int i = 0; i < 40; ++i) estimator.add(*before.exchange(i * kSecond, path, 0ns));
  bool shortened = false;
  for (int i = 40; i < 80; ++i) {
    Exchange x = *before.exchange(i * kSecond, path, 0ns);
    const Nanos gained((i - 40) * 20'000LL);  // 20 ppm from now on
    x.t2 += gained;
    x.t3 += gained;
    const Verdict verdict = estimator.add(x);
    shortened = shortened || verdict == Verdict::shortened;
    BOOST_TEST((verdict == Verdict::taken || verdict == Verdict::shortened));
  }
  BOOST_TEST(shortened);
  BOOST_TEST(std::abs(estimator.estimate()->rate_ppm - 20) < 1);
}

BOOST_AUTO_TEST_CASE(better_stamps_replace_an_exchange_and_worse_than_possible_ones_do_not) {
  World world(6, 100 * kSecond, 10, 0);
  Estimator estimator({});
  const PathPlan path{{}, {}, 0};
  for (int i = 0; i < 10; ++i) estimator.add(*world.exchange(i * kSecond, path, 0ns));
  Exchange x = *world.exchange(10 * kSecond, path, 0ns);
  const RefTime left = x.t3;
  x.t3 = x.t2;
  BOOST_TEST((estimator.add(x) == Verdict::taken));
  const std::size_t size = estimator.size();
  x.t3 = left;
  BOOST_TEST((estimator.add(x) == Verdict::replaced));
  x.t2 += 1s;
  x.t3 += 1s;
  BOOST_TEST((estimator.add(x) == Verdict::absurd));
  BOOST_TEST(estimator.size() == size);
  BOOST_TEST(world.judge(*estimator.estimate(), 11 * kSecond).holds());
}

BOOST_AUTO_TEST_CASE(stamps_that_cannot_be_are_ignored) {
  World world(7, 200 * kSecond, 10, 0);
  Estimator estimator({});
  const PathPlan path{{}, {}, 0};
  for (int i = 100; i < 110; ++i) estimator.add(*world.exchange(i * kSecond, path, 0ns));
  Exchange backwards = *world.exchange(110 * kSecond, path, 0ns);
  std::swap(backwards.t1, backwards.t4);
  BOOST_TEST((estimator.add(backwards) == Verdict::absurd));
  Exchange quick = *world.exchange(110 * kSecond, path, 0ns);
  quick.t3 += 1s;  // the server held it for longer than it was away
  BOOST_TEST((estimator.add(quick) == Verdict::absurd));
  Exchange reversed = *world.exchange(110 * kSecond, path, 0ns);
  std::swap(reversed.t2, reversed.t3);
  BOOST_TEST((estimator.add(reversed) == Verdict::absurd));
  BOOST_TEST((estimator.add(*world.exchange(10 * kSecond, path, 0ns)) == Verdict::absurd));
  BOOST_TEST(estimator.size() == 10U);
}

BOOST_AUTO_TEST_CASE(a_full_window_forgets_the_oldest_and_a_long_silence_all) {
  World world(8, 400 * kSecond, 10, 0);
  Estimator estimator({.capacity = 16});
  const PathPlan path{{}, {}, 0};
  for (int i = 0; i < 40; ++i) estimator.add(*world.exchange(i * kSecond, path, 0ns));
  BOOST_TEST(estimator.size() == 16U);
  BOOST_TEST((estimator.add(*world.exchange(300 * kSecond, path, 0ns)) == Verdict::taken));
  BOOST_TEST(estimator.size() == 1U);
  BOOST_TEST(!estimator.estimate());
}

BOOST_AUTO_TEST_SUITE_END()
