#include "slave/beacon_book.hh"

#include <boost/test/unit_test.hpp>

using namespace flagfall;         // NOLINT(google-build-using-namespace): a test
using namespace flagfall::slave;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;
using Asked = BeaconBook::Asked;

namespace {

const IpAddress kClient = *parse_ip("198.51.100.7");
const IpAddress kOther = *parse_ip("198.51.100.8");
const MonoTime kDue = from_ns<MonoTime>(1'000'000'000'000);

struct Rig {
  BeaconBook book{16};
  BeaconWin win;
  void issue(std::uint64_t race, MonoTime due = kDue) { book.issued({race, due, 5, 70, 1, kClient}); }
  Asked ask(std::uint64_t race, Nanos after = 10ms, const IpAddress& from = kClient) {
    return book.asked(race, 5, from, kDue + after, win);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(beacon_book, Rig)

BOOST_AUTO_TEST_CASE(the_first_question_wins_and_says_for_whom_and_when) {
  issue(77);
  BOOST_TEST((ask(77, 12ms) == Asked::win));
  BOOST_TEST(win.link == 1);
  BOOST_TEST(win.session == 70U);
  BOOST_TEST(win.win.race == 77U);
  BOOST_TEST((win.win.after == 12ms));
  BOOST_TEST(win.win.same_address);
}

BOOST_AUTO_TEST_CASE(a_question_from_elsewhere_is_marked) {
  issue(77);
  BOOST_TEST((ask(77, 12ms, kOther) == Asked::win));
  BOOST_TEST(!win.win.same_address);
}

BOOST_AUTO_TEST_CASE(a_retry_a_prefetch_and_a_replay_do_not_count_again) {
  issue(77);
  BOOST_TEST((ask(77) == Asked::win));
  BOOST_TEST((ask(77, 400ms) == Asked::again));
  BOOST_TEST((ask(77, BeaconBook::kCounts + 1ns) == Asked::late));
}

BOOST_AUTO_TEST_CASE(what_was_never_issued_or_is_asked_before_the_instant_or_long_after_it_is_no_win) {
  issue(77);
  BOOST_TEST((ask(78) == Asked::unknown));
  BOOST_TEST((book.asked(77, 6, kClient, kDue + 1ms, win) == Asked::unknown));
  BOOST_TEST((ask(77, -1ns) == Asked::early));
  BOOST_TEST((ask(77, BeaconBook::kCounts + 1ns) == Asked::late));
  BOOST_TEST((ask(77, BeaconBook::kCounts) == Asked::win));
}

BOOST_AUTO_TEST_CASE(more_races_than_there_is_room_for_push_out_the_oldest) {
  for (std::uint64_t race = 0; race < 1000; ++race) issue(race, kDue + std::chrono::milliseconds(race));
  BOOST_TEST((ask(3, 1s) == Asked::unknown));
  for (std::uint64_t race = 984; race < 1000; ++race) BOOST_TEST((ask(race, 1s) == Asked::win));
}

BOOST_AUTO_TEST_SUITE_END()
