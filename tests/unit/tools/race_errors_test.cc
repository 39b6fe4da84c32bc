// A master's status in, each slave's error out.
#include "tools/race_errors.hh"

#include <boost/test/unit_test.hpp>

using namespace std::chrono_literals;
using flagfall::tools::error_between;
using flagfall::tools::read_race_errors;

BOOST_AUTO_TEST_SUITE(race_errors)

BOOST_AUTO_TEST_CASE(expected_error_and_transmit_stamps_add_up) {
  const auto errors = read_race_errors(R"({"slaves": [
    {"name": "fra", "clock": {"expected_error_ms": 0.02}, "stamp_error_us": {"p99": 6.5}, "transmit_error_us": {"p99": 90}},
    {"name": "nyc", "clock": {"expected_error_ms": 0.5}, "stamp_error_us": {"p99": null}, "transmit_error_us": {"p99": 90}},
    {"name": "sin", "clock": {"expected_error_ms": null}, "stamp_error_us": {"p99": 1}},
    {"name": "new", "clock": {"expected_error_ms": 1}, "stamp_error_us": {"p99": null}, "transmit_error_us": {"p99": null}},
    {"name": "low", "clock": {"expected_error_ms": 0}, "stamp_error_us": {"p99": -3}}]})");
  BOOST_REQUIRE(errors);
  BOOST_TEST(errors->size() == 3U);
  BOOST_TEST(errors->at("fra").count() == 26'500);
  BOOST_TEST(errors->at("nyc").count() == 590'000);
  BOOST_TEST(errors->at("low").count() == 3'000);  // early is as wrong as late
  BOOST_TEST((error_between(*errors, "fra", "nyc") == 616'500ns));
  BOOST_TEST(!error_between(*errors, "fra", "sin"));
  BOOST_TEST(!error_between(*errors, "", "fra"));
}

BOOST_AUTO_TEST_CASE(what_is_no_status_is_refused_and_what_is_odd_in_one_is_left_out) {
  for (const char* text : {"", "[]", "{", "null", "{}", R"({"slaves": 3})"})
    BOOST_TEST(!read_race_errors(text));
  const auto errors = read_race_errors(R"({"slaves": [3, {}, {"name": 4}, {"name": "a", "clock": 5},
    {"name": "b", "clock": {"expected_error_ms": 1e300}, "stamp_error_us": {"p99": 1}},
    {"name": "c", "clock": {"expected_error_ms": "1"}, "stamp_error_us": []}]})");
  BOOST_REQUIRE(errors);
  BOOST_TEST(errors->empty());
}

BOOST_AUTO_TEST_SUITE_END()
