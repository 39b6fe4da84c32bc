#include "stats/report.hh"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <string>

#include "stats/batch_writer.hh"
#include "stats/schema.hh"
#include "tests/unit/stats/folder.hh"

using namespace flagfall;         // NOLINT(google-build-using-namespace): a test
using namespace flagfall::stats;  // NOLINT(google-build-using-namespace)
using race::Certainty;
using race::Fate;
using race::Way;

namespace {

struct Fixture {
  Folder folder;
  Names all = names();
  SeededRandom random{1};
  Tally tally{{}, random};

  void write() {
    Database db(folder.file(), Database::Mode::write, 100);
    BOOST_REQUIRE(set_up(db, 1 << 24, true).kind == Fault::Kind::none);
    const auto writer = BatchWriter::make(db, all);
    BOOST_REQUIRE(writer);
    BOOST_REQUIRE(writer->write(tally.take()));
  }
  /// Three hours: near 192.0.2.0/24 fra wins, near 198.51.100.0/24 nyc; some by little.
  void fill() {
    for (int hour = 0; hour < 3; ++hour) {
      const std::int64_t at = kNow + std::int64_t{3600} * hour;
      for (int i = 0; i < 10; ++i) {
        tally.add(won(race_of("192.0.2.9", {{0, Fate::sent, 10}, {1, Fate::sent, 14}}, at), 0, 4.0), at);
        tally.add(won(race_of("192.0.2.9", {{1, Fate::sent, 14}, {2, Fate::sent, 30}}, at), 1, 16.0), at);
        tally.add(race_of("192.0.2.77", {{0}, {1}, {2, Fate::sent_late}}, at), at);
      }
      for (int i = 0; i < 5; ++i)
        tally.add(
            won(race_of("198.51.100.4", {{0}, {1}}, at, 1), 1, {}, i == 0, Way::beacon, Certainty::likely),
            at);
      tally.count("fallback_retry", 3, at);
      tally.count("fallback_guard_prefix", 2, at);
      tally.count("fallback_unverified_never", 1, at);
      tally.count("races_ordered", 35, at);
    }
    write();
  }
  static const nlohmann::json& row(const nlohmann::json& answer, const char* key, const char* value) {
    for (const auto& each : answer["rows"])
      if (each[key] == value) return each;
    BOOST_FAIL(std::string("no row of ") + value + " in " + answer.dump(2));
    return answer;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(report, Fixture)

BOOST_AUTO_TEST_CASE(totals_are_those_of_all_races) {
  fill();
  const auto totals = ask(folder.file())["totals"];
  BOOST_TEST(totals["races"] == 105);
  BOOST_TEST(totals["verdicts"] == 75);
  BOOST_TEST(totals["without_verdict"] == 30);
  BOOST_TEST(totals["within_error"] == 3);
  BOOST_TEST(totals["measured"] == 60);
  BOOST_TEST(totals["ways"]["icmp"]["certain"] == 60);
  BOOST_TEST(totals["ways"]["beacon"]["likely"] == 15);
  BOOST_TEST(totals["fallback"]["retry"] == 9);
  BOOST_TEST(totals["guard_refused"] == 9);
  BOOST_TEST(totals["counters"]["races_ordered"] == 105);
  BOOST_TEST(totals["late"] == 30);
}

BOOST_AUTO_TEST_CASE(a_servers_wins_are_a_share_of_the_judged_races_it_ran_in) {
  fill();
  const auto answer = ask(folder.file());
  BOOST_TEST(answer["rows"].size() == 3U);
  const auto nyc = row(answer, "server", "nyc");
  BOOST_TEST(nyc["ran"] == 105);
  BOOST_TEST(nyc["judged"] == 75);
  BOOST_TEST(nyc["won"] == 45);
  BOOST_TEST(nyc["won_share"] == 0.6);
  BOOST_TEST(nyc["within_error"] == 3);
  BOOST_TEST(nyc["margin_ms"]["count"] == 30);
  BOOST_TEST(nyc["margin_ms"]["mean"] == 16.0);
  BOOST_TEST(nyc["margin_ms"]["p50"].get<double>() >= 16.0);
  BOOST_TEST(nyc["margin_ms"]["p50"].get<double>() <= 17.0);
  const auto sin = row(answer, "server", "sin");
  BOOST_TEST(sin["won"] == 0);
  BOOST_TEST(sin["margin_ms"]["p50"].is_null());
  BOOST_TEST(sin["fates"]["sent_late"] == 30);
  BOOST_TEST(sin["late_share"] == 0.5);
  BOOST_TEST(answer["rows"][0]["server"] == "nyc");  // who won most is the first
}

BOOST_AUTO_TEST_CASE(by_prefix_it_says_who_wins_and_where_answers_arrive) {
  fill();
  const auto answer = ask(folder.file(), By::prefix);
  const auto near = row(answer, "prefix", "192.0.2.0/24");
  BOOST_TEST(near["races"] == 90);
  BOOST_TEST(near["wins"]["fra"]["won"] == 30);
  BOOST_TEST(near["wins"]["fra"]["judged"] == 30);
  BOOST_TEST(near["wins"]["nyc"]["judged"] == 60);
  BOOST_REQUIRE(near["arrivals"].size() == 3U);
  BOOST_TEST(near["arrivals"][0]["server"] == "fra");
  BOOST_TEST(near["arrivals"][1]["behind_ms"].get<double>() == 4, boost::test_tools::tolerance(1e-3));
  BOOST_TEST(near["arrivals"][2]["behind_ms"].get<double>() == 20, boost::test_tools::tolerance(1e-3));
  BOOST_TEST(near["arrivals"][2]["samples"] == 30);
  const auto far = row(answer, "prefix", "198.51.100.0/24");
  BOOST_TEST(far["arrivals"].empty());
  BOOST_TEST(far["saved_ms"]["second_best"].is_null());  // nothing was measured there: not zero
  BOOST_TEST(far["saved_ms"]["races"] == 0);
}

BOOST_AUTO_TEST_CASE(what_is_saved_is_the_mean_over_all_races_whose_field_is_known) {
  fill();
  const auto saved = row(ask(folder.file(), By::prefix), "prefix", "192.0.2.0/24")["saved_ms"];
  // fra's wins and those races without a verdict save 4 ms, nyc's without fra cost 4: a third of them each.
  const auto races = saved["races"].get<double>();
  BOOST_TEST(races >= 80);
  BOOST_TEST(saved["judged"].get<double>() < races);
  BOOST_TEST(saved["second_best"].get<double>() == 4.0 / 3, boost::test_tools::tolerance(0.1));
  BOOST_TEST(saved["random"].get<double>() == 8 - 4.0 / 3, boost::test_tools::tolerance(0.1));
}

BOOST_AUTO_TEST_CASE(a_service_an_hour_and_a_time_can_be_asked_for) {
  fill();
  auto answer = ask(folder.file(), By::service);
  BOOST_TEST(row(answer, "service", "web")["races"] == 90);
  BOOST_TEST(row(answer, "service", "api")["races"] == 15);
  answer = ask(folder.file(), By::hour);
  BOOST_REQUIRE(answer["rows"].size() == 3U);
  BOOST_TEST(answer["rows"][0]["hour"] == "2026-11-21T10:00:00Z");
  BOOST_TEST(answer["rows"][2]["races"] == 35);
  BOOST_TEST(ask(folder.file(), By::server, kNow + 1)["totals"]["races"] == 70);
  BOOST_TEST(ask(folder.file(), By::server, kNow)["totals"]["races"] == 105);
  BOOST_TEST(ask(folder.file(), By::server, kNow, kNow + 1)["totals"]["races"] == 35);
  Question question;
  question.service = "api";
  question.until = kNow * 2;
  BOOST_TEST((*stats::report(folder.file(), question))["totals"]["races"] == 15);
  question.service = "'; DROP TABLE races; --";
  const auto none = stats::report(folder.file(), question);
  BOOST_REQUIRE(none);
  BOOST_TEST((*none)["totals"]["races"] == 0);
  BOOST_TEST((*none)["first"].is_null());
}

BOOST_AUTO_TEST_CASE(no_more_rows_than_asked_for_and_the_busiest_of_them) {
  for (int n = 0; n < 50; ++n)
    for (int k = 0; k <= n; ++k)
      tally.add(race_of(("10.0." + std::to_string(n) + ".1").c_str(), {{0}}), kNow);
  write();
  Question question;
  question.by = By::prefix;
  question.until = kNow * 2;
  question.rows = 3;
  const auto answer = *stats::report(folder.file(), question);
  BOOST_TEST(answer["rows"].size() == 3U);
  BOOST_TEST(answer["rows_left_out"] == 47);
  BOOST_TEST(answer["rows"][0]["prefix"] == "10.0.49.0/24");
  BOOST_TEST(answer["totals"]["races"] == 1275);
}

BOOST_AUTO_TEST_CASE(an_empty_database_has_no_races) {
  write();
  for (const By by : {By::server, By::prefix, By::service, By::hour}) {
    const auto answer = ask(folder.file(), by);
    BOOST_TEST(answer["rows"].empty());
    BOOST_TEST(answer["totals"]["races"] == 0);
    BOOST_TEST(answer["totals"]["verdict_share"].is_null());
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_statistics_is_said_in_one_line) {
  const auto error = [](const std::string& file) {
    const auto answer = stats::report(file, {});
    BOOST_REQUIRE(!answer);
    BOOST_TEST(answer.error().starts_with(file + ": "));
    return answer.error();
  };
  BOOST_TEST(error(folder.file()).find("No such file or directory") != std::string::npos);
  std::ofstream(folder.file()) << std::string(5000, 'z');
  BOOST_TEST(error(folder.file()).find("no database of flagfall's") != std::string::npos);
  std::ofstream(folder.file()) << "";
  BOOST_TEST(error(folder.file()).find("no database of flagfall's") != std::string::npos);
  error(folder.path.string());  // a folder
}

BOOST_AUTO_TEST_CASE(a_hostile_file_is_an_error_or_an_answer_and_never_more) {
  fill();
  {
    Database db(folder.file(), Database::Mode::write, 100);
    // Text for numbers, bytes that are no UTF-8, figures beyond all bounds, buckets that there are not.
    BOOST_REQUIRE(
        db.run("UPDATE runners SET won = 'many', slave = CAST(x'ff1b5b324aff' AS TEXT) WHERE slave = 'sin';"
               "UPDATE races SET races = 9223372036854775807 WHERE prefix = '192.0.2.0/24' AND time = " +
               std::to_string(kNow) +
               ";"
               "UPDATE margins SET bucket = -5 WHERE slave = 'fra';"
               "UPDATE arrivals SET samples = -1, updated = 9223372036854775807"));
  }
  for (const By by : {By::server, By::prefix, By::service, By::hour}) {
    Question question;
    question.by = by;
    question.until = kNow * 2;
    if (const auto answer = stats::report(folder.file(), question))
      BOOST_TEST(!stats::to_text(*answer).empty());
  }
  std::ifstream in(folder.file(), std::ios::binary);
  const std::string good{std::istreambuf_iterator<char>(in), {}};
  for (int i = 0; i < 200; ++i) {
    std::string bad = good;
    for (int k = 0; k < 20; ++k)
      bad[100 + random.next() % (bad.size() - 100)] = static_cast<char>(random.next());
    std::ofstream(folder.file(), std::ios::binary) << bad;
    Question question;
    question.by = static_cast<By>(i % 4);
    question.until = kNow * 2;
    if (const auto answer = stats::report(folder.file(), question))
      BOOST_TEST(!stats::to_text(*answer).empty());
  }
}

BOOST_AUTO_TEST_SUITE_END()
