// The director's sections: read, printed and read again, and each mistake told at its line.
#include "director/config.hh"

#include <boost/test/unit_test.hpp>

using namespace std::chrono_literals;
namespace director = flagfall::director;
using director::AllDown;
using director::Policy;
using flagfall::config::Schema;
using flagfall::config::Where;

namespace {

struct Root {
  std::vector<director::SiteConfig> sites;
  std::vector<director::InternalConfig> internal;
  director::PathConfig paths;
  director::GeoConfig geo;
  director::PolicyConfig policy;
  flagfall::director::Capacity capacity;
  flagfall::director::ShedOptions shed;
  std::vector<director::BorderAnswersConfig> borders;
};

Schema<Root> schema() {
  Schema<Root> s;
  s.list("site", &Root::sites, director::site_schema());
  s.list("internal", &Root::internal, director::internal_schema());
  s.section("paths", &Root::paths, director::path_schema());
  s.section("geo", &Root::geo, director::geo_schema());
  s.section("policy", &Root::policy, director::policy_schema());
  s.section("capacity", &Root::capacity, director::capacity_schema());
  s.section("shed", &Root::shed, director::shed_schema());
  s.list("border", &Root::borders, director::border_answers_schema());
  s.check([](const Root& c, const Where& where) {
    check_sites(c.sites, c.internal, c.paths, where);
    check_geo(c.geo, c.sites, where);
    check_border_answers(c.borders, c.sites, "border", where);
  });
  return s;
}

constexpr const char* kSites = R"([[site]]
name = "ny"
latitude = 40.7
longitude = -74
[[site.border]]
name = "ny-transit"
gateways = ["192.0.2.1", "2001:db8::1"]
tunnel = "192.0.2.2"
table = 7
[[site]]
name = "la"
[[internal]]
between = ["ny", "la"]
delay = "35ms"
back = "36ms"
[paths]
site = "ny"
ping_source = "shared"
)";

std::string error_of(const std::string& text) {
  const auto read = schema().parse(text, "t");
  return read.ok() ? "" : read.error();
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The text with one part replaced.
std::string with(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  BOOST_REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(config)

BOOST_AUTO_TEST_CASE(what_is_written_is_read) {
  const auto read = schema().parse(std::string(kSites) + R"(
[policy]
policies = ["static", "race", "composite"]
prefixes = "p"
all_down = ["192.0.2.9"]
[capacity]
connections = 100
load = 0.8
[[border]]
border = "ny-transit"
answers = ["192.0.2.10"]
local = "192.0.2.3"
[geo]
database = "g.mmdb"
[[geo.region]]
country = "NA"
site = "la"
[[geo.region]]
continent = "NA"
site = "ny"
)",
                                   "t");
  BOOST_REQUIRE_MESSAGE(read.ok(), (read.ok() ? "" : read.error()));
  BOOST_TEST(read->sites.size() == 2U);
  BOOST_TEST(*read->sites[0].longitude == -74);
  BOOST_TEST(!read->sites[1].latitude.has_value());
  BOOST_TEST(read->sites[0].borders[0].table == 7U);
  BOOST_CHECK(read->internal[0].delay == 35ms && read->internal[0].back == 36ms);
  BOOST_CHECK(read->paths.ping_source == director::PingSource::shared);
  BOOST_CHECK((read->policy.policies == std::vector{Policy::fixed, Policy::race, Policy::composite}));
  BOOST_CHECK(read->policy.all_down.what == AllDown::What::addresses);
  BOOST_TEST(*read->capacity.load == 0.8);
  BOOST_TEST(!read->capacity.requests.has_value());
  const std::string printed = schema().print(*read);
  const auto again = schema().parse(printed, "again");
  BOOST_REQUIRE_MESSAGE(again.ok(), (again.ok() ? "" : again.error()));
  BOOST_TEST(schema().print(*again) == printed);
  BOOST_CHECK(again->policy.all_down == read->policy.all_down);
}

BOOST_AUTO_TEST_CASE(every_policy_has_a_name_that_reads_back) {
  for (std::size_t i = 0; i < director::kPolicyNames.size(); ++i) {
    const auto policy = static_cast<Policy>(i);
    const std::string name(director::name_of(policy));
    const auto read = schema().parse(
        "[policy]\npolicies = [\"" + name + "\"]\n" + (policy == Policy::fixed ? "prefixes = \"p\"" : ""),
        "t");
    BOOST_REQUIRE_MESSAGE(read.ok(), name);
    BOOST_CHECK(read->policy.policies.front() == policy);
  }
  BOOST_CHECK(director::name_of(Policy::composite) == "composite");
}

BOOST_AUTO_TEST_CASE(what_happens_when_all_are_down_is_a_word_or_addresses) {
  for (const auto& [text, what] : {std::pair(R"("all")", AllDown::What::all),
                                   {R"("last")", AllDown::What::last},
                                   {R"("refuse")", AllDown::What::refuse}}) {
    const auto read = schema().parse(std::string("[policy]\nall_down = ") + text, "t");
    BOOST_REQUIRE(read.ok());
    BOOST_CHECK(read->policy.all_down.what == what);
  }
  for (const auto* text : {"[]", "\"none\"", "7", "[\"x\"]"})
    BOOST_CHECK_MESSAGE(has(error_of(std::string("[policy]\nall_down = ") + text), "t:2: policy.all_down: "),
                        text);
}

BOOST_AUTO_TEST_CASE(wrong_policies_are_told) {
  BOOST_TEST(
      has(error_of("[policy]\npolicies = [\"fastest\"]"), "t:2: policy.policies: expected one of race, "));
  BOOST_TEST(has(error_of("[policy]\npolicies = [\"race\", \"race\"]"), "is there twice"));
  BOOST_TEST(has(error_of("[policy]\npolicies = [\"static\"]"), "needs `prefixes`"));
  BOOST_TEST(has(error_of("[policy]\nprefixes = \"p\""), "nothing reads it"));
}

BOOST_AUTO_TEST_CASE(a_server_is_not_calm_where_others_are_full) {
  BOOST_TEST(has(error_of("[shed]\nfill = 0.7\ncalm = 0.7"), "t:3: shed.calm: must be less than fill"));
  BOOST_TEST(error_of("[shed]\nfill = 0.7\ncalm = 0.6\nsettle = \"20s\"") == "");
}

BOOST_AUTO_TEST_CASE(sites_and_ways_that_do_not_fit_together_are_told) {
  BOOST_TEST(error_of(kSites) == "");
  BOOST_TEST(has(error_of(with(kSites, "name = \"la\"", "name = \"ny\"")), "site 'ny' is there twice"));
  BOOST_TEST(has(error_of(with(kSites, "longitude = -74\n", "")), "write both"));
  BOOST_TEST(
      has(error_of(with(kSites, R"(["ny", "la"])", R"(["ny", "sj"])")), "no site 'sj'; there are: la, ny"));
  BOOST_TEST(has(error_of(with(kSites, R"(["ny", "la"])", R"(["ny", "ny"])")), "write two sites"));
  BOOST_TEST(has(error_of(with(kSites, R"(["ny", "la"])", R"(["ny"])")), "write two sites"));
  BOOST_TEST(
      has(error_of(std::string(kSites) + "[[site]]\nname = \"dc\""),
          R"(the delay between 'dc' and 'la' is missing: add [[internal]] with between = ["dc", "la"])"));
  BOOST_TEST(
      has(error_of(std::string(kSites) + "[[internal]]\nbetween = [\"la\", \"ny\"]"), "is there twice"));
  BOOST_TEST(has(error_of(with(kSites, "site = \"ny\"\nping", "ping")), "write the site of this master"));
  BOOST_TEST(
      has(error_of(with(kSites, "site = \"ny\"\nping", "site = \"x\"\nping")), "paths.site: no site 'x'"));
  BOOST_TEST(has(error_of(with(kSites, "\"2001:db8::1\"", "\"192.0.2.7\"")), "more than one IPv4 address"));
  BOOST_TEST(has(error_of(std::string(kSites) + "[[border]]\nborder = \"x\"\nanswers = [\"192.0.2.1\"]"),
                 "border.0.border: no border 'x'; there are: ny-transit"));
}

BOOST_AUTO_TEST_CASE(a_geo_database_needs_something_to_compare_with) {
  BOOST_TEST(has(error_of("[geo]\ndatabase = \"g\""), "write latitude and longitude"));
  BOOST_TEST(error_of(std::string(kSites) + "[geo]\ndatabase = \"g\"") == "");
  BOOST_TEST(
      has(error_of("[[geo.region]]\nsite = \"a\"\ncountry = \"DE\""), "no site 'a'; there is no [[site]]"));
  BOOST_TEST(has(error_of(std::string(kSites) + "[[geo.region]]\nsite = \"ny\""), "either `country` or"));
  const std::string region = "[[geo.region]]\nsite = \"ny\"\ncountry = \"DE\"\n";
  BOOST_TEST(has(error_of(kSites + region + region), "country 'DE' is there twice"));
}

BOOST_AUTO_TEST_SUITE_END()
