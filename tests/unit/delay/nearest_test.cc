#include "delay/nearest.hh"

#include <boost/test/unit_test.hpp>

using namespace std::chrono_literals;
using namespace flagfall::delay;  // NOLINT(*-using-namespace)
using flagfall::race::Fate;
using flagfall::race::FinishedRace;

namespace {

FinishedRace race(const std::string& client, const std::vector<std::uint16_t>& ran, std::uint16_t winner) {
  FinishedRace out;
  out.client = {*flagfall::parse_ip(client), 4242};
  for (const std::uint16_t slave : ran) {
    out.runners.at(out.count).slave = slave;
    out.runners.at(out.count++).fate = Fate::sent;
  }
  out.verdict.emplace().winner = winner;
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(nearest)

BOOST_AUTO_TEST_CASE(pairs_that_go_round_find_the_nearest_of_three) {
  // Slaves 2, 5 and 9. The network's nearest is 5, then 2: 2 wins as many races as 5 when it runs more often.
  Nearest book({2, 5, 9});
  for (int i = 0; i < 3; ++i) book.add(race("192.0.2.7", {2, 5}, 5));
  for (int i = 0; i < 5; ++i) book.add(race("192.0.2.8", {2, 9}, 2));
  const auto weights = book.weights();
  BOOST_TEST(weights.of == std::vector<double>({0, 8, 0}), boost::test_tools::per_element());
  BOOST_TEST(weights.networks == 1U);
}

BOOST_AUTO_TEST_CASE(networks_weigh_by_their_races) {
  Nearest book({0, 1});
  for (int i = 0; i < 6; ++i) book.add(race("192.0.2.7", {0, 1}, 0));
  for (int i = 0; i < 2; ++i) book.add(race("198.51.100.7", {0, 1}, 1));
  for (int i = 0; i < 2; ++i) book.add(race("2001:db8:1::7", {0, 1}, 1));
  for (int i = 0; i < 2; ++i) book.add(race("2001:db8:1:ffff::8", {0, 1}, 1));
  const auto weights = book.weights();
  BOOST_TEST(weights.of == std::vector<double>({6, 6}), boost::test_tools::per_element());
  BOOST_TEST(weights.networks == 3U);
}

BOOST_AUTO_TEST_CASE(races_that_say_nothing_of_paths_are_left_out) {
  Nearest book({0, 1});
  FinishedRace none = race("192.0.2.7", {0, 1}, 0);
  none.verdict.reset();
  FinishedRace late = race("192.0.2.7", {0, 1}, 0);
  late.runners[1].fate = Fate::sent_late;
  FinishedRace silent = race("192.0.2.7", {0, 1}, 0);
  silent.runners[1].fate = Fate::unreported;
  FinishedRace close = race("192.0.2.7", {0, 1}, 0);
  close.verdict->within_error = true;
  FinishedRace shadow = race("192.0.2.7", {0, 1}, 0);
  shadow.shadow = true;
  for (const FinishedRace& each : {none, late, silent, close, shadow, race("192.0.2.7", {0}, 0)})
    book.add(each);
  BOOST_TEST(book.weights().of.empty());
  BOOST_TEST(book.weights().networks == 0U);
}

BOOST_AUTO_TEST_CASE(a_network_that_moves_is_followed) {
  Nearest book({0, 1});
  for (int i = 0; i < 200; ++i) book.add(race("192.0.2.7", {0, 1}, 0));
  for (int i = 0; i < 200; ++i) book.add(race("192.0.2.7", {0, 1}, 1));
  BOOST_TEST(book.weights().of[1] > 0);
  BOOST_TEST(book.weights().of[0] == 0.0);
}

BOOST_AUTO_TEST_CASE(only_so_many_networks_are_kept_those_heard_last) {
  Nearest book({0, 1});
  const auto client = [](unsigned i) {
    return "10." + std::to_string(i >> 8U) + "." + std::to_string(i & 255U) + ".1";
  };
  for (unsigned i = 0; i < Nearest::kMost; ++i) book.add(race(client(i), {0, 1}, 0));
  book.add(race(client(0), {0, 1}, 0));  // heard again
  for (unsigned i = 0; i < 10; ++i) book.add(race(client(Nearest::kMost + i), {0, 1}, 1));
  const auto weights = book.weights();
  BOOST_TEST(weights.networks == Nearest::kMost);
  BOOST_TEST(weights.of[0] == Nearest::kMost - 10 + 1.0);
  BOOST_TEST(weights.of[1] == 10.0);
}

BOOST_AUTO_TEST_CASE(a_winner_that_is_not_of_the_service_changes_nothing_of_its_slaves) {
  Nearest book({0, 1});
  book.add(race("192.0.2.7", {7, 8}, 7));
  BOOST_TEST(book.weights().networks == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
