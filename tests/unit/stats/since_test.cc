#include "stats/since.hh"

#include <boost/test/unit_test.hpp>

#include "tests/unit/stats/races.hh"

using namespace flagfall::stats;  // NOLINT(google-build-using-namespace): a test

BOOST_AUTO_TEST_SUITE(since)

BOOST_AUTO_TEST_CASE(periods_count_back_from_now) {
  BOOST_TEST(*parse_since("90s", kNow) == kNow - 90);
  BOOST_TEST(*parse_since("15m", kNow) == kNow - 900);
  BOOST_TEST(*parse_since("1h", kNow) == kNow - 3600);
  BOOST_TEST(*parse_since("2d", kNow) == kNow - 172'800);
  BOOST_TEST(*parse_since("4w", kNow) == kNow - 2'419'200);
  BOOST_TEST(*parse_since("0s", kNow) == kNow);
}

BOOST_AUTO_TEST_CASE(dates_and_times_are_utc) {
  const std::int64_t day = 1'795'219'200;
  BOOST_TEST(*parse_since("2026-11-21", kNow) == day);
  BOOST_TEST(*parse_since("2026-11-21T09:30", kNow) == day + 34'200);
  BOOST_TEST(*parse_since("2026-11-21 09:30:15", kNow) == day + 34'215);
  BOOST_TEST(*parse_since("2026-11-21T09:30:15Z", kNow) == day + 34'215);
  BOOST_TEST(*parse_since("2024-02-29", kNow) == 1'709'164'800);
  BOOST_TEST(*parse_since("@1709164800", kNow) == 1'709'164'800);
}

BOOST_AUTO_TEST_CASE(what_is_no_time_is_an_error_that_says_what_is) {
  for (const char* text : {"",
                           "h",
                           "-1h",
                           "1",
                           "1y",
                           "1.5h",
                           "yesterday",
                           "2026-13-01",
                           "2025-02-29",
                           "2026-11-2",
                           "2026-11-21T",
                           "2026-11-21T25:00",
                           "2026-11-21T09:61",
                           "2026-11-21T09:30Zx",
                           "@",
                           "@-5",
                           "@99999999999999999999",
                           "99999999999999999999h",
                           "2000000000000w",
                           " 1h",
                           "1h "})
    BOOST_TEST(!parse_since(text, kNow), text);
  BOOST_TEST(parse_since("x", kNow).error() ==
             "'x' is no time: write 15m, 1h, 2d, 2026-11-21 or 2026-11-21T09:30 (UTC)");
}

BOOST_AUTO_TEST_CASE(a_time_is_written_so_that_it_can_be_read) {
  BOOST_TEST(time_text(kNow) == "2026-11-21T10:00:00Z");
  BOOST_TEST(time_text(0) == "1970-01-01T00:00:00Z");
  BOOST_TEST(time_text(-1) == "1969-12-31T23:59:59Z");
  for (const std::int64_t t : {std::int64_t{0}, kNow, std::int64_t{253'402'300'799}})
    BOOST_TEST(*parse_since(time_text(t), kNow) == t);
  BOOST_TEST(time_text(std::int64_t{1} << 62) == "@4611686018427387904");
  BOOST_TEST(time_text(INT64_MIN) == "@-9223372036854775808");
}

BOOST_AUTO_TEST_SUITE_END()
