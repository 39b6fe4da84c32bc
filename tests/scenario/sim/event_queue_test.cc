#include "sim/event_queue.hh"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <memory>
#include <stdexcept>
#include <vector>

#include "common/base/random.hh"

using namespace flagfall;       // NOLINT(*-using-namespace)
using namespace flagfall::sim;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;

namespace {

constexpr RefTime kBegin = RefTime(1000s);

void run(EventQueue& queue) {
  while (queue.step(RefTime::max())) {
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(event_queue)

BOOST_AUTO_TEST_CASE(ten_thousand_events_of_all_sizes_come_as_a_stable_sort_has_them) {
  EventQueue queue(kBegin);
  SeededRandom random(5);
  std::vector<std::pair<std::uint64_t, unsigned>> expected;
  std::vector<unsigned> came;
  for (unsigned i = 0; i < 10'000; ++i) {
    const std::uint64_t ahead = random.next() % 1000;  // many at one moment
    expected.emplace_back(ahead, i);
    if (i % 3 == 0) {
      const std::array<std::uint64_t, 40> large{i};  // more than an action's room
      queue.after(Nanos(ahead), [&came, large] { came.push_back(static_cast<unsigned>(large[0])); });
    } else {
      queue.after(Nanos(ahead), [&came, i] { came.push_back(i); });
    }
  }
  BOOST_TEST(queue.waiting() == 10'000U);
  run(queue);
  std::ranges::stable_sort(expected, {}, &std::pair<std::uint64_t, unsigned>::first);
  BOOST_REQUIRE(came.size() == expected.size());
  for (std::size_t i = 0; i < came.size(); ++i) BOOST_REQUIRE(came[i] == expected[i].second);
  BOOST_TEST(queue.done() == 10'000U);
}

BOOST_AUTO_TEST_CASE(events_that_events_ask_for_keep_the_order_while_the_queue_grows) {
  EventQueue queue(kBegin);
  SeededRandom random(6);
  RefTime last = kBegin;
  unsigned left = 20'000;
  struct Each {
    EventQueue& queue;     // NOLINT(*-ref-data-members)
    SeededRandom& random;  // NOLINT(*-ref-data-members)
    RefTime& last;         // NOLINT(*-ref-data-members)
    unsigned& left;        // NOLINT(*-ref-data-members)
    void operator()() {
      BOOST_REQUIRE((queue.now() >= last));
      last = queue.now();
      for (unsigned n = 0; n < 2 && left > 0; ++n, --left)
        queue.after(Nanos(random.next() % 500), Each(*this));
    }
  };
  queue.after(1ns, Each{queue, random, last, left});
  run(queue);
  BOOST_TEST(queue.done() == 20'001U);
}

BOOST_AUTO_TEST_CASE(an_end_is_not_passed_and_the_past_means_now) {
  EventQueue queue(kBegin);
  unsigned fired = 0;
  queue.after(5ms, [&] {
    ++fired;
    queue.at(kBegin, [&] { ++fired; });
  });
  BOOST_TEST(!queue.step(kBegin + 4ms));
  BOOST_TEST(fired == 0U);
  run(queue);
  BOOST_TEST(fired == 2U);
  BOOST_TEST((queue.now() == kBegin + 5ms));
}

BOOST_AUTO_TEST_CASE(what_actions_hold_is_let_go_after_they_ran_or_threw_and_when_the_queue_ends) {
  const auto held = std::make_shared<int>(1);
  {
    EventQueue queue(kBegin);
    queue.after(1ns, [held] {});
    queue.after(2ns, [held, large = std::array<char, 500>{}] { (void)large; });
    queue.after(3ns, [held] { throw std::runtime_error("as planned"); });
    queue.after(4ns, [held] {});
    queue.after(4ns, [held, large = std::array<char, 500>{}] { (void)large; });
    BOOST_TEST(held.use_count() == 6);
    BOOST_TEST(queue.step(RefTime::max()));
    BOOST_TEST(queue.step(RefTime::max()));
    BOOST_TEST(held.use_count() == 4);
    BOOST_CHECK_THROW((void)queue.step(RefTime::max()), std::runtime_error);
    BOOST_TEST(held.use_count() == 3);
  }
  BOOST_TEST(held.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(an_action_that_only_moves_is_taken_and_may_be_handed_on) {
  EventQueue queue(kBegin);
  int out = 0;
  Action action([&out, number = std::make_unique<int>(7)] { out = *number; });
  Action other = std::move(action);
  queue.after(1ns, std::move(other));
  run(queue);
  BOOST_TEST(out == 7);
}

BOOST_AUTO_TEST_SUITE_END()
