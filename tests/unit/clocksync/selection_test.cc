#include "clocksync/selection.hh"

#include <boost/test/unit_test.hpp>
#include <vector>

#include "common/base/random.hh"

using namespace flagfall;             // NOLINT(*-using-namespace)
using namespace flagfall::clocksync;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(selection)

BOOST_AUTO_TEST_CASE(one_server_is_believed_and_none_is_not) {
  BOOST_TEST(!agree({}).has_value());
  const std::vector<Claim> one = {{5s, 1ms}};
  const auto agreed = agree(one);
  BOOST_REQUIRE(agreed.has_value());
  BOOST_TEST(agreed->count == 1U);
  BOOST_TEST((agreed->low == 5s - 1ms && agreed->high == 5s + 1ms));
}

BOOST_AUTO_TEST_CASE(two_that_disagree_settle_nothing) {
  BOOST_TEST(!agree(std::vector<Claim>{{0s, 1ms}, {1s, 1ms}}).has_value());
  BOOST_TEST(agree(std::vector<Claim>{{0s, 1ms}, {1ms, 1ms}}).has_value());
}

BOOST_AUTO_TEST_CASE(a_liar_among_three_is_named) {
  const std::vector<Claim> claims = {{0us, 100us}, {1s, 50us}, {20us, 200us}};
  const auto agreed = agree(claims);
  BOOST_REQUIRE(agreed.has_value());
  BOOST_TEST(agreed->count == 2U);
  BOOST_TEST(agreed->truechimer[0]);
  BOOST_TEST(!agreed->truechimer[1]);
  BOOST_TEST(agreed->truechimer[2]);
  BOOST_TEST((agreed->low == -100us && agreed->high == 100us));
}

BOOST_AUTO_TEST_CASE(two_liars_that_agree_among_four_honest_ones_do_not_matter) {
  const std::vector<Claim> claims = {{1s, 1ms}, {0s, 1ms}, {10us, 1ms}, {1s, 2ms}, {20us, 1ms}, {-30us, 1ms}};
  const auto agreed = agree(claims);
  BOOST_REQUIRE(agreed.has_value());
  BOOST_TEST(agreed->count == 4U);
  BOOST_TEST(!agreed->truechimer[0]);
  BOOST_TEST(!agreed->truechimer[3]);
}

BOOST_AUTO_TEST_CASE(half_against_half_is_no_majority) {
  BOOST_TEST(!agree(std::vector<Claim>{{0s, 1ms}, {0s, 1ms}, {1s, 1ms}, {1s, 1ms}}).has_value());
}

BOOST_AUTO_TEST_CASE(intervals_that_touch_agree) {
  const auto agreed = agree(std::vector<Claim>{{0s, 1ms}, {2ms, 1ms}, {1ms, 5ms}});
  BOOST_REQUIRE(agreed.has_value());
  BOOST_TEST((agreed->low <= 1ms && agreed->high >= 1ms));
}

BOOST_AUTO_TEST_CASE(a_narrow_claim_beside_the_middle_of_a_wide_one_agrees_with_it) {
  BOOST_TEST(agree(std::vector<Claim>{{0us, 5us}, {10us, 40us}}).has_value());
  const auto agreed = agree(std::vector<Claim>{{0us, 5us}, {10us, 40us}, {1s, 40us}});
  BOOST_REQUIRE(agreed.has_value());
  BOOST_TEST(agreed->count == 2U);
  BOOST_TEST(!agreed->truechimer[2]);
}

BOOST_AUTO_TEST_CASE(the_truth_is_never_outside_while_liars_are_a_minority) {
  SeededRandom random(9);
  for (int run = 0; run < 20000; ++run) {
    const std::size_t servers = 1 + random.next() % kMostServers;
    const std::size_t liars = random.next() % ((servers + 1) / 2);
    std::vector<Claim> claims;
    for (std::size_t i = 0; i < servers; ++i) {
      const Nanos bound(1 + static_cast<std::int64_t>(random.next() % 1'000'000));
      const auto within =
          static_cast<std::int64_t>((random.unit() * 2 - 1) * static_cast<double>(bound.count()));
      // Truth is 0. Liars lie together, so that it hurts most.
      claims.push_back(i < liars ? Claim{Nanos(50'000'000 + within), bound} : Claim{Nanos(within), bound});
    }
    const auto agreed = agree(claims);
    BOOST_TEST_REQUIRE(agreed.has_value());
    BOOST_TEST_REQUIRE((agreed->low <= 0ns && agreed->high >= 0ns));
    for (std::size_t i = 0; i < servers; ++i) BOOST_TEST_REQUIRE(agreed->truechimer.at(i) == (i >= liars));
  }
}

BOOST_AUTO_TEST_SUITE_END()
