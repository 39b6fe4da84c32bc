#include "common/daemon/status_json.hh"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(status_json)

BOOST_AUTO_TEST_CASE(durations_are_the_numbers_that_people_would_write) {
  BOOST_TEST(in_ms(45'310us) == 45.31);
  BOOST_TEST(in_us(3'120ns) == 3.12);
  BOOST_TEST(in_s(-2500ms) == -2.5);
}

BOOST_AUTO_TEST_CASE(an_empty_histogram_has_nothing_but_its_count) {
  const auto histogram = std::make_unique<Histogram>();
  BOOST_TEST(daemon::histogram_json(*histogram, in_ms).dump() ==
             R"({"count":0,"max":null,"p50":null,"p90":null,"p99":null})");
  BOOST_TEST(daemon::spread_json({}, in_us)["p90"].is_null());
}

BOOST_AUTO_TEST_CASE(a_histogram_tells_quantiles_in_its_unit) {
  const auto histogram = std::make_unique<Histogram>();
  for (int i = 0; i < 99; ++i) histogram->add(1ms);
  histogram->add(8ms);
  const nlohmann::json told = daemon::histogram_json(*histogram, in_ms);
  BOOST_TEST(told["count"] == 100U);
  BOOST_TEST(told["p50"].get<double>() >= 1);
  BOOST_TEST(told["p50"].get<double>() <= 1.0625);
  BOOST_TEST(told["max"] == 8.0);
  const nlohmann::json spread = daemon::spread_json({3, 1us, 2us, 3us, 4us}, in_us);
  BOOST_TEST(spread.dump() == R"({"count":3,"max":4.0,"p50":1.0,"p90":2.0,"p99":3.0})");
}

BOOST_AUTO_TEST_CASE(no_text_is_null_and_every_clock_has_a_word) {
  BOOST_TEST(daemon::text_or_null("").is_null());
  BOOST_TEST(daemon::text_or_null("why") == "why");
  BOOST_TEST(std::string(daemon::text_of(wire::ClockStatus::unknown)) == "unknown");
  BOOST_TEST(std::string(daemon::text_of(wire::ClockStatus::synchronised)) == "synchronised");
  BOOST_TEST(std::string(daemon::text_of(wire::ClockStatus::free_running)) == "free_running");
}

BOOST_AUTO_TEST_SUITE_END()
