// GET /stats as a person and as a spreadsheet reads it, whatever it holds.
#include "tools/stats_text.hh"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>

#include "tests/source_path.hh"

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
  const std::size_t from = text.find("```json\n", text.find("## `GET /stats`")) + 8;
  return text.substr(from, text.find("```", from) - from);
}

constexpr auto kServers = R"({"by": "server", "rows": [
  {"server": "fra", "ran": 400, "judged": 295, "won": 290, "won_share": 0.9831, "within_error": 2,
   "margin_ms": {"count": 160, "mean": 6.11, "p50": 6.0, "p90": 6.5, "p99": 8.0}, "late": 2, "late_share": 0.005,
   "fates": {"sent": 398, "sent_late": 2}, "saved_ms": {"races": 3, "judged": 2, "second_best": 6.02, "random": null}},
  {"server": "=cmd|' /C calc'!A0", "won": "many"}]})";

}  // namespace

BOOST_AUTO_TEST_SUITE(stats_text)

BOOST_AUTO_TEST_CASE(the_documented_example_is_shown_with_all_that_matters) {
  const auto text = tools::stats_text(documented(), false);
  BOOST_REQUIRE_MESSAGE(text.ok(), (text ? std::string() : text.error()));
  BOOST_TEST(
      has(*text, "since         2026-11-20 10:00:00 UTC; the first counted race: 2026-11-21 09:12:00 UTC\n"));
  BOOST_TEST(has(*text, "verdicts      297, 72.1%: beacon 3 certain; icmp 290 certain, 4 likely\n"));
  BOOST_TEST(has(*text, "within error  3 of the verdicts"));
  BOOST_TEST(has(*text, "not raced     7 (guard_prefix 5, retry 2); refused by the guard: 5\n"));
  BOOST_TEST(
      has(*text, "198.51.100.0/24    412       297             3             6.11  0.2%  fra 290/295\n"));
}

BOOST_AUTO_TEST_CASE(the_benefit_is_a_table_of_its_own) {
  const auto text = tools::stats_text(documented(), true);
  BOOST_REQUIRE(text.ok());
  BOOST_TEST(has(*text, "saved: second best, ms"));
  BOOST_TEST(has(*text, "398     290                    6.02        9.04      101  fra, nyc +6.02\n"));
}

BOOST_AUTO_TEST_CASE(wins_within_error_stand_beside_the_wins) {
  const auto text = tools::stats_text(kServers, false);
  BOOST_REQUIRE(text.ok());
  BOOST_TEST(has(*text,
                 "fra                 400     295   290  98.3%             2        6.00  6.50      6.11     "
                 "2   0.5%\n"));
  const auto benefit = tools::stats_text(kServers, true);
  BOOST_TEST(has(*benefit, "6.02           -\n"));  // what is not known is not zero
}

BOOST_AUTO_TEST_CASE(csv_has_a_header_and_a_cell_for_every_column) {
  const auto csv = tools::stats_csv(kServers);
  BOOST_REQUIRE(csv.ok());
  BOOST_TEST(csv->starts_with("server,ran,judged,won,won_share,within_error,margin_count,margin_mean_ms,"));
  BOOST_TEST(has(*csv, "\r\nfra,400,295,290,0.9831,2,160,6.11,6,6.5,8,2,0.005,,398,2,"));
  BOOST_TEST(has(*csv, "\r\n'=cmd|' /C calc'!A0,,,many,,"));
  const auto commas = [](const std::string& line) { return std::ranges::count(line, ','); };
  std::stringstream lines(*csv);
  std::string head;
  std::string line;
  std::getline(lines, head);
  while (std::getline(lines, line)) BOOST_TEST(commas(line) == commas(head));
  const auto prefixes = tools::stats_csv(documented());
  BOOST_REQUIRE(prefixes.ok());
  BOOST_TEST(has(*prefixes, "saved_second_best_ms,saved_random_ms,fra_judged,fra_won,fra_within_error\r\n"));
  BOOST_TEST(has(*prefixes, ",6.02,9.04,295,290,2\r\n"));
  BOOST_TEST(has(*tools::stats_csv(R"({"by": "hour", "rows": [{"hour": "a\"b,c"}]})"), "\r\n\"a\"\"b,c\","));
}

BOOST_AUTO_TEST_CASE(nothing_is_shown_as_nothing) {
  const auto text = tools::stats_text(R"({"by": "server", "rows": []})", false);
  BOOST_REQUIRE(text.ok());
  BOOST_TEST(text->ends_with("\nno races\n"));
}

BOOST_AUTO_TEST_CASE(trouble_with_keeping_is_said_first) {
  const auto text = tools::stats_text(
      R"({"by": "server", "rows": [], "keeping": {"why_not": "no space\u001b[2J", "races_not_kept": 12}})",
      false);
  BOOST_REQUIRE(text.ok());
  BOOST_TEST(has(*text, "not kept now  no space?[2J\n"));
  BOOST_TEST(has(*text, "not kept      12 races since the master's start\n"));
}

BOOST_AUTO_TEST_CASE(other_types_and_no_json_are_borne) {
  for (const char* json : {"", "[]", "{}", "null", R"({"rows": 1})", "{\"rows\": [", "\xff\xfe"}) {
    BOOST_TEST(!tools::stats_text(json, false).ok(), json);
    BOOST_TEST(!tools::stats_csv(json).ok(), json);
  }
  for (const char* json :
       {R"({"rows": [1, null, [], "x", {}]})",
        R"({"by": 7, "rows": [{"wins": [], "arrivals": {}, "saved_ms": 3}], "totals": []})",
        R"({"by": "prefix", "rows": [{"prefix": {}, "wins": {"a": 1}, "arrivals": [1, {}]}]})",
        R"({"by": "hour", "rows": [{"hour": "2026"}], "totals": {"ways": {"icmp": 3}, "fallback": 9}})"})
    for (const bool benefit : {false, true}) {
      BOOST_TEST(tools::stats_text(json, benefit).ok(), json);
      BOOST_TEST(tools::stats_csv(json).ok(), json);
    }
}

BOOST_AUTO_TEST_SUITE_END()
