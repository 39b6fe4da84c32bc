#include "slave/backend_slots.hh"

#include <boost/test/unit_test.hpp>
#include <set>

#include "common/base/random.hh"

using namespace flagfall;         // NOLINT(*-using-namespace): a test
using namespace flagfall::slave;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;

namespace {

constexpr MonoTime kNow = MonoTime(Nanos(100s));

BackendSlots slots(std::uint32_t sockets = 3) {
  return BackendSlots({.sockets = sockets, .timeout = 500ms, .rest = 20ms});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(backend_slots)

BOOST_AUTO_TEST_CASE(a_socket_has_one_request_at_a_time_and_gives_back_whose_it_was) {
  BackendSlots s = slots();
  const auto a = s.ask(7, kNow), b = s.ask(8, kNow), c = s.ask(9, kNow);
  BOOST_REQUIRE((a && b && c));
  BOOST_TEST((std::set{*a, *b, *c}.size() == 3U));
  BOOST_TEST(!s.ask(10, kNow).has_value());
  BOOST_TEST(s.waiting() == 3U);
  BOOST_TEST(s.over(*b, kNow).value() == 8U);
  BOOST_TEST(s.over(*a, kNow).value() == 7U);
  BOOST_TEST(s.waiting() == 1U);
}

BOOST_AUTO_TEST_CASE(what_comes_in_a_socket_without_a_request_is_nobodys) {
  BackendSlots s = slots();
  BOOST_TEST(!s.over(0, kNow).has_value());
  const auto a = s.ask(7, kNow);
  (void)s.over(*a, kNow);
  BOOST_TEST(!s.over(*a, kNow + 1ms).has_value());  // the second datagram of one answer
}

BOOST_AUTO_TEST_CASE(a_socket_rests_before_its_next_request_and_the_longest_rested_is_taken) {
  BackendSlots s = slots(2);
  const auto a = s.ask(1, kNow), b = s.ask(2, kNow);
  (void)s.over(*b, kNow);
  (void)s.over(*a, kNow + 5ms);
  BOOST_TEST(!s.ask(3, kNow + 19ms).has_value());
  BOOST_TEST(s.ask(3, kNow + 20ms).value() == *b);
  BOOST_TEST(!s.ask(4, kNow + 24ms).has_value());
  BOOST_TEST(s.ask(4, kNow + 25ms).value() == *a);
}

BOOST_AUTO_TEST_CASE(a_request_that_waits_too_long_breaks_its_socket_until_that_is_replaced) {
  BackendSlots s = slots(1);
  const auto a = s.ask(1, kNow);
  BOOST_TEST(!s.overdue(kNow + 499ms).has_value());
  const auto late = s.overdue(kNow + 500ms);
  BOOST_REQUIRE(late.has_value());
  BOOST_TEST(late->slot == *a);
  BOOST_TEST(late->whose == 1U);
  BOOST_TEST(!s.overdue(kNow + 500ms).has_value());
  BOOST_TEST(!s.over(*a, kNow + 501ms).has_value());  // its answer, late
  BOOST_TEST(!s.ask(2, kNow + 10s).has_value());
  BOOST_TEST(s.first_broken().value() == *a);
  s.replaced(*a);
  BOOST_TEST(!s.first_broken().has_value());
  BOOST_TEST(s.ask(2, kNow + 10s).value() == *a);
}

BOOST_AUTO_TEST_CASE(of_many_requests_each_ends_once_whatever_comes_when) {
  BackendSlots s = slots(16);
  SeededRandom random(5);
  std::set<std::uint32_t> open;
  std::uint32_t next = 0, ended = 0;
  MonoTime now = kNow;
  const auto end = [&](std::uint32_t whose) {
    BOOST_REQUIRE(open.erase(whose) == 1U);
    ++ended;
  };
  for (int i = 0; i < 20'000; ++i) {
    now += Nanos(static_cast<std::int64_t>(random.next() % 20'000'000));
    while (const auto late = s.overdue(now)) end(late->whose);
    if (const auto broken = s.first_broken(); broken && random.next() % 2 == 0) s.replaced(*broken);
    if (random.next() % 2 == 0) {
      if (s.ask(next, now)) open.insert(next);
      ++next;
    } else if (const auto whose = s.over(static_cast<std::uint32_t>(random.next() % 16), now)) {
      end(*whose);
    }
    BOOST_REQUIRE(s.waiting() == open.size());
  }
  BOOST_TEST(ended > 1000U);
}

BOOST_AUTO_TEST_SUITE_END()
