#include "master/client_report.hh"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

using namespace std::chrono_literals;
using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using Json = nlohmann::json;

namespace {

Json good() {
  return Json::parse(R"({"client": "198.51.100.7:40000", "id": 4711, "name": "Ab.example.test", "type": "A",
    "arrivals": [{"answers": ["192.0.2.10"], "ms": 45.31}, {"answers": ["192.0.2.11", "192.0.2.12"], "ms": 63.9}]})");
}

Result<std::vector<master::ClientReport>> parse(const std::vector<Json>& races) {
  return master::parse_client_reports(Json{{"races", races}}.dump());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(client_report)

BOOST_AUTO_TEST_CASE(a_race_is_named_as_the_master_knows_it_and_has_its_arrivals_in_order) {
  const auto reports = parse({good()});
  BOOST_REQUIRE(reports.ok());
  BOOST_REQUIRE(reports->size() == 1);
  const master::ClientReport& report = reports->front();
  BOOST_CHECK(report.client == *parse_endpoint("198.51.100.7:40000"));
  BOOST_TEST(report.dns_id == 4711);
  BOOST_TEST(report.type == 1);
  const std::string name("\2ab\7example\4test\0", 17);
  BOOST_TEST(std::string(report.name.begin(), report.name.end()) == name);
  BOOST_REQUIRE(report.count == 2);
  BOOST_CHECK(report.arrivals[0].after == 45310us);
  BOOST_REQUIRE(report.arrivals[1].count == 2);
  BOOST_CHECK(report.arrivals[1].answers[1] == *parse_ip("192.0.2.12"));
}

BOOST_AUTO_TEST_CASE(ipv6_and_races_without_an_answer_are_reports_too) {
  Json race = good();
  race["client"] = "[2001:db8::7]:5353";
  race["type"] = "AAAA";
  race["arrivals"] = Json::array();
  const auto reports = parse({race});
  BOOST_REQUIRE(reports.ok());
  BOOST_CHECK(reports->front().client.ip.family == Family::v6);
  BOOST_TEST(reports->front().count == 0);
  BOOST_TEST(master::parse_client_reports(R"({"races":[]})")->empty());
}

BOOST_AUTO_TEST_CASE(more_addresses_than_are_looked_at_are_cut) {
  Json race = good();
  race["arrivals"][0]["answers"] = std::vector<std::string>(9, "192.0.2.1");
  BOOST_TEST(parse({race})->front().arrivals[0].count == master::ClientArrival::kMostAddresses);
}

BOOST_AUTO_TEST_CASE(hostile_reports_are_errors_that_name_the_race) {
  const std::vector<std::pair<const char*, Json>> bad = {
      {"client", nullptr},
      {"client", "nobody"},
      {"client", "192.0.2.1"},
      {"client", "192.0.2.1:0"},
      {"client", 7},
      {"id", -1},
      {"id", 65536},
      {"id", 1.5},
      {"id", "7"},
      {"type", "MX"},
      {"type", 1},
      {"name", ""},
      {"name", "a..b"},
      {"name", ".a"},
      {"name", "a.."},
      {"name", std::string(64, 'a')},
      {"name", 3},
      {"arrivals", nullptr},
      {"arrivals", Json::object()},
      {"arrivals", {1}},
      {"arrivals", {Json::object()}},
      {"arrivals", std::vector<Json>(race::kMostRunners + 1, good()["arrivals"][0])}};
  for (const auto& [key, value] : bad) {
    Json race = good();
    race[key] = value;
    if (std::string(key) == "name" && value == Json("")) {
      // The root: a name, if not one that anybody races.
      BOOST_TEST(parse({race}).ok());
      continue;
    }
    const auto reports = parse({good(), race});
    BOOST_REQUIRE_MESSAGE(!reports.ok(), race.dump());
    BOOST_TEST(reports.error().starts_with("race 2: "), reports.error());
  }
  std::string longest;
  for (int i = 0; i < 130; ++i) longest += "a.";
  Json race = good();
  race["name"] = longest;
  BOOST_TEST(!parse({race}).ok());
}

BOOST_AUTO_TEST_CASE(arrivals_that_cannot_be_are_errors) {
  for (const Json& ms : {Json(-1), Json(10001), Json("45"), Json(nullptr), Json::array()}) {
    Json race = good();
    race["arrivals"][0]["ms"] = ms;
    BOOST_TEST(!parse({race}).ok(), ms.dump());
  }
  for (const Json& answers : {Json::array(), Json("192.0.2.1"), Json({"www"}), Json({1}), Json(nullptr)}) {
    Json race = good();
    race["arrivals"][0]["answers"] = answers;
    BOOST_TEST(!parse({race}).ok(), answers.dump());
  }
  Json race = good();
  std::swap(race["arrivals"][0], race["arrivals"][1]);
  BOOST_TEST(parse({race}).error() == "race 1: arrivals are not in order");
}

BOOST_AUTO_TEST_CASE(what_is_no_report_is_an_error) {
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("[]"), std::string(R"({"races":1})"),
        std::string(R"({"races":[1]})"), std::string(60000, '[')})
    BOOST_TEST(!master::parse_client_reports(text).ok(), text.substr(0, 20));
  BOOST_TEST(parse(std::vector<Json>(master::kMostClientReports, good())).ok());
  BOOST_TEST(!parse(std::vector<Json>(master::kMostClientReports + 1, good())).ok());
}

BOOST_AUTO_TEST_SUITE_END()
