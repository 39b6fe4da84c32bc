// Arrivals in, lines out.
#include "tools/race_book.hh"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

using namespace std::chrono_literals;
using flagfall::tools::RaceBook;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(race_book)

BOOST_AUTO_TEST_CASE(the_first_arrival_is_marked_and_the_others_say_how_far_behind) {
  RaceBook book;
  const unsigned race = book.start("a.test");
  BOOST_TEST(race == 1U);
  BOOST_TEST(book.arrive(race, {"192.0.2.10", 20'412us}) == "race 1: 192.0.2.10          20.412 ms  * first");
  BOOST_TEST(book.arrive(race, {"192.0.2.11", 24'815us}) ==
             "race 1: 192.0.2.11          24.815 ms    +4.403 ms");
  BOOST_TEST(book.arrive(race, {"2001:db8:ffff::1234", 30ms, "fra"}) ==
             "race 1: 2001:db8:ffff::1234    30.000 ms    +9.588 ms [fra]");
  BOOST_TEST(book.finish(race, 1s).empty());
}

BOOST_AUTO_TEST_CASE(a_race_without_an_answer_says_so) {
  RaceBook book;
  BOOST_TEST(book.finish(book.start("a.test"), 1500ms) == "race 1: no answer within 1500 ms");
  BOOST_TEST(book.answered() == 0U);
  BOOST_TEST(has(book.summary("t"), "1 queries, 0 answered (100.0% unanswered)"));
}

BOOST_AUTO_TEST_CASE(the_summary_counts_wins_and_distances_of_each_server) {
  RaceBook book;
  for (int i = 0; i < 4; ++i) {
    const unsigned race = book.start("a.test");
    const bool fra = i != 3;
    (void)book.arrive(race, {fra ? "fra" : "nyc", 10ms});
    (void)book.arrive(race, {fra ? "nyc" : "fra", 10ms + std::chrono::milliseconds(i + 1)});
    (void)book.finish(race, 1s);
  }
  (void)book.finish(book.start("b.test"), 1s);
  book.ignored.wrong_id = 2;
  const std::string text = book.summary("*.test A @192.0.2.1:53");
  BOOST_TEST(has(text, "--- *.test A @192.0.2.1:53 ---\n"));
  BOOST_TEST(has(text, "5 queries, 4 answered (20.0% unanswered), 4 by more than one server, 8 arrivals\n"));
  BOOST_TEST(has(text, "2 answers ignored: 2 wrong id, 0 wrong question"));
  BOOST_TEST(has(
      text,
      "first answer min/avg/max = 10.000/10.000/10.000 ms, ahead of the second by 1.000/2.500/4.000 ms\n"));
  // fra: won 3 of 4, and was 4 ms behind when it lost.
  BOOST_TEST(has(text, "fra                    3   75.0%         4  10.000/11.000/14.000"));
  BOOST_TEST(has(text, "4.000/4.000/4.000\n"));
  BOOST_TEST(text.find("\nfra ") < text.find("\nnyc "));
}

BOOST_AUTO_TEST_CASE(one_object_a_race_with_winner_and_gaps) {
  RaceBook book;
  const unsigned race = book.start("a.test");
  (void)book.arrive(race, {"192.0.2.10", 20ms, "fra"});
  (void)book.arrive(race, {"192.0.2.11", 22'500us});
  const auto json = nlohmann::json::parse(book.json(race));
  BOOST_TEST(json["race"] == 1);
  BOOST_TEST(json["name"] == "a.test");
  BOOST_TEST(json["winner"] == "192.0.2.10");
  BOOST_TEST(json["arrivals"].size() == 2U);
  BOOST_TEST(json["arrivals"][0]["nsid"] == "fra");
  BOOST_TEST(json["arrivals"][1]["ms"].get<double>() == 22.5);
  BOOST_TEST(json["arrivals"][1]["gap_ms"].get<double>() == 2.5);
  const auto empty = nlohmann::json::parse(book.json(book.start("b.test")));
  BOOST_TEST(empty["winner"].is_null());
  BOOST_TEST(empty["arrivals"].empty());
}

BOOST_AUTO_TEST_CASE(a_margin_below_the_two_slaves_errors_is_marked) {
  RaceBook book({{"fra", 30us}, {"nyc", 70us}});
  const auto race = [&](std::chrono::microseconds margin, const char* second) {
    const unsigned number = book.start("a.test");
    (void)book.arrive(number, {"192.0.2.10", 20ms, "fra"});
    const std::string line = book.arrive(number, {"192.0.2.11", 20ms + margin, second});
    const std::string third = book.arrive(number, {"192.0.2.12", 20ms + margin, "nyc"});
    BOOST_TEST(!has(third, "within error"));
    auto json = nlohmann::json::parse(book.json(number));
    (void)book.finish(number, 1s);
    BOOST_TEST(has(line, "within error (0.100 ms)") == json.value("within_error", false));
    return json;
  };
  BOOST_TEST(race(99us, "nyc")["within_error"].get<bool>());
  const auto clear = race(100us, "nyc");
  BOOST_TEST(!clear["within_error"].get<bool>());
  BOOST_TEST(clear["error_ms"].get<double>() == 0.1);
  BOOST_TEST(!race(1us, "sin").contains("within_error"));  // nothing is known of it
  BOOST_TEST(has(book.summary("t"), "1 of 2 races within error"));
}

BOOST_AUTO_TEST_CASE(dozens_of_arrivals_and_races_that_overlap_are_kept_apart) {
  RaceBook book;
  const unsigned first = book.start("a.test");
  const unsigned second = book.start("b.test");
  for (int i = 0; i < 60; ++i) {
    const std::string server = "server-" + std::to_string(i);
    (void)book.arrive(second, {server, 10ms + i * 100us});
    if (i < 2) (void)book.arrive(first, {server, 20ms + i * 1ms});
  }
  BOOST_TEST(nlohmann::json::parse(book.json(second))["arrivals"].size() == 60U);
  BOOST_TEST(nlohmann::json::parse(book.json(first))["arrivals"].size() == 2U);
  (void)book.finish(second, 1s);
  (void)book.finish(first, 1s);
  BOOST_TEST(has(book.summary("t"),
                 "2 queries, 2 answered (0.0% unanswered), 2 by more than one server, 62 arrivals"));
}

BOOST_AUTO_TEST_CASE(a_race_that_was_interrupted_does_not_count) {
  RaceBook book;
  const unsigned race = book.start("a.test");
  BOOST_TEST(!book.arrived(race));
  book.forget(race);
  BOOST_TEST(has(book.summary("t"), "0 queries, 0 answered (0.0% unanswered)"));
}

BOOST_AUTO_TEST_SUITE_END()
