// How requests are dealt among equals: each its part, also when there are more than an order holds.
#include "director/choice.hh"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>
#include <vector>

using flagfall::SeededRandom;
using flagfall::director::Choice;
using flagfall::director::Order;
using flagfall::director::ServerIndex;
using flagfall::director::Share;

BOOST_AUTO_TEST_SUITE(choice)

BOOST_AUTO_TEST_CASE(a_group_is_dealt_by_its_parts_largest_first) {
  SeededRandom random(1);
  Choice out;
  out.deal(std::vector<Share>{{3, 1}, {5, 4}, {7, 0}}, random);
  out.then(7);
  out.then(5);
  BOOST_TEST(out.order.count == 3);
  BOOST_TEST(out.order.group == 2);
  BOOST_TEST(out.order.servers[0] == 5);
  BOOST_TEST(out.order.servers[1] == 3);
  BOOST_TEST(out.order.servers[2] == 7);
  BOOST_TEST(out.weight[5] == Choice::kMostWeight);
  BOOST_TEST(out.weight[3] == (Choice::kMostWeight + 2) / 4);
  BOOST_TEST(out.weight[7] == 1U);
  BOOST_TEST(std::accumulate(out.weight.begin(), out.weight.end(), 0U) ==
             out.weight[3] + out.weight[5] + out.weight[7]);
}

BOOST_AUTO_TEST_CASE(a_tiny_part_beside_a_huge_one_is_still_one) {
  SeededRandom random(1);
  Choice out;
  out.deal(std::vector<Share>{{0, 1e-9}, {1, 1e9}}, random);
  BOOST_TEST(out.order.count == 2);
  BOOST_TEST(out.weight[0] == 1U);
}

BOOST_AUTO_TEST_CASE(nothing_to_deal_is_no_opinion) {
  SeededRandom random(1);
  Choice out;
  out.deal({}, random);
  out.deal(std::vector<Share>{{0, 0}}, random);
  BOOST_TEST(out.order.empty());
  BOOST_CHECK(out == Choice{});
}

BOOST_AUTO_TEST_CASE(of_more_than_an_order_holds_each_gets_its_part_over_many_draws) {
  SeededRandom random(7);
  std::vector<Share> shares;
  double total = 0;
  for (ServerIndex i = 0; i < 20; ++i) {
    shares.push_back({i, i == 0 ? 40.0 : 1.0 + i % 3});
    total += shares.back().part;
  }
  std::vector<double> got(shares.size(), 0);
  constexpr int kDraws = 20000;
  for (int draw = 0; draw < kDraws; ++draw) {
    Choice out;
    out.deal(shares, random);
    BOOST_REQUIRE(out.order.count <= Order::kMost);
    double sum = 0;
    for (const ServerIndex server : out.order.all()) sum += out.weight[server];
    for (const ServerIndex server : out.order.all()) got[server] += out.weight[server] / sum;
  }
  for (const Share& share : shares) {
    const double expected = share.part / total;
    // Eight points of equal weight a draw: the standard error is below sqrt(p / (8 * draws)).
    BOOST_TEST(std::abs(got[share.server] / kDraws - expected) < 4 * std::sqrt(expected / (8.0 * kDraws)));
  }
}

BOOST_AUTO_TEST_SUITE_END()
