#include "master/readiness.hh"

#include <boost/test/unit_test.hpp>

#include "tests/unit/master/two_directors.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using Lines = std::vector<std::string>;

namespace {

struct Fixture : master::TwoDirectors {
  std::vector<bool> delegated = std::vector<bool>(3, false);
  [[nodiscard]] master::Readiness ready() const {
    return master::readiness(config, published, *desk, builder, slaves(), delegated);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(readiness, Fixture)

BOOST_AUTO_TEST_CASE(with_one_fit_slave_each_all_services_are_ready) {
  BOOST_TEST(ready().ready);
  BOOST_TEST((ready().lines == Lines{"ready: 3 services have fit slaves"}));
  sessions({"sin"});
  BOOST_TEST(ready().ready);
}

BOOST_AUTO_TEST_CASE(without_any_each_service_is_named_with_its_reasons) {
  sessions({});
  const master::Readiness now = ready();
  BOOST_TEST(!now.ready);
  BOOST_REQUIRE(now.lines.size() == 3U);
  BOOST_TEST(now.lines[0] ==
             "service web has no fit slave: fra its slave has no session; nyc its slave has no "
             "session; sin its slave has no session");
  BOOST_TEST(
      now.lines[1] ==
      "service plain has no fit slave: fra has not connected; nyc has not connected; sin has not connected");
}

BOOST_AUTO_TEST_CASE(drained_servers_are_not_fit_for_a_director_and_race_where_there_is_none) {
  for (const char* server : {"fra", "nyc", "sin"}) BOOST_TEST(desk->drain(server, true));
  publish();
  BOOST_REQUIRE(ready().lines.size() == 2U);
  BOOST_TEST(ready().lines[1].starts_with("service api has no fit slave: fra is drained by an operator; "));
  BOOST_TEST(desk->drain("nyc", false));
  publish();
  BOOST_TEST(ready().ready);
}

BOOST_AUTO_TEST_CASE(a_slave_that_does_not_race_is_no_use_to_a_service_without_a_director) {
  sessions({"fra"});
  states[0].last_report.racing = false;
  states[0].last_report.why_not = "has no clock";
  publish();
  BOOST_REQUIRE(ready().lines.size() == 1U);
  BOOST_TEST(
      ready().lines[0] ==
      "service plain has no fit slave: fra has no clock; nyc has not connected; sin has not connected");
}

BOOST_AUTO_TEST_CASE(shadows_and_what_is_left_to_the_slaves_need_none) {
  sessions({});
  config.services[0].mode = master::ServiceConfig::Mode::shadow;
  config.services[1].mode = master::ServiceConfig::Mode::shadow;
  delegated[2] = true;
  BOOST_TEST(ready().ready);
  BOOST_TEST((ready().lines == Lines{"ready: 0 services have fit slaves"}));
}

BOOST_AUTO_TEST_SUITE_END()
