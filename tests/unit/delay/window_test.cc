#include "delay/window.hh"

#include <boost/test/unit_test.hpp>

#include "delay/one_way.hh"

using namespace std::chrono_literals;
using flagfall::from_ns;
using flagfall::Histogram;
using flagfall::MonoTime;
using flagfall::Nanos;
using flagfall::delay::OneWay;
using flagfall::delay::Window;
using flagfall::race::Fate;

namespace {
const auto kStart = from_ns<MonoTime>(1'000'000'000'000);
}

BOOST_AUTO_TEST_SUITE(window)

BOOST_AUTO_TEST_CASE(an_empty_window_says_zero) {
  const Window w;
  BOOST_TEST(w.count() == 0);
  BOOST_CHECK(w.quantile(0.5) == 0ns);
  BOOST_CHECK(w.most() == 0ns);
  BOOST_CHECK(w.most_needed() == 0ns);
  BOOST_CHECK(w.bound() == 0ns);
}

BOOST_AUTO_TEST_CASE(quantiles_are_right_to_a_sixteenth_and_the_largest_is_exact) {
  Window w;
  for (int i = 1; i <= 1000; ++i) w.add(i * 10us, i * 10us + 1ms, i * 1us, kStart);
  const auto near = [](Nanos value, Nanos wanted) {
    return value >= wanted && value <= wanted + wanted / 16 + 20us;
  };
  BOOST_TEST(near(w.quantile(0.5), 5ms));
  BOOST_TEST(near(w.quantile(0.99), 9900us));
  BOOST_CHECK(w.quantile(1.0) == 10ms);
  BOOST_CHECK(w.most() == 10ms);
  BOOST_CHECK(w.most_needed() == 11ms);
  BOOST_CHECK(w.bound() == 1ms);
  std::uint64_t sum = 0;
  for (unsigned i = 0; i < Histogram::kBuckets; ++i) sum += w.bucket(i);
  BOOST_TEST(sum == 1000);
}

BOOST_AUTO_TEST_CASE(a_way_that_seems_negative_is_kept_as_zero_and_its_true_value_is_not_the_largest) {
  Window w;
  w.add(-5ms, 0ns, 1ms, kStart);
  BOOST_TEST(w.count() == 1);
  BOOST_TEST(w.bucket(0) == 1);
  BOOST_CHECK(w.quantile(0.9) == 0ns);
  BOOST_CHECK(w.most() == -5ms);
}

BOOST_AUTO_TEST_CASE(under_load_the_past_is_forgotten_within_half_a_minute) {
  Window w;
  for (int i = 0; i < 1000; ++i) w.add(60ms, 61ms, 5ms, kStart + i * 1ms);
  MonoTime now = kStart + 1s;
  MonoTime gone;
  for (; now < kStart + 60s; now += 10ms) {
    w.add(20ms, 21ms, 1ms, now);
    if (gone == MonoTime() && w.most() == 20ms) gone = now;
    if (now - kStart < 24s) BOOST_REQUIRE(w.most() == 60ms);
  }
  BOOST_REQUIRE(gone != MonoTime());
  BOOST_CHECK(gone - kStart <= 31s);
  BOOST_CHECK(w.bound() == 1ms);
  BOOST_CHECK(w.most_needed() == 21ms);
}

BOOST_AUTO_TEST_CASE(few_races_are_remembered_for_longer_but_not_over_a_silence) {
  Window w;
  MonoTime now = kStart;
  for (int i = 0; i < 300; ++i, now += 1s) w.add(20ms, 21ms, 1ms, now);
  BOOST_TEST(w.count() == 300);  // five generations of 64 s
  for (int i = 0; i < 300; ++i, now += 1s) w.add(20ms, 21ms, 1ms, now);
  BOOST_TEST(w.count() < 330);
  w.add(1ms, 1ms, 1ms, now + 1h);
  BOOST_TEST(w.count() == 1);
  BOOST_TEST(w.total() == 601);
}

BOOST_AUTO_TEST_CASE(each_service_and_slave_has_a_window_of_its_own) {
  OneWay ways(2);
  ways.add({1, 0, 3, Fate::sent, 25ms, 1ms, 10ms, 1ms}, kStart);
  ways.add({2, 1, 3, Fate::sent, 25ms, 1ms, 30ms, 1ms}, kStart);
  ways.add({2, 1, 4, Fate::refused, 25ms, 1ms, 30ms, 1ms}, kStart);
  BOOST_TEST(ways.services() == 2);
  BOOST_REQUIRE(ways.service(0).window(3) != nullptr);
  BOOST_CHECK(ways.service(0).window(3)->most() == 10ms);
  BOOST_CHECK(ways.service(1).window(3)->most_needed() == 25ms);
  BOOST_CHECK(ways.service(1).window(4) == nullptr);
  BOOST_TEST(ways.service(1).rows.size() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
