// Durations, sizes and quoting: exact, total, and reversible.
#include "common/config/types.hh"

#include <boost/test/unit_test.hpp>

using namespace std::chrono_literals;
namespace config = flagfall::config;
using flagfall::Nanos;

BOOST_AUTO_TEST_SUITE(types)

BOOST_AUTO_TEST_CASE(a_duration_is_a_number_and_a_unit) {
  // NOLINTNEXTLINE(*-avoid-c-arrays): its length is the list's
  const std::pair<std::string_view, Nanos> good[] = {
      {"0s", 0s}, {"1ns", 1ns},      {"7us", 7us},          {"25ms", 25ms},    {"2s", 2s},    {"3m", 3min},
      {"1h", 1h}, {"1.5ms", 1500us}, {"0.000000001s", 1ns}, {"2.50s", 2500ms}, {"292y", -1ns}};
  for (const auto& [text, value] : good) {
    const auto parsed = config::parse_duration(text);
    if (value < 0ns)
      BOOST_TEST(!parsed.ok());
    else
      BOOST_CHECK_MESSAGE(parsed.ok() && *parsed == value, text);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_duration_is_refused) {
  for (const auto* text :
       {"", "ms", "5", "5 ms", "-5ms", "+5ms", "5MS", "1..5s", "1.s", ".5s", "1.5ns", "0.0000000001s", "1e3s",
        "99999999999999999999s", "9223372036854775808ns", "5ms ", "1m30s"})
    BOOST_CHECK_MESSAGE(!config::parse_duration(text).ok(), text);
  BOOST_TEST(config::parse_duration("999999999999999999ns").ok());
}

BOOST_AUTO_TEST_CASE(a_duration_is_written_in_the_largest_unit_that_is_exact) {
  BOOST_TEST(config::to_string(Nanos(25ms)) == "25ms");
  BOOST_TEST(config::to_string(Nanos(1500us)) == "1500us");
  BOOST_TEST(config::to_string(Nanos(90s)) == "90s");
  BOOST_TEST(config::to_string(Nanos(0)) == "0s");
  for (const std::int64_t ns : {1LL, 999LL, 1'000LL, 60'000'000'000LL, 3'600'000'000'000LL, 123'456'789LL})
    BOOST_CHECK(*config::parse_duration(config::to_string(Nanos(ns))) == Nanos(ns));
}

BOOST_AUTO_TEST_CASE(a_size_has_binary_and_decimal_units) {
  BOOST_TEST(config::parse_byte_size("4MiB")->bytes == 4 << 20);
  BOOST_TEST(config::parse_byte_size("10kB")->bytes == 10'000);
  BOOST_TEST(config::parse_byte_size("1.5KiB")->bytes == 1536);
  BOOST_TEST(config::parse_byte_size("7B")->bytes == 7);
  for (const auto* text : {"", "4", "4mb", "MiB", "-1B", "99999999999GiB", "0.5B"})
    BOOST_CHECK_MESSAGE(!config::parse_byte_size(text).ok(), text);
  for (const std::int64_t bytes : {1LL, 1000LL, 1024LL, 1'000'000LL, 4LL << 20, 3LL << 30})
    BOOST_TEST(config::parse_byte_size(config::to_string(config::ByteSize{bytes}))->bytes == bytes);
}

BOOST_AUTO_TEST_CASE(a_quoted_string_is_what_toml_reads_back) {
  const std::string hard = "a\"b\\c\n\t\x01\x7f\xc3\xa9";
  const auto value = config::parse_text("x = " + config::toml_string(hard), "t");
  BOOST_REQUIRE(value.ok());
  BOOST_TEST(std::get<std::string>(value->find("x")->data) == hard);
}

BOOST_AUTO_TEST_SUITE_END()
