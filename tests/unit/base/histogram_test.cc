#include "common/base/histogram.hh"

#include <boost/test/unit_test.hpp>

using flagfall::Histogram;
using flagfall::Nanos;

BOOST_AUTO_TEST_SUITE(histogram)

BOOST_AUTO_TEST_CASE(every_value_lies_below_its_buckets_edge_and_not_below_the_one_before) {
  for (std::uint64_t v = 0; v < (1ULL << 43); v = v * 9 / 8 + 1) {
    const unsigned b = Histogram::bucket_of(v);
    BOOST_TEST(v < Histogram::edge(b));
    if (b > 0) BOOST_TEST(v >= Histogram::edge(b - 1));
  }
}

BOOST_AUTO_TEST_CASE(a_quantile_is_within_a_sixteenth) {
  Histogram h;
  for (int i = 1; i <= 1000; ++i) h.add(Nanos(i * 1000));
  BOOST_TEST(h.count() == 1000U);
  for (const double q : {0.1, 0.5, 0.9, 0.99}) {
    const auto got = static_cast<double>(h.quantile(q).count());
    BOOST_TEST(got >= q * 1e6);
    BOOST_TEST(got <= q * 1e6 * (1 + 1.0 / 16) + 2000);
  }
  BOOST_TEST(h.quantile(1.0).count() == 1'000'000);
}

BOOST_AUTO_TEST_CASE(nothing_gives_zero_and_huge_values_land_in_the_last_bucket) {
  Histogram h;
  BOOST_TEST(h.quantile(0.5).count() == 0);
  h.add(Nanos::max());
  h.add(Nanos(-5));
  BOOST_TEST(h.bucket(Histogram::kBuckets - 1) == 1U);
  BOOST_TEST(h.bucket(0) == 1U);
}

BOOST_AUTO_TEST_CASE(merged_histograms_are_as_one) {
  Histogram all;
  Histogram low;
  Histogram high;
  for (int i = 1; i <= 1000; ++i) {
    all.add(Nanos(i * 1000));
    (i <= 500 ? low : high).add(Nanos(i * 1000));
  }
  low.merge(high);
  BOOST_TEST(low.count() == all.count());
  BOOST_TEST(low.sum().count() == all.sum().count());
  BOOST_TEST(low.max().count() == all.max().count());
  for (const double q : {0.1, 0.5, 0.9}) BOOST_TEST(low.quantile(q).count() == all.quantile(q).count());
}

BOOST_AUTO_TEST_SUITE_END()
