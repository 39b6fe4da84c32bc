#include "stats/roll_up.hh"

#include <boost/test/unit_test.hpp>
#include <string>

#include "stats/batch_writer.hh"
#include "stats/schema.hh"
#include "stats/since.hh"
#include "tests/unit/stats/folder.hh"

using namespace flagfall;         // NOLINT(google-build-using-namespace): a test
using namespace flagfall::stats;  // NOLINT(google-build-using-namespace)

namespace {

struct Fixture {
  Folder folder;
  Names all = names();
  Database db{folder.file(), Database::Mode::write, 100};
  std::unique_ptr<BatchWriter> writer;
  KeepLimits keep;

  Fixture() {
    BOOST_REQUIRE(set_up(db, keep.most_bytes, true).kind == Fault::Kind::none);
    writer = BatchWriter::make(db, all);
    BOOST_REQUIRE(writer);
  }
  void write(const Batch& batch) const { BOOST_REQUIRE_MESSAGE(writer->write(batch), db.fault().text); }
  int roll(std::int64_t now) {
    RollUp roll_up(db, keep);
    int steps = 0;
    for (; roll_up.step(now) == RollUp::Step::worked; ++steps) BOOST_REQUIRE(steps < 100'000);
    return steps;
  }
  std::int64_t count(const std::string& what) { return db.number("SELECT " + what).value_or(-1); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(roll_up, Fixture)

BOOST_AUTO_TEST_CASE(seconds_become_minutes_and_hours_and_no_sum_changes) {
  for (std::int64_t t = kNow; t < kNow + std::int64_t{3600} * 2; t += 7) write(batch_of(2, t));
  const auto before = ask(folder.file());
  const std::int64_t now = kNow + std::int64_t{3600} * 2;
  BOOST_TEST(roll(now) > 100);
  // The last ten minutes are still seconds, what is older minutes.
  BOOST_TEST(count("min(time) FROM races WHERE width = 1") >= now - 660);
  BOOST_TEST(count("min(time) FROM races WHERE width = 1") <= now - 600 + 7);
  BOOST_TEST(count("count(*) FROM races WHERE width = 60") == 110);
  BOOST_TEST(count("count(*) FROM races WHERE width = 3600") == 0);
  BOOST_TEST(ask(folder.file()) == before);
  roll(now + std::int64_t{3600} * 6);
  BOOST_TEST(count("count(*) FROM races WHERE width = 1") == 0);
  BOOST_TEST(count("count(*) FROM races WHERE width = 60") == 0);
  BOOST_TEST(count("count(*) FROM races WHERE width = 3600") == 2);
  auto after = ask(folder.file());
  after["first"] = before["first"];
  BOOST_TEST(after == before);
  BOOST_TEST(roll(now + std::int64_t{3600} * 6) == 0);
}

BOOST_AUTO_TEST_CASE(a_late_race_joins_the_minute_that_was_rolled_up_already) {
  write(batch_of(3));
  roll(kNow + 700);
  write(batch_of(2));
  roll(kNow + 700);
  BOOST_TEST(count("count(*) FROM races") == 1);
  BOOST_TEST(races_in(folder.file()) == 5);
}

BOOST_AUTO_TEST_CASE(the_busiest_prefixes_keep_a_cell_and_the_rest_is_other) {
  SeededRandom random(1);
  TallyOptions many;
  many.prefixes = 10'000;
  Tally tally(many, random);
  for (int second = 0; second < 20; ++second)
    for (int n = 0; n < 100; ++n) {
      const std::string client = "10.0." + std::to_string(n) + ".1";
      for (int k = 0; k < (n < 5 ? 3 : 1); ++k)
        tally.add(race_of(client.c_str(), {{0}, {1}}, kNow + second), kNow + second);
    }
  write(tally.take());
  keep.prefixes = 5;
  roll(kNow + 3600);
  BOOST_TEST(count("count(*) FROM races") == 6);
  BOOST_TEST(count("races FROM races WHERE prefix = 'other'") == 20 * 95);
  BOOST_TEST(count("races FROM races WHERE prefix = '10.0.3.0/24'") == 20 * 3);
  BOOST_TEST(count("sum(ran) FROM runners WHERE prefix = 'other'") == 2 * 20 * 95);
  roll(kNow + std::int64_t{3600} * 9);
  BOOST_TEST(count("count(*) FROM races") == 6);
  BOOST_TEST(count("sum(races) FROM races") == 20 * 110);
}

BOOST_AUTO_TEST_CASE(hours_go_when_they_are_too_old) {
  write(batch_of(1));
  roll(kNow + std::int64_t{365} * 86'400);
  BOOST_TEST(races_in(folder.file()) == 1);
  roll(kNow + std::int64_t{365} * 86'400 + 7200);
  BOOST_TEST(races_in(folder.file()) == 0);
  BOOST_TEST(count("count(*) FROM counters") == 0);
}

BOOST_AUTO_TEST_CASE(the_file_stays_within_its_size_and_the_newest_is_what_stays) {
  keep.most_bytes = std::int64_t{1} << 20;
  BOOST_REQUIRE(set_up(db, keep.most_bytes, false).kind == Fault::Kind::none);
  SeededRandom random(1);
  Tally tally({}, random);
  RollUp roll_up(db, keep);
  std::uintmax_t largest = 0;
  const std::int64_t end = kNow + std::int64_t{3600} * 60;
  for (std::int64_t t = kNow; t < end; t += 600) {
    for (int n = 0; n < 60; ++n) {
      const std::string client = "10." + std::to_string(t % 97) + "." + std::to_string(n) + ".1";
      tally.add(won(race_of(client.c_str(), {{0}, {1}, {2}}, t), 0, 2.0), t);
    }
    write(tally.take());
    while (roll_up.step(t) == RollUp::Step::worked) {
    }
    largest = std::max(largest, std::filesystem::file_size(folder.file()));
  }
  BOOST_TEST(largest <= std::uintmax_t(keep.most_bytes) * 5 / 4);
  const auto told = ask(folder.file());
  BOOST_TEST(told["totals"]["races"].get<int>() > 500);
  BOOST_TEST(told["totals"]["races"].get<int>() < 360 * 60);
  BOOST_TEST(*parse_since(told["first"].get<std::string>(), 0) > kNow);
  BOOST_TEST(ask(folder.file(), By::server, end - 600)["totals"]["races"].get<int>() >= 60);
}

BOOST_AUTO_TEST_CASE(arrivals_that_nobody_measures_any_more_are_forgotten) {
  SeededRandom random(1);
  Tally tally({}, random);
  tally.add(race_of("192.0.2.9", {{0, race::Fate::sent, 4}, {1, race::Fate::sent, 9}}), kNow);
  write(tally.take());
  BOOST_TEST(count("count(*) FROM arrivals") == 2);
  BOOST_TEST(read_arrivals(db, all).size() == 2U);
  Names others{{"web"}, {"fra", "tokyo"}};
  BOOST_TEST(read_arrivals(db, others).size() == 1U);  // nyc is configured no more
  roll(kNow + 90'000);
  BOOST_TEST(count("count(*) FROM arrivals") == 0);
}

BOOST_AUTO_TEST_SUITE_END()
