// The master's JSON as a person reads it, whatever it holds.
#include "tools/status_text.hh"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <regex>
#include <sstream>

#include "tests/source_path.hh"
#include "tools/text_table.hh"

namespace tools = flagfall::tools;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The example of docs/admin.md: what is documented is what is shown.
std::string documented() {
  std::ifstream in(flagfall::test::source_path("docs/admin.md"));
  std::stringstream all;
  all << in.rdbuf();
  const std::string text = all.str();
  const std::size_t from = text.find("```json\n") + 8;
  return text.substr(from, text.find("```", from) - from);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(status_text)

BOOST_AUTO_TEST_CASE(the_documented_example_is_shown_with_all_that_matters) {
  const auto text = tools::status_text(documented());
  BOOST_REQUIRE_MESSAGE(text.ok(), (text ? std::string() : text.error()));
  BOOST_TEST(has(*text, "flagfall-master 0.1.0, pid 4711, up 1m 26s, 2 threads\n"));
  BOOST_TEST(has(*text, "listen    192.0.2.1:53, [2001:db8::1]:53\n"));
  BOOST_TEST(has(*text, "racing    yes\n"));
  BOOST_TEST(
      has(*text, "synchronised (chrony), bound 0.410 ms of 5.000 ms allowed, expected error 0.012 ms\n"));
  BOOST_TEST(has(*text, "races     1200 (12 with beacons)\n"));
  BOOST_TEST(
      has(*text, "verdicts  82.07% of 1188 races: beacon 11 certain, icmp 900 certain, icmp 64 likely\n"));
  BOOST_TEST(has(*text, "fallback  10 (retry 2, tcp 3, type_not_raced 5)\n"));
  BOOST_CHECK_MESSAGE(
      std::regex_search(
          *text,
          std::regex(
              "fra +1m 25s +210 +0\\.760 +1200 +99\\.25% +10\\.20 / 11\\.90 +3\\.1 / 21\\.0 +races\n")),
      *text);
  BOOST_CHECK_MESSAGE(
      std::regex_search(*text,
                        std::regex("fra +chrony +synchronised +0\\.013 +0\\.760 +0\\.310 / 0\\.380 +0\\.009 +"
                                   "0\\.008 / 0\\.011 +12\\.500 +120\n")),
      *text);
  BOOST_CHECK_MESSAGE(
      std::regex_search(
          *text, std::regex("web +14\\.200 auto +send +2 of 2 +fra, nyc +race +www\\.example\\.test, ")),
      *text);
  BOOST_CHECK_MESSAGE(
      std::regex_search(*text,
                        std::regex("web +99\\.00% +99\\.62% +5800 +14\\.18 +1\\.00 +80\\.00 +fra, nyc +3 +"
                                   "1m 2s ago, 35\\.5 ms -> 14\\.2 ms: the last 5790 races")),
      *text);
  BOOST_CHECK_MESSAGE(std::regex_search(*text, std::regex("fra +machine +42 +1\\.5 GiB +0 B +87\\.50%\n")),
                      *text);
  BOOST_CHECK_MESSAGE(
      std::regex_search(*text, std::regex("fra +web +198\\.51\\.100\\.80 +down +12s +connection refused\n")),
      *text);
  BOOST_TEST(has(*text, "icmp_errors"));
  BOOST_TEST(!has(*text, "receive_queue_drops"));  // zero
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_said_with_its_reason) {
  const auto text =
      tools::status_text(R"({"racing":{"paused":false,"standing_down":true,"why_not":"chronyd is away"},
    "clock":{"status":"unknown","usable":false,"why_not":"no answer from 127.0.0.1:323"},
    "slaves":[{"name":"fra","registered":false,"fit":false,"why_not":"never seen"},
              {"name":"nyc","registered":true,"fit":false,"why_not":"bound above max_error"}]})");
  BOOST_REQUIRE(text.ok());
  BOOST_TEST(has(*text, "racing    standing down: chronyd is away\n"));
  BOOST_TEST(has(*text, "not usable: no answer from 127.0.0.1:323\n"));
  BOOST_TEST(has(*text, "away: never seen\n"));
  BOOST_TEST(has(*text, "stands down: bound above max_error\n"));
  const auto paused = tools::status_text(R"({"racing":{"paused":true}})");
  BOOST_REQUIRE(paused.ok());
  BOOST_TEST(has(*paused, "racing    paused by an operator (flagfall resume-racing)\n"));
}

BOOST_AUTO_TEST_CASE(a_delay_that_is_fixed_or_that_may_not_follow_says_so) {
  const auto text = tools::status_text(
      R"({"services":[{"name":"web","delay_ms":25,"delay":{"mode":"fixed"}},
    {"name":"api","delay_ms":80,"delay":{"mode":"follow","on_time":0.9,"wanted_ms":95.5,"limited":true}}]})");
  BOOST_REQUIRE(text.ok());
  BOOST_CHECK_MESSAGE(std::regex_search(*text, std::regex("web +25\\.000 +-")), *text);
  BOOST_CHECK_MESSAGE(std::regex_search(*text, std::regex("api +80\\.000 auto +-")), *text);
  BOOST_TEST(has(*text, "95.50 (limited)"));
  const auto fixed = tools::status_text(R"({"services":[{"name":"web","delay":{"mode":"fixed"}}]})");
  BOOST_TEST(!has(*fixed, "delay of"));
}

BOOST_AUTO_TEST_CASE(services_of_datagrams_say_where_they_listen_what_came_and_who_cannot_answer) {
  const auto text = tools::status_text(
      R"({"services":[{"name":"web","names":["w.test"],"why_not":{"fra":"is benched"},"udp":null},
    {"name":"stun","names":[],"why_not":{"nyc":"has no [[backend]]"},
     "udp":{"listen":["192.0.2.1:3478"],"requests":90,"races":40,"bound":30,"alone":7,"limited":6,"empty":3,
            "too_big":2,"unanswerable":1,"nobody":1,"unsent":0}}]})");
  BOOST_REQUIRE(text.ok());
  const auto line = [&](const char* pattern) {
    BOOST_CHECK_MESSAGE(std::regex_search(*text, std::regex(pattern)), *text);
  };
  line("stun .* 192\\.0\\.2\\.1:3478\n");
  line("stun +90 +40 +30 +7 +6 +1 +6\n");
  line("stun +nyc +has no \\[\\[backend\\]\\]\n");
  BOOST_TEST(!has(*text, "is benched"));
}

BOOST_AUTO_TEST_CASE(what_is_missing_or_of_another_type_is_a_dash) {
  for (
      const auto* json :
      {"{}",
       R"({"slaves":7,"services":{},"clock":[],"racing":"x","fallback":[1],"counters":3,"uptime_s":-1})",
       R"({"slaves":[1,{"clock":3,"one_way_ms":[],"loads":[3,{}],"checks":7},null],"services":[null,{"fit":3}],"uptime_s":1e300})"}) {
    const auto text = tools::status_text(json);
    BOOST_REQUIRE(text.ok());
    BOOST_TEST(has(*text, "races     -\n"));
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_status_is_an_error) {
  for (const auto* json : {"", "[]", "{", "nothing"}) BOOST_TEST(!tools::status_text(json).ok());
}

BOOST_AUTO_TEST_CASE(columns_line_up_and_a_name_cannot_command_the_terminal) {
  BOOST_TEST(tools::text_table({{"a", ">n"}, {"long", "7"}, {"x\x1b[2J", "1000"}}) ==
             "a         n\nlong      7\nx?[2J  1000\n");
  BOOST_TEST(tools::text_table({}).empty());
  BOOST_TEST(tools::text_table({{"a", "b"}, {"only"}}) == "a     b\nonly\n");
}

BOOST_AUTO_TEST_SUITE_END()
