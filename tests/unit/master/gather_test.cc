#include "master/gather.hh"

#include <boost/test/unit_test.hpp>

using flagfall::MonoTime;
using flagfall::Nanos;
using flagfall::master::Gather;
using namespace std::chrono_literals;

namespace {

constexpr MonoTime kStart = MonoTime(Nanos(1'000'000'000));
constexpr MonoTime kAtOnce = MonoTime();

/// A round of one burst.
MonoTime round(Gather& gather, MonoTime begun, unsigned queries, unsigned races, bool full = false) {
  gather.burst(begun, queries, races, full);
  return gather.rest();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gather)

BOOST_AUTO_TEST_CASE(a_query_that_comes_alone_does_not_wait_nor_make_others_wait) {
  Gather gather(2ms);
  BOOST_TEST((round(gather, kStart, 1, 1) == kAtOnce));
  BOOST_TEST((round(gather, kStart + 5ms, 1, 1) == kAtOnce));
}

BOOST_AUTO_TEST_CASE(races_that_come_densely_gather_for_the_set_time) {
  Gather gather(2ms);
  (void)round(gather, kStart, 1, 1);
  BOOST_TEST((round(gather, kStart + 1ms, 1, 1) == kStart + 3ms));
  BOOST_TEST((round(gather, kStart + 3ms, 9, 9) == kStart + 5ms));
}

BOOST_AUTO_TEST_CASE(the_set_time_may_change_between_rounds) {
  Gather gather(2ms);
  (void)round(gather, kStart, 1, 1);
  gather.set_most(500us);
  BOOST_TEST((round(gather, kStart + 1ms, 1, 1) == kStart + 1500us));
}

BOOST_AUTO_TEST_CASE(where_ordinary_answers_prevail_there_is_no_waiting) {
  Gather gather(2ms);
  (void)round(gather, kStart, 4, 4);
  BOOST_TEST((round(gather, kStart + 1ms, 4, 2) == kStart + 3ms));
  BOOST_TEST((round(gather, kStart + 2ms, 4, 1) == kAtOnce));
}

BOOST_AUTO_TEST_CASE(a_full_batch_means_that_more_is_there) {
  Gather gather(2ms);
  (void)round(gather, kStart, 64, 64);
  BOOST_TEST((round(gather, kStart + 1ms, 64, 64, true) == kAtOnce));
}

BOOST_AUTO_TEST_CASE(bursts_of_several_sockets_make_one_round) {
  Gather gather(2ms);
  (void)round(gather, kStart, 1, 1);
  gather.burst(kStart + 1ms, 1, 1, false);
  gather.burst(kStart + 1ms + 50us, 4, 0, false);
  BOOST_TEST((gather.rest() == kAtOnce));
  gather.burst(kStart + 2ms, 1, 0, false);
  gather.burst(kStart + 2ms + 50us, 4, 4, false);
  BOOST_TEST((gather.rest() == kStart + 4ms));
  BOOST_TEST((gather.rest() == kAtOnce));  // a round without queries
}

BOOST_AUTO_TEST_CASE(zero_means_never) {
  Gather gather(0ms);
  (void)round(gather, kStart, 8, 8);
  BOOST_TEST((round(gather, kStart, 8, 8) == kAtOnce));
}

BOOST_AUTO_TEST_SUITE_END()
