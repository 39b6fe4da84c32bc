// The document's example, and what it says of busy servers.
#include "director/composite.hh"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <optional>
#include <vector>

using flagfall::SeededRandom;
using flagfall::director::choose_composite;
using flagfall::director::CompositeChoice;
using flagfall::director::CompositeServer;
using flagfall::director::Path;
using flagfall::director::ServerMask;

namespace {

constexpr int kNy = 0;
constexpr int kLa = 1;
constexpr int kDc = 2;
constexpr int kSj = 3;

/// WO 98/26559, lines (4): @network = (ny ny 300 sj la 305 sj sj 312 ny sj 380 dc ny 400 ...)
const std::vector<Path> kNetwork{
    {kNy, kNy, 300}, {kSj, kLa, 305}, {kSj, kSj, 312}, {kNy, kSj, 380}, {kDc, kNy, 400}};

struct Fixture {
  // Two servers in ny, two in sj, one in dc, one in la, which has no path.
  std::vector<CompositeServer> servers{{kNy, 1, 0.5}, {kNy, 1, 0.75}, {kSj, 2, 0.5},
                                       {kSj, 1, 1.0}, {kDc, 1, 0.0},  {kLa, 1, 0.0}};
  SeededRandom random{5};
  CompositeChoice choose(ServerMask fit = 0b111111, double fuzz = 0.05) {
    return choose_composite(kNetwork, servers, fit, fuzz, random);
  }
};

std::vector<int> order_of(const CompositeChoice& out) {
  return {out.choice.order.all().begin(), out.choice.order.all().end()};
}

std::vector<int> list(std::initializer_list<int> servers) {
  return servers;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(composite)

BOOST_AUTO_TEST_CASE(in_the_documents_example_ny_goes_out_at_ny_and_sj_at_la) {
  Fixture f;
  const CompositeChoice out = f.choose();
  BOOST_TEST(out.choice.order.group == 3);  // 300 * 1.05 = 315: both of ny, one of sj; the other one is busy
  BOOST_TEST(out.border[0] == kNy);
  BOOST_TEST(out.border[1] == kNy);
  BOOST_TEST(out.border[2] == kLa);  // not sj, which is third in the list
  BOOST_TEST(out.border[3] == kLa);
  BOOST_TEST(out.border[4] == kNy);
  BOOST_TEST(order_of(out) == list({2, 0, 1, 4, 3}));  // dc is in no group, the busy one last, la nowhere
  BOOST_TEST(!out.all_busy);
}

BOOST_AUTO_TEST_CASE(a_group_shares_by_what_each_has_to_spare) {
  Fixture f;
  const CompositeChoice out = f.choose();
  const double total = out.choice.weight[0] + out.choice.weight[1] + out.choice.weight[2];
  BOOST_TEST(std::abs(out.choice.weight[0] / total - 0.5 / 1.75) < 1e-3);
  BOOST_TEST(std::abs(out.choice.weight[1] / total - 0.25 / 1.75) < 1e-3);
  BOOST_TEST(std::abs(out.choice.weight[2] / total - 1.0 / 1.75) < 1e-3);
}

BOOST_AUTO_TEST_CASE(when_all_of_a_group_are_busy_the_next_group_has_it) {
  Fixture f;
  for (int i = 0; i < 4; ++i) f.servers[static_cast<std::size_t>(i)].busy = 1.2;
  const CompositeChoice out = f.choose();
  BOOST_TEST(out.choice.order.group == 1);
  BOOST_TEST(order_of(out) == list({4, 0, 1, 2, 3}));
  BOOST_TEST(!out.all_busy);
}

BOOST_AUTO_TEST_CASE(when_all_groups_are_busy_the_best_shares_by_capacity) {
  Fixture f;
  for (CompositeServer& server : f.servers) server.busy = 1;
  const CompositeChoice out = f.choose();
  BOOST_TEST(out.all_busy);
  BOOST_TEST(out.choice.order.group == 4);
  BOOST_TEST(order_of(out) == list({2, 0, 1, 3, 4}));
  BOOST_TEST(out.choice.weight[2] >= 2 * out.choice.weight[0] - 1);
  for (CompositeServer& server : f.servers) server.capacity = 0;
  BOOST_TEST(f.choose().choice.order.group == 4);
}

BOOST_AUTO_TEST_CASE(the_fuzz_counts_from_the_best_site_that_somebody_is_fit_at) {
  Fixture f;
  const CompositeChoice out =
      f.choose(0b111100);  // ny is down: sj at 305, and dc at 400 is no more than that
  BOOST_TEST(out.choice.order.group == 1);
  BOOST_TEST(order_of(out) == list({2, 4, 3}));
  BOOST_TEST(f.choose(0b111100, 0.32).choice.order.group == 2);
  BOOST_TEST(f.choose(0b111111, 0).choice.order.group == 2);  // only ny
}

BOOST_AUTO_TEST_CASE(an_unknown_load_is_taken_for_the_busiest_known_one) {
  Fixture f;
  f.servers = {{kNy, 1, std::nullopt}, {kNy, 1, 0.75}, {kSj, 1, 0.5}};
  CompositeChoice out = f.choose(0b111);
  BOOST_TEST(out.choice.weight[0] == out.choice.weight[1]);
  BOOST_TEST(out.choice.weight[2] > out.choice.weight[1]);
  f.servers = {{kNy, 1, std::nullopt}, {kNy, 3, std::nullopt}};
  out = f.choose(0b11);
  BOOST_TEST(out.choice.weight[1] == 3 * out.choice.weight[0]);
}

BOOST_AUTO_TEST_CASE(without_a_path_or_a_fit_server_there_is_no_opinion) {
  Fixture f;
  BOOST_TEST(f.choose(0).choice.order.empty());
  BOOST_TEST(f.choose(0b100000).choice.order.empty());
  BOOST_TEST(choose_composite({}, f.servers, 0b111111, 0.05, f.random).choice.order.empty());
}

BOOST_AUTO_TEST_SUITE_END()
