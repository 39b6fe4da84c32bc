#include "common/base/time.hh"

#include <boost/test/unit_test.hpp>

#include "common/base/random.hh"

using flagfall::MonoTime;
using flagfall::Nanos;
using flagfall::RealTime;

namespace {

/// A host whose two clocks are a known way apart, each read taking a while.
class FakeClock final : public flagfall::Clock {
 public:
  [[nodiscard]] MonoTime mono() const override { return MonoTime(Nanos(now_ += step_)); }
  [[nodiscard]] RealTime real() const override { return RealTime(Nanos((now_ += step_) + 1'000'000)); }

 private:
  mutable std::int64_t now_ = 0;
  std::int64_t step_ = 10;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(clocks)

BOOST_AUTO_TEST_CASE(timespecs_convert_both_ways_and_below_zero) {
  for (const std::int64_t ns : {0LL, 1LL, 999'999'999LL, 1'000'000'000LL, -1LL, -1'500'000'000LL}) {
    const timespec t = flagfall::to_timespec(Nanos(ns));
    BOOST_TEST(t.tv_nsec >= 0);
    BOOST_TEST(t.tv_nsec < 1'000'000'000);
    BOOST_TEST(flagfall::from_timespec(t).count() == ns);
  }
}

BOOST_AUTO_TEST_CASE(the_bracket_is_as_wrong_as_it_says_at_most) {
  const auto read = flagfall::read_real_minus_mono(FakeClock());
  BOOST_TEST(read.width.count() == 20);
  BOOST_TEST(std::abs(read.offset.count() - 1'000'000) * 2 <= read.width.count());
}

BOOST_AUTO_TEST_CASE(the_system_clocks_advance) {
  const flagfall::SystemClock clock;
  const auto before = clock.mono();
  BOOST_TEST((clock.mono() >= before));
  BOOST_TEST(flagfall::to_ns(clock.real()) > 1'600'000'000'000'000'000);
}

BOOST_AUTO_TEST_CASE(a_seed_gives_the_same_numbers_again_and_the_kernel_does_not) {
  flagfall::SeededRandom a(7), b(7);
  for (int i = 0; i < 100; ++i) BOOST_TEST(a.next() == b.next());
  for (int i = 0; i < 1000; ++i) {
    const double unit = a.unit();
    BOOST_TEST((unit >= 0 && unit < 1));
  }
  flagfall::SystemRandom system;
  const auto first = system.next();
  bool differs = false;
  for (int i = 0; i < 200; ++i) differs = differs || system.next() != first;
  BOOST_TEST(differs);
}

BOOST_AUTO_TEST_SUITE_END()
