// Guard and lead, from figures of which the truth is known.
#include <boost/test/unit_test.hpp>

#include "common/base/random.hh"
#include "slave/guard.hh"
#include "slave/lead.hh"
#include "slave/recent.hh"

using namespace flagfall;         // NOLINT(*-using-namespace)
using namespace flagfall::slave;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;

namespace {

/// `n` values of `most` less up to a tenth.
template <class Filter>
void feed(Filter& filter, std::size_t n, Nanos most, std::uint64_t seed = 1) {
  SeededRandom random(seed);
  for (std::size_t i = 0; i < n; ++i)
    filter.add(most - most * static_cast<std::int64_t>(random.next() % 100) / 1000);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(calibration)

BOOST_AUTO_TEST_CASE(quantiles_are_of_the_latest_values_only) {
  Recent<4> recent;
  BOOST_TEST((recent.quantile(50) == 0ns));
  for (const Nanos value : {9ns, 1ns, 5ns}) recent.add(value);
  BOOST_TEST(recent.count() == 3U);
  BOOST_TEST((recent.quantile(0) == 1ns));
  BOOST_TEST((recent.quantile(50) == 5ns));
  BOOST_TEST((recent.quantile(100) == 9ns));
  for (const Nanos value : {2ns, 3ns, 4ns}) recent.add(value);  // 9 and 1 are forgotten
  BOOST_TEST(recent.count() == 4U);
  BOOST_TEST((recent.quantile(0) == 2ns));
  BOOST_TEST((recent.quantile(100) == 5ns));
}

BOOST_AUTO_TEST_CASE(too_few_stamps_give_no_lead) {
  Lead lead;
  BOOST_TEST((lead.value() == 0ns));
  for (std::size_t i = 0; i + 1 < Lead::kLeastSamples; ++i) {
    lead.add(10us);
    BOOST_TEST((lead.value() == 0ns));
  }
  lead.add(10us);
  BOOST_TEST((lead.value() == 10us));
}

BOOST_AUTO_TEST_CASE(the_lead_is_the_median_and_outliers_do_not_move_it) {
  Lead lead;
  feed(lead, Lead::kSamples, 10us);
  const Nanos before = lead.value();
  BOOST_TEST((before > 9us));
  BOOST_TEST((before < 10us));
  // A third of what is looked at is far out, half of it this way and half that way.
  for (std::size_t i = 0; i < Lead::kSamples / 6; ++i) {
    lead.add(5ms);
    lead.add(0ns);
  }
  BOOST_TEST((std::chrono::abs(lead.value() - before) < 300ns));
}

BOOST_AUTO_TEST_CASE(the_lead_follows_a_step_within_as_many_stamps_as_it_looks_at) {
  Lead lead;
  feed(lead, 500, 10us);
  feed(lead, Lead::kSamples / 3, 30us);
  BOOST_TEST((lead.value() < 10us));
  feed(lead, Lead::kSamples / 3, 30us);
  BOOST_TEST((lead.value() > 26us));
  feed(lead, Lead::kSamples, 5us);
  BOOST_TEST((lead.value() < 5us));
}

BOOST_AUTO_TEST_CASE(the_lead_is_never_negative_and_has_a_limit) {
  Lead early, slow;
  feed(early, 100, -3us);  // clocks that are read badly
  BOOST_TEST((early.value() == 0ns));
  feed(slow, 100, 3ms);
  BOOST_TEST((slow.value() == kMostLead));
}

BOOST_AUTO_TEST_CASE(the_guard_is_one_and_a_half_times_a_late_wake_up_within_its_limits) {
  const auto guard = [](Nanos most) {
    Guard g;
    feed(g, 40, most);
    return g.value();
  };
  BOOST_TEST((Guard().value() == kLeastGuard));
  BOOST_TEST((guard(60us) == kLeastGuard));
  BOOST_TEST((guard(300us) > 400us));
  BOOST_TEST((guard(300us) <= 450us));
  BOOST_TEST((guard(3ms) == kMostGuard));
}

BOOST_AUTO_TEST_CASE(a_rare_late_wake_up_does_not_move_the_guard) {
  Guard guard;
  feed(guard, 1000, 200us);
  const Nanos before = guard.value();
  for (int i = 0; i < 10; ++i) {
    guard.add(20ms);
    feed(guard, 31, 200us, static_cast<std::uint64_t>(i));
    BOOST_TEST((guard.value() >= before - 3us));
    BOOST_TEST((guard.value() <= 300us));
  }
}

BOOST_AUTO_TEST_CASE(the_guard_grows_after_few_late_wake_ups_and_shrinks_after_many_good_ones) {
  Guard guard;
  feed(guard, Guard::kSamples, 100us);
  BOOST_TEST((guard.value() == kLeastGuard));
  feed(guard, Guard::kSamples / 12, 300us);
  BOOST_TEST((guard.value() > 400us));
  feed(guard, Guard::kSamples / 2, 100us);
  BOOST_TEST((guard.value() > 400us));
  feed(guard, Guard::kSamples / 2, 100us);
  BOOST_TEST((guard.value() == kLeastGuard));
}

BOOST_AUTO_TEST_SUITE_END()
