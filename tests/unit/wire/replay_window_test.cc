#include "common/wire/replay_window.hh"

#include <boost/test/unit_test.hpp>
#include <set>

#include "common/base/random.hh"

using flagfall::wire::ReplayWindow;

namespace {

bool take(ReplayWindow& window, std::uint64_t counter) {
  if (!window.fresh(counter)) return false;
  window.mark(counter);
  return true;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(replay_window)

BOOST_AUTO_TEST_CASE(each_counter_passes_once) {
  ReplayWindow window;
  for (std::uint64_t c = 0; c < 5000; ++c) {
    BOOST_TEST(take(window, c));
    BOOST_TEST(!take(window, c));
  }
}

BOOST_AUTO_TEST_CASE(counters_within_the_window_pass_in_any_order) {
  ReplayWindow window;
  for (std::uint64_t c = ReplayWindow::kSize; c-- > 0;) BOOST_TEST(take(window, c));
  for (std::uint64_t c = 0; c < ReplayWindow::kSize; ++c) BOOST_TEST(!take(window, c));
}

BOOST_AUTO_TEST_CASE(a_counter_older_than_the_window_is_refused_though_never_seen) {
  ReplayWindow window;
  BOOST_TEST(take(window, 10'000));
  BOOST_TEST(!window.fresh(10'000 - ReplayWindow::kSize));
  BOOST_TEST(take(window, 10'001 - ReplayWindow::kSize));
}

BOOST_AUTO_TEST_CASE(a_jump_forgets_nothing_that_is_still_in_the_window) {
  for (const std::uint64_t jump : {1U, 63U, 64U, 65U, 2047U, 2048U, 2049U, 100'000U}) {
    ReplayWindow window;
    std::set<std::uint64_t> seen;
    for (std::uint64_t c = 1000; c < 3000; c += 3) {
      BOOST_TEST(take(window, c));
      seen.insert(c);
    }
    const std::uint64_t newest = *seen.rbegin() + jump;
    BOOST_TEST(take(window, newest));
    seen.insert(newest);
    const std::uint64_t oldest = newest < ReplayWindow::kSize ? 0 : newest + 1 - ReplayWindow::kSize;
    for (std::uint64_t c = oldest; c <= newest; ++c) BOOST_TEST(window.fresh(c) == !seen.contains(c));
    if (oldest > 0) BOOST_TEST(!window.fresh(oldest - 1));
  }
}

BOOST_AUTO_TEST_CASE(it_agrees_with_a_set_over_random_counters) {
  flagfall::SeededRandom random(3);
  ReplayWindow window;
  std::set<std::uint64_t> seen;
  std::uint64_t newest = 0;
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t back = random.next() % 3000;
    const std::uint64_t counter = newest + (random.next() % 64 == 0 ? random.next() % 500 : 1);
    const std::uint64_t c = random.next() % 2 == 0 ? counter : (back > newest ? 0 : newest - back);
    const bool expected = !seen.contains(c) && (seen.empty() || c + ReplayWindow::kSize > newest);
    if (take(window, c) != expected) BOOST_FAIL("counter " << c << ", newest " << newest);
    if (expected) {
      seen.insert(c);
      newest = std::max(newest, c);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_last_counter_cannot_wrap_the_window) {
  ReplayWindow window;
  const std::uint64_t last = ~std::uint64_t{0};
  BOOST_TEST(take(window, 5));
  BOOST_TEST(!window.fresh(last));
  BOOST_TEST(take(window, last - 1));
  BOOST_TEST(!window.fresh(5));
  BOOST_TEST(!window.fresh(last));
}

BOOST_AUTO_TEST_SUITE_END()
