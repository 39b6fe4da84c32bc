#include "stats/tally.hh"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>

#include "common/base/histogram.hh"
#include "tests/unit/stats/races.hh"

using namespace flagfall;         // NOLINT(google-build-using-namespace): a test
using namespace flagfall::stats;  // NOLINT(google-build-using-namespace)
using race::Certainty;
using race::Fate;
using race::Way;

namespace {

struct Fixture {
  SeededRandom random{3};
  TallyOptions options;
};

const Group& group_of(const Batch& batch, const char* prefix, std::int64_t time = kNow) {
  const auto at = std::ranges::find_if(batch.groups, [&](const Group& g) {
    return g.time == time && (g.prefix ? to_string(*g.prefix) : std::string(kOther)) == prefix;
  });
  BOOST_REQUIRE(at != batch.groups.end());
  return *at;
}

const RunnerCounts& runner_of(const Group& group, std::uint16_t slave) {
  const auto at = std::ranges::find(group.runners, slave, &Group::Runner::slave);
  BOOST_REQUIRE(at != group.runners.end());
  return at->counts;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(tally, Fixture)

BOOST_AUTO_TEST_CASE(races_add_up_by_second_service_prefix_and_slave) {
  Tally tally(options, random);
  tally.add(won(race_of("192.0.2.9", {{0}, {1, Fate::sent_late}}), 0, 4.0), kNow + 3);
  tally.add(won(race_of("192.0.2.200", {{0}, {1}}), 1, {}, true, Way::beacon, Certainty::likely), kNow + 3);
  tally.add(race_of("192.0.2.200", {{0, Fate::unreported}, {1, Fate::dropped_late}}), kNow + 3);
  tally.add(race_of("2001:db8:0:1::9", {{0}, {1}}, kNow + 1), kNow + 3);
  tally.add(race_of("192.0.2.9", {{0}}, kNow, 1), kNow + 3);
  const Batch batch = tally.take();
  BOOST_TEST(batch.races == 5);
  BOOST_TEST(batch.groups.size() == 3U);
  const Group& v4 = group_of(batch, "192.0.2.0/24");
  BOOST_TEST(v4.service == 0);
  BOOST_TEST(v4.counts[RaceColumn::races] == 3);
  BOOST_TEST(v4.counts[RaceColumn::icmp_certain] == 1);
  BOOST_TEST(v4.counts[RaceColumn::beacon_likely] == 1);
  BOOST_TEST(v4.counts[RaceColumn::within_error] == 1);
  const RunnerCounts& first = runner_of(v4, 0);
  BOOST_TEST(first[RunnerColumn::ran] == 3);
  BOOST_TEST(first[RunnerColumn::judged] == 2);
  BOOST_TEST(first[RunnerColumn::won] == 1);
  BOOST_TEST(first[RunnerColumn::within_error] == 0);
  BOOST_TEST(first[RunnerColumn::sent] == 2);
  BOOST_TEST(first[RunnerColumn::unreported] == 1);
  BOOST_TEST(first[RunnerColumn::margins] == 1);
  BOOST_TEST(first[RunnerColumn::margin_ns] == 4'000'000);
  const RunnerCounts& second = runner_of(v4, 1);
  BOOST_TEST(second[RunnerColumn::won] == 1);
  BOOST_TEST(second[RunnerColumn::within_error] == 1);
  BOOST_TEST(second[RunnerColumn::sent_late] == 1);
  BOOST_TEST(second[RunnerColumn::dropped_late] == 1);
  BOOST_TEST(group_of(batch, "2001:db8::/56", kNow + 1).counts[RaceColumn::races] == 1);
  BOOST_REQUIRE(batch.margins.size() == 1U);
  BOOST_TEST(batch.margins[0].bucket == Histogram::bucket_of(4'000'000));
  BOOST_TEST(tally.take().empty());
}

BOOST_AUTO_TEST_CASE(every_fate_and_every_way_has_its_column) {
  Tally tally(options, random);
  for (std::size_t f = 0; f < race::kFateNames.size(); ++f)
    for (std::size_t n = 0; n <= f; ++n) tally.add(race_of("192.0.2.9", {{0, static_cast<Fate>(f)}}), kNow);
  for (std::size_t w = 0; w < race::kWayNames.size(); ++w)
    for (std::size_t c = 0; c < 2; ++c)
      tally.add(
          won(race_of("192.0.3.9", {{0}}), 0, {}, false, static_cast<Way>(w), static_cast<Certainty>(c)),
          kNow);
  const Batch batch = tally.take();
  const RunnerCounts& fates = runner_of(group_of(batch, "192.0.2.0/24"), 0);
  for (std::size_t f = 0; f < race::kFateNames.size(); ++f) {
    const std::size_t column = static_cast<std::size_t>(RunnerColumn::unreported) + f;
    BOOST_TEST(kRunnerColumns.at(column) == race::kFateNames.at(f));
    BOOST_TEST(fates.n.at(column) == static_cast<std::int64_t>(f) + 1);
  }
  const RaceCounts& ways = group_of(batch, "192.0.3.0/24").counts;
  auto column = static_cast<std::size_t>(RaceColumn::icmp_likely);
  for (const auto& way : race::kWayNames)
    for (const auto& certainty : race::kCertaintyNames) {
      BOOST_TEST(kRaceColumns.at(column) == std::string(way) + "_" + std::string(certainty));
      BOOST_TEST(ways.n.at(column++) == 1);
    }
}

BOOST_AUTO_TEST_CASE(shadow_races_are_counted_apart) {
  Tally tally(options, random);
  auto race = race_of("192.0.2.9", {{0, Fate::withheld}, {1, Fate::withheld}});
  race.shadow = true;
  tally.add(race, kNow);
  const Batch batch = tally.take();
  BOOST_TEST(batch.groups[0].counts[RaceColumn::races] == 0);
  BOOST_TEST(batch.groups[0].counts[RaceColumn::shadow] == 1);
}

BOOST_AUTO_TEST_CASE(prefixes_without_room_share_one_cell) {
  options.prefixes = 10;
  Tally tally(options, random);
  for (int n = 0; n < 100; ++n)
    tally.add(race_of(("10.0." + std::to_string(n) + ".1").c_str(), {{0}, {1}}), kNow);
  tally.add(race_of("10.0.3.1", {{0}, {1}}), kNow);
  BOOST_TEST(tally.others() == 90U);
  BOOST_TEST(tally.lost() == 0U);
  Batch batch = tally.take();
  BOOST_TEST(batch.groups.size() == 11U);
  BOOST_TEST(batch.races == 101);
  BOOST_TEST(group_of(batch, "other").counts[RaceColumn::races] == 90);
  BOOST_TEST(group_of(batch, "10.0.3.0/24").counts[RaceColumn::races] == 2);
  tally.add(race_of("10.0.99.1", {{0}}, kNow + 1), kNow + 1);  // there is room again
  batch = tally.take();
  BOOST_TEST(group_of(batch, "10.0.99.0/24", kNow + 1).counts[RaceColumn::races] == 1);
}

BOOST_AUTO_TEST_CASE(memory_is_bounded_while_nobody_takes) {
  options.prefixes = 100;
  options.arrivals.most = 50;
  Tally tally(options, random);
  for (int second = 0; second < 10'000; ++second)
    for (int n = 0; n < 4; ++n) {
      const std::string client = "10." + std::to_string(second % 200) + "." + std::to_string(n) + ".1";
      tally.add(won(race_of(client.c_str(), {{0, Fate::sent, 5}, {1, Fate::sent, 7 + n}}, kNow + second), 0,
                    1.0 + n),
                kNow + second);
      tally.count("fallback", 1, kNow + second);
    }
  BOOST_TEST(tally.races() == 40'000U);
  BOOST_TEST(tally.lost() > 0U);
  BOOST_TEST(tally.measured_prefixes() == 50U);
  const Batch batch = tally.take();
  BOOST_TEST(batch.groups.size() <= 100U + 4096);
  BOOST_TEST(batch.margins.size() <= 16'384U);
  std::int64_t counted = 0;
  for (const CounterCell& cell : batch.counters) counted += cell.count;
  BOOST_TEST(counted == 40'000);
  std::int64_t races = 0;
  for (const Group& group : batch.groups) races += group.counts[RaceColumn::races];
  BOOST_TEST(races == batch.races);
  BOOST_TEST(static_cast<std::uint64_t>(races) + tally.lost() >= 40'000U);  // lost margins are in it, too
}

BOOST_AUTO_TEST_CASE(an_instant_far_from_now_counts_as_now) {
  Tally tally(options, random);
  tally.add(race_of("192.0.2.9", {{0}}, 5), kNow);
  tally.add(race_of("192.0.2.9", {{0}}, kNow + 1'000'000'000), kNow);
  const Batch batch = tally.take();
  BOOST_TEST(group_of(batch, "192.0.2.0/24").counts[RaceColumn::races] == 2);
}

BOOST_AUTO_TEST_CASE(what_is_saved_counts_for_the_winner_once_arrivals_are_known) {
  Tally tally(options, random);
  const auto taught =
      won(race_of("192.0.2.9", {{0, Fate::sent, 10}, {1, Fate::sent, 16}, {2, Fate::sent, 31}}), 0, 6.0);
  for (int i = 0; i < 3; ++i) tally.add(taught, kNow);
  tally.add(race_of("192.0.2.9", {{0}, {1}, {2}}), kNow);          // no verdict: the nearest, seemingly
  tally.add(won(race_of("192.0.2.9", {{0}, {1}, {2}}), 1), kNow);  // 6 ms later than 0 would have been
  tally.add(won(race_of("198.51.100.9", {{0}, {1}, {2}}), 1, 1.), kNow);  // of that one nothing is known
  const Batch batch = tally.take();
  const Group& group = group_of(batch, "192.0.2.0/24");
  BOOST_TEST(group.counts[RaceColumn::measured] == 3);
  const RunnerCounts& first = runner_of(group, 0);
  BOOST_TEST(first[RunnerColumn::saved] == 2);  // the third of the taught ones, and the one without a verdict
  BOOST_TEST(first[RunnerColumn::saved_judged] == 1);
  BOOST_TEST(first[RunnerColumn::saved_second_ns] == 12'000'000);
  BOOST_TEST(first[RunnerColumn::saved_random_ns] == 18'000'000);
  const RunnerCounts& second = runner_of(group, 1);
  BOOST_TEST(second[RunnerColumn::saved] == 1);
  BOOST_TEST(second[RunnerColumn::saved_second_ns] == -6'000'000);
  BOOST_TEST(runner_of(group_of(batch, "198.51.100.0/24"), 1)[RunnerColumn::saved] == 0);
  BOOST_TEST(batch.arrivals.size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_slave_that_has_not_run_for_ten_minutes_is_not_compared_with) {
  Tally tally(options, random);
  tally.add(race_of("192.0.2.9", {{0}, {1}, {2}}), kNow);  // 2 is never measured
  const auto taught = race_of("192.0.2.9", {{0, Fate::sent, 10}, {1, Fate::sent, 16}}, kNow + 500);
  for (int i = 0; i < 3; ++i) tally.add(taught, kNow + 500);
  Batch batch = tally.take();
  for (const Group& group : batch.groups)
    for (const Group::Runner& r : group.runners) BOOST_TEST(r.counts[RunnerColumn::saved] == 0);
  tally.add(race_of("192.0.2.9", {{0}, {1}}, kNow + 601), kNow + 601);
  batch = tally.take();
  BOOST_TEST(runner_of(batch.groups.at(0), 0)[RunnerColumn::saved] == 1);
}

BOOST_AUTO_TEST_SUITE_END()
