// Policies by load, weight and turn: each looks at its own figure, and nobody is taken for idle who is
// silent.
#include "director/load_policies.hh"

#include <boost/test/unit_test.hpp>
#include <limits>
#include <set>
#include <vector>

using namespace std::chrono_literals;
using flagfall::MonoTime;
using flagfall::SeededRandom;
using flagfall::director::Capacity;
using flagfall::director::Choice;
using flagfall::director::choose_by_load;
using flagfall::director::choose_in_turn;
using flagfall::director::choose_weighted;
using flagfall::director::LoadOptions;
using flagfall::director::Policy;
using flagfall::director::ServerIndex;
using flagfall::director::ServerLoad;
using flagfall::director::ServerMask;

namespace {

constexpr MonoTime kNow = MonoTime(1000s);
constexpr ServerMask kFour = 0b1111;

struct Fixture {
  // Each is the best of one policy.
  std::vector<std::optional<ServerLoad>> loads{
      ServerLoad{10, 4e9, 1e9, 0.2, kNow},
      ServerLoad{100, 8e9, 1e9, 0.3, kNow},
      ServerLoad{200, 1e9, 2e9, 0.4, kNow},
      ServerLoad{300, 2e9, 0, 0.9, kNow},
  };
  LoadOptions options;
  SeededRandom random{3};
  Choice choose(Policy policy, ServerMask fit = kFour, MonoTime now = kNow) {
    return choose_by_load(policy, fit, loads, options, now, random);
  }
};

std::vector<int> order_of(const Choice& choice) {
  return {choice.order.all().begin(), choice.order.all().end()};
}

std::vector<int> list(std::initializer_list<int> servers) {
  return servers;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(load_policies)

BOOST_AUTO_TEST_CASE(each_policy_takes_the_server_with_the_best_of_its_own_figure) {
  Fixture f;
  BOOST_TEST(order_of(f.choose(Policy::least_connections)) == list({0, 1, 2, 3}));
  BOOST_TEST(order_of(f.choose(Policy::most_free_memory)) == list({1, 0, 3, 2}));
  BOOST_TEST(order_of(f.choose(Policy::most_free_swap)) == list({2, 0, 1, 3}));
  BOOST_TEST(order_of(f.choose(Policy::most_idle_cpu)) == list({3, 2, 1, 0}));
  BOOST_TEST(f.choose(Policy::least_connections).order.group == 1);
}

BOOST_AUTO_TEST_CASE(near_ties_are_one_group_and_alike) {
  Fixture f;
  f.loads[1]->open_connections = 11;
  f.loads[2]->open_connections = 11.2;
  const Choice choice = f.choose(Policy::least_connections);
  BOOST_TEST(choice.order.group == 2);
  BOOST_TEST(choice.weight[0] == choice.weight[1]);
  BOOST_TEST(order_of(choice) == list({0, 1, 2, 3}));
}

BOOST_AUTO_TEST_CASE(one_connection_more_than_none_is_a_near_tie) {
  Fixture f;
  for (int i = 0; i < 4; ++i) f.loads[static_cast<std::size_t>(i)]->open_connections = i;
  BOOST_TEST(f.choose(Policy::least_connections).order.group == 2);
}

BOOST_AUTO_TEST_CASE(only_fit_servers_are_chosen) {
  Fixture f;
  BOOST_TEST(order_of(f.choose(Policy::least_connections, 0b1010)) == list({1, 3}));
  BOOST_TEST(f.choose(Policy::least_connections, 0).order.empty());
}

BOOST_AUTO_TEST_CASE(a_silent_server_is_behind_the_worst_known_one) {
  Fixture f;
  f.loads[0]->at = kNow - 11s;
  f.loads[1].reset();
  f.loads.pop_back();
  BOOST_TEST(order_of(f.choose(Policy::least_connections)) == list({2, 0, 1, 3}));
}

BOOST_AUTO_TEST_CASE(without_any_fresh_report_there_is_no_opinion) {
  Fixture f;
  BOOST_TEST(f.choose(Policy::most_idle_cpu, kFour, kNow + 10s).order.count == 4);
  BOOST_TEST(f.choose(Policy::most_idle_cpu, kFour, kNow + 10s + 1ns).order.empty());
}

BOOST_AUTO_TEST_CASE(a_report_that_makes_no_sense_or_comes_from_the_future_is_none) {
  Fixture f;
  f.loads[0]->open_connections = -1;
  f.loads[1]->cpu_idle = 1.5;
  f.loads[2]->free_memory = std::numeric_limits<double>::quiet_NaN();
  BOOST_TEST(order_of(f.choose(Policy::least_connections)) == list({3, 0, 1, 2}));
  f.loads[3]->at = kNow + 1h;
  BOOST_TEST(f.choose(Policy::least_connections).order.empty());
}

BOOST_AUTO_TEST_CASE(weights_share_the_requests_and_zero_is_for_when_all_others_are_down) {
  SeededRandom random(1);
  const std::vector<double> weights{1, 3, 0};
  const Choice choice =
      choose_weighted(kFour, weights, random);  // the fourth has the weight of who says nothing
  BOOST_TEST(order_of(choice) == list({1, 0, 3, 2}));
  BOOST_TEST(choice.order.group == 3);
  BOOST_TEST(choice.weight[1] == 3 * choice.weight[0]);
  BOOST_TEST(choice.weight[0] == choice.weight[3]);
  BOOST_TEST(order_of(choose_weighted(0b100, weights, random)) == list({2}));
  BOOST_TEST(choose_weighted(0, weights, random).order.empty());
}

BOOST_AUTO_TEST_CASE(turns_begin_with_each_server_once_a_round) {
  std::multiset<int> first;
  for (std::uint64_t turn = 0; turn < 24; ++turn) {
    const Choice choice = choose_in_turn(0xfff, turn);
    BOOST_REQUIRE(choice.order.count == 8);
    BOOST_TEST(choice.order.group == 8);
    first.insert(choice.order.best());
  }
  for (int server = 0; server < 12; ++server) BOOST_TEST(first.count(server) == 2U);
  BOOST_TEST(choose_in_turn(0, 5).order.empty());
}

BOOST_AUTO_TEST_CASE(what_is_in_use_is_the_tightest_limit_that_is_known) {
  const ServerLoad load{50, 0, 0, 0.25, kNow};
  BOOST_TEST(!in_use(Capacity{}, &load, 10).has_value());
  BOOST_TEST(*in_use(Capacity{.connections = 100}, &load, 10) == 0.5);
  BOOST_TEST(*in_use(Capacity{.connections = 100, .requests = 8}, &load, 10) == 1.25);
  BOOST_TEST(*in_use(Capacity{.load = 0.5}, &load, 0) == 1.5);
  BOOST_TEST(!in_use(Capacity{.connections = 100}, nullptr, 10).has_value());
  BOOST_TEST(*in_use(Capacity{.connections = 100, .requests = 20}, nullptr, 10) == 0.5);
  BOOST_TEST(*busyness(Capacity{}, &load, 0) == 0.75);
  BOOST_TEST(!busyness(Capacity{}, nullptr, 0).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
