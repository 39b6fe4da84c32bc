#include "tools/race_report.hh"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

using namespace std::chrono_literals;
using namespace flagfall;         // NOLINT(*-using-namespace)
using namespace flagfall::tools;  // NOLINT(*-using-namespace)
using Json = nlohmann::json;

namespace {

RaceReport report(std::uint16_t id = 7) {
  RaceReport out;
  out.client = *parse_endpoint("198.51.100.7:40000");
  out.dns_id = id;
  out.name = "a.race.example.test";
  out.type = 1;
  out.arrivals = {{{*parse_ip("192.0.2.10")}, 45310us}, {{*parse_ip("192.0.2.11")}, 63ms}};
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(race_report)

BOOST_AUTO_TEST_CASE(a_report_says_which_race_it_was_and_what_arrived_when) {
  RaceReports reports;
  BOOST_TEST(!reports.waiting());
  reports.add(report());
  BOOST_REQUIRE(reports.waiting());
  const Json expected = Json::parse(R"({"races": [{"client": "198.51.100.7:40000", "id": 7,
    "name": "a.race.example.test", "type": "A", "arrivals": [
      {"answers": ["192.0.2.10"], "ms": 45.31}, {"answers": ["192.0.2.11"], "ms": 63.0}]}]})");
  BOOST_TEST(Json::parse(reports.take()) == expected);
  BOOST_TEST(!reports.waiting());
}

BOOST_AUTO_TEST_CASE(arrivals_are_in_order_and_those_without_an_address_are_left_out) {
  RaceReports reports;
  RaceReport mixed = report();
  mixed.arrivals = {{{*parse_ip("192.0.2.11")}, 63ms}, {{}, 1ms}, {{*parse_ip("192.0.2.10")}, -1us}};
  reports.add(mixed);
  RaceReport nothing = report();
  nothing.arrivals = {{{}, 5ms}};
  reports.add(nothing);
  const Json body = Json::parse(reports.take());
  BOOST_REQUIRE_EQUAL(body["races"].size(), 1U);
  BOOST_REQUIRE_EQUAL(body["races"][0]["arrivals"].size(), 2U);
  BOOST_TEST(body["races"][0]["arrivals"][0]["answers"][0] == "192.0.2.10");
  BOOST_TEST(body["races"][0]["arrivals"][0]["ms"] == 0.0);
}

BOOST_AUTO_TEST_CASE(a_body_is_within_what_a_master_takes) {
  RaceReports reports;
  RaceReport longest = report();
  longest.name = std::string(250, 'x');
  longest.arrivals.assign(
      40, {std::vector<IpAddress>(16, *parse_ip("2001:db8:1111:2222:3333:4444:5555:6666")), 45310us});
  for (int i = 0; i < 60; ++i) reports.add(report());
  BOOST_TEST(Json::parse(reports.take())["races"].size() == RaceReports::kBatch);
  BOOST_TEST(Json::parse(reports.take())["races"].size() == 10U);
  for (std::size_t i = 0; i < RaceReports::kBatch; ++i) reports.add(longest);
  while (reports.waiting()) BOOST_TEST(reports.take().size() <= 65536U);
}

BOOST_AUTO_TEST_CASE(what_waits_is_bounded_and_the_oldest_go) {
  RaceReports reports;
  for (std::size_t i = 0; i < RaceReports::kMostWaiting + 5; ++i)
    reports.add(report(static_cast<std::uint16_t>(i)));
  BOOST_TEST(Json::parse(reports.take())["races"][0]["id"] == 5);
  BOOST_TEST(reports.summary().find("5 were too many at once") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_summary_counts_what_the_master_knew_and_says_the_first_trouble) {
  RaceReports reports;
  const auto send = [&](int races, const Result<std::string>& answer) {
    for (int i = 0; i < races; ++i) reports.add(report());
    (void)reports.take();
    reports.answered(answer);
  };
  send(3, std::string(R"({"races":3,"known":2})"));
  BOOST_TEST(reports.summary() == "3 races reported; the master knew 2 of them");
  BOOST_TEST(reports.trouble().empty());
  send(2, std::string(R"({"known":99})"));
  send(1, std::string("nonsense"));
  send(4, Error{"not the token"});
  send(1, Error{"another"});
  BOOST_TEST(
      reports.summary().starts_with("6 races reported; the master knew 4 of them; 5 could not be reported: "
                                    "not the token\n  -> is --report "));
  BOOST_TEST(reports.trouble() == "not the token");
}

BOOST_AUTO_TEST_CASE(what_was_not_handed_over_is_lost_and_said) {
  RaceReports reports;
  reports.add(report());
  (void)reports.take();
  reports.answered(std::string(R"({"known":1})"));
  reports.give_up();
  BOOST_TEST(!reports.lost());
  BOOST_TEST(reports.summary().find("->") == std::string::npos);
  for (int i = 0; i < 3; ++i) reports.add(report());
  reports.give_up();
  BOOST_TEST(reports.lost());
  BOOST_TEST(!reports.waiting());
  BOOST_TEST(reports.summary().find("3 could not be reported") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
