#include "stats/arrivals.hh"

#include <boost/test/unit_test.hpp>
#include <vector>

#include "tests/unit/stats/races.hh"

using namespace flagfall;         // NOLINT(google-build-using-namespace): a test
using namespace flagfall::stats;  // NOLINT(google-build-using-namespace)
using race::Fate;

namespace {

constexpr auto kClient = "192.0.2.9";
const Prefix kPrefix = *parse_prefix("192.0.2.0/24");
const std::vector<std::uint16_t> kField{0, 1, 2};

struct Fixture {
  SeededRandom random{11};
  Arrivals arrivals{{}, random};

  void teach(std::initializer_list<Ran> runners, int times = 1) {
    for (int i = 0; i < times; ++i) BOOST_REQUIRE(arrivals.learn(race_of(kClient, runners), kPrefix, kNow));
  }
  auto saved(std::uint16_t winner, const std::vector<std::uint16_t>& field = kField,
             std::int64_t now = kNow) const {
    return arrivals.saved(won(race_of(kClient, {{0}, {1}, {2}}), winner), kPrefix, field, now);
  }
  static double in_ms(Nanos n) { return static_cast<double>(n.count()) * 1e-6; }
  /// In ms, or a failure.
  [[nodiscard]] double second(std::uint16_t winner) const {
    const auto s = saved(winner);
    BOOST_REQUIRE(s);
    return in_ms(s->second_best);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(arrivals, Fixture)

BOOST_AUTO_TEST_CASE(places_follow_from_pairs_that_were_never_all_measured_together) {
  // The way back differs from race to race: only differences count.
  for (int i = 0; i < 5; ++i) {
    const double back = 30.0 + 7 * i;
    teach({{0, Fate::sent, back + 4}, {1, Fate::sent, back + 10}});
    teach({{1, Fate::sent, 2 * back + 10}, {2, Fate::sent, 2 * back + 25}});
  }
  const auto s = saved(0);
  BOOST_REQUIRE(s);
  BOOST_TEST(s->winner == 0);
  BOOST_TEST(in_ms(s->second_best) == 6, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(in_ms(s->random) == (0.0 + 6 + 21) / 3, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(a_win_that_was_not_the_nearest_ones_has_cost_time) {
  teach({{0, Fate::sent, 10}, {1, Fate::sent, 16}, {2, Fate::sent, 31}}, 3);
  BOOST_TEST(second(1) == -6, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(second(2) == -21, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(without_a_verdict_the_nearest_that_sent_on_time_counts_as_the_winner) {
  teach({{0, Fate::sent, 10}, {1, Fate::sent, 16}, {2, Fate::sent, 31}}, 3);
  auto race = race_of(kClient, {{0, Fate::sent_late}, {1}, {2}});
  auto s = arrivals.saved(race, kPrefix, kField, kNow);
  BOOST_REQUIRE(s);
  BOOST_TEST(s->winner == 1);
  race = race_of(kClient, {{0, Fate::unreported}});
  BOOST_TEST(!arrivals.saved(race, kPrefix, kField, kNow));
}

BOOST_AUTO_TEST_CASE(nothing_is_known_before_three_samples_of_every_slave_of_the_field) {
  teach({{0, Fate::sent, 10}, {1, Fate::sent, 16}}, 9);
  BOOST_TEST(!saved(0));
  BOOST_TEST(saved(0, {0, 1}).has_value());
  teach({{1, Fate::sent, 16}, {2, Fate::sent, 30}}, 2);
  BOOST_TEST(!saved(0));
  teach({{1, Fate::sent, 16}, {2, Fate::sent, 30}});
  BOOST_TEST(saved(0).has_value());
  BOOST_TEST(!saved(0, {0}));  // alone there is nothing to save
}

BOOST_AUTO_TEST_CASE(two_pairs_that_nobody_links_are_not_compared) {
  const std::vector<std::uint16_t> four{0, 1, 2, 3};
  teach({{0, Fate::sent, 10}, {1, Fate::sent, 16}}, 5);
  teach({{2, Fate::sent, 500}, {3, Fate::sent, 501}}, 5);
  BOOST_TEST(!saved(0, four));
  teach({{1, Fate::sent, 16}, {2, Fate::sent, 20}});  // the link: 2 is 4 ms behind 1
  const auto s = saved(0, four);
  BOOST_REQUIRE(s);
  BOOST_TEST(in_ms(s->random) == (0 + 6 + 10 + 11) / 4.0, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(one_arrival_teaches_nothing_nor_does_a_shadow_race) {
  BOOST_TEST(!arrivals.learn(race_of(kClient, {{0, Fate::sent, 10}, {1}}), kPrefix, kNow));
  auto race = race_of(kClient, {{0, Fate::sent, 10}, {1, Fate::sent, 12}});
  race.shadow = true;
  BOOST_TEST(!arrivals.learn(race, kPrefix, kNow));
  BOOST_TEST(arrivals.size() == 0U);
}

BOOST_AUTO_TEST_CASE(what_an_answer_left_late_is_not_its_paths) {
  for (int i = 0; i < 4; ++i) {
    auto race = race_of(kClient, {{0, Fate::sent, 10}, {1, Fate::sent_late, 36}});
    race.runners[1].transmit_error = ms(20);
    BOOST_REQUIRE(arrivals.learn(race, kPrefix, kNow));
  }
  const auto s = saved(0, {0, 1});
  BOOST_REQUIRE(s);
  BOOST_TEST(in_ms(s->second_best) == 6, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(outliers_hardly_move_a_place) {
  SeededRandom noise(5);
  const auto jitter = [&] { return 0.2 * noise.unit(); };
  for (int i = 0; i < 200; ++i) {
    const double spike = i % 10 == 5 ? 150 : 0;  // every tenth waits in a queue
    teach({{0, Fate::sent, 10 + jitter()}, {1, Fate::sent, 16 + jitter() + spike}});
  }
  const auto s = saved(0, {0, 1});
  BOOST_REQUIRE(s);
  // The plain mean would say 21.
  BOOST_TEST(in_ms(s->second_best) > 5.5);
  BOOST_TEST(in_ms(s->second_best) < 8.5);
}

BOOST_AUTO_TEST_CASE(a_path_that_has_changed_is_followed_within_60_races) {
  SeededRandom noise(5);
  const auto jitter = [&] { return 0.2 * noise.unit(); };
  for (int i = 0; i < 200; ++i) teach({{0, Fate::sent, 10 + jitter()}, {1, Fate::sent, 16 + jitter()}});
  for (int i = 0; i < 60; ++i) teach({{0, Fate::sent, 30 + jitter()}, {1, Fate::sent, 16 + jitter()}});
  const auto s = saved(1, {0, 1});
  BOOST_REQUIRE(s);
  BOOST_TEST(in_ms(s->second_best) == 14, boost::test_tools::tolerance(0.1));
}

BOOST_AUTO_TEST_CASE(a_day_without_a_measurement_and_it_is_forgotten) {
  teach({{0, Fate::sent, 10}, {1, Fate::sent, 16}}, 3);
  BOOST_TEST(saved(0, {0, 1}, kNow + 86'400).has_value());
  BOOST_TEST(!saved(0, {0, 1}, kNow + 86'401));
}

BOOST_AUTO_TEST_CASE(prefixes_are_bounded_and_who_was_longest_unheard_of_goes) {
  ArrivalOptions options;
  options.most = 3;
  Arrivals few(options, random);
  const auto race = race_of(kClient, {{0, Fate::sent, 10}, {1, Fate::sent, 16}});
  const auto network = [](int n) { return *parse_prefix("10.0." + std::to_string(n) + ".0/24"); };
  for (int round = 0; round < 3; ++round)
    for (int n = 0; n < 3; ++n) BOOST_REQUIRE(few.learn(race, network(n), kNow));
  BOOST_REQUIRE(few.learn(race, network(0), kNow));
  BOOST_REQUIRE(few.learn(race, network(3), kNow));  // 1 was the last but taught longest ago
  BOOST_TEST(few.size() == 3U);
  const auto judged = won(race_of(kClient, {{0}, {1}}), 0);
  const std::vector<std::uint16_t> field{0, 1};
  BOOST_TEST(few.saved(judged, network(0), field, kNow).has_value());
  BOOST_TEST(!few.saved(judged, network(1), field, kNow));
  BOOST_TEST(few.saved(judged, network(2), field, kNow).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_written_and_restored_goes_on_where_it_was) {
  teach({{0, Fate::sent, 10}, {1, Fate::sent, 16}, {2, Fate::sent, 31}}, 5);
  const auto rows = arrivals.take_changed();
  BOOST_TEST(rows.size() == 3U);
  BOOST_TEST(arrivals.take_changed().empty());
  Arrivals next({}, random);
  next.restore(rows, kNow + 100);
  BOOST_TEST(next.take_changed().empty());  // it is in the file already
  const auto s = next.saved(won(race_of(kClient, {{0}, {1}, {2}}), 0), kPrefix, kField, kNow + 100);
  BOOST_REQUIRE(s);
  BOOST_TEST(in_ms(s->second_best) == 6, boost::test_tools::tolerance(1e-3));
  // What was learned meanwhile counts more than the file; what is too old, or of the future, counts nothing.
  Arrivals later({}, random);
  BOOST_REQUIRE(later.learn(race_of(kClient, {{0, Fate::sent, 1}, {1, Fate::sent, 2}}), kPrefix, kNow + 100));
  later.restore(rows, kNow + 100);
  BOOST_TEST(!later.saved(won(race_of(kClient, {{0}, {1}, {2}}), 0), kPrefix, kField, kNow + 100));
  Arrivals old({}, random);
  old.restore(rows, kNow + 90'000);
  old.restore(rows, kNow - 1);
  BOOST_TEST(old.size() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
