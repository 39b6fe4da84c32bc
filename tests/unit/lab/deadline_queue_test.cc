// Packets leave in the order of their deadlines.
#include "lab/deadline_queue.hh"

#include <boost/test/unit_test.hpp>

#include <vector>

#include "common/base/random.hh"

using namespace std::chrono_literals;
using flagfall::MonoTime;
using flagfall::lab::DeadlineQueue;

namespace {
MonoTime at(std::int64_t ns) {
  return MonoTime(flagfall::Nanos(ns));
}
}  // namespace

BOOST_AUTO_TEST_SUITE(deadline_queue)

BOOST_AUTO_TEST_CASE(nothing_is_due_before_its_deadline) {
  DeadlineQueue<int> queue(4);
  BOOST_TEST(!queue.next_deadline().has_value());
  queue.push(at(100), 7);
  BOOST_TEST(!queue.pop_due(at(99)).has_value());
  const auto due = queue.pop_due(at(100));
  BOOST_REQUIRE(due.has_value());
  BOOST_TEST(due->item == 7);
  BOOST_TEST(queue.empty());
}

BOOST_AUTO_TEST_CASE(equal_deadlines_leave_in_the_order_they_came) {
  DeadlineQueue<int> queue(100);
  for (int i = 0; i < 100; ++i) queue.push(at(5), i);
  for (int i = 0; i < 100; ++i) BOOST_TEST(queue.pop_due(at(5))->item == i);
}

BOOST_AUTO_TEST_CASE(a_thousand_random_deadlines_come_out_sorted) {
  DeadlineQueue<std::int64_t> queue(1000);
  flagfall::SeededRandom random(3);
  for (int i = 0; i < 1000; ++i) {
    const auto deadline = static_cast<std::int64_t>(random.next() % 500);
    queue.push(at(deadline), deadline);
  }
  BOOST_TEST(queue.full());
  std::int64_t last = -1;
  while (const auto due = queue.pop_due(at(1000))) {
    BOOST_TEST(flagfall::to_ns(due->deadline) == due->item);
    BOOST_TEST(due->item >= last);
    last = due->item;
  }
  BOOST_TEST(queue.empty());
}

BOOST_AUTO_TEST_SUITE_END()
