#include "director/view.hh"

#include <boost/test/unit_test.hpp>
#include <map>

using namespace flagfall;            // NOLINT(google-build-using-namespace): a test
using namespace flagfall::director;  // NOLINT(google-build-using-namespace): a test

namespace {

Order order(std::initializer_list<ServerIndex> servers, std::uint8_t group = 1) {
  Order out;
  for (const ServerIndex s : servers) out.push(s);
  out.group = group;
  return out;
}

struct Rig {
  PrefixTableEditor first, second;
  std::vector<Entry> entries;
  View view;
  SeededRandom lots{1};

  std::uint32_t value(const Order& o, bool doubt = false) {
    entries.push_back({o, doubt});
    return static_cast<std::uint32_t>(entries.size());
  }
  void set(PrefixTableEditor& table, const char* prefix, const Order& o, bool doubt = false) {
    table.set(*parse_prefix(prefix), value(o, doubt));
  }
  View& publish(std::size_t book) {
    view.tables = {first.publish(), second.publish()};
    view.book = book;
    view.entries = std::make_shared<const std::vector<Entry>>(entries);
    return view;
  }
  [[nodiscard]] Decision decide(const char* ip) const { return view.decide(*parse_ip(ip)); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(view)

BOOST_AUTO_TEST_CASE(the_first_table_with_servers_for_an_address_decides) {
  Rig rig;
  rig.set(rig.first, "192.0.2.0/24", order({2, 1}));
  rig.set(rig.second, "192.0.0.0/16", order({3}));
  rig.publish(0).races = true;
  BOOST_TEST(rig.decide("192.0.2.9").order.best() == 2);
  BOOST_TEST(rig.decide("192.0.2.9").bound);
  BOOST_TEST(!rig.decide("192.0.2.9").race);
  // Not in the book: raced, and meanwhile answered as the next table says.
  const Decision unknown = rig.decide("192.0.3.9");
  BOOST_TEST(unknown.race);
  BOOST_TEST(!unknown.bound);
  BOOST_TEST(unknown.order.best() == 3);
  BOOST_TEST(unknown.of_network);
  const Decision nowhere = rig.decide("198.51.100.1");
  BOOST_TEST(!nowhere.of_network);
  BOOST_TEST(nowhere.race);
  BOOST_TEST(nowhere.order.empty());
}

BOOST_AUTO_TEST_CASE(what_stands_before_the_book_is_not_raced) {
  Rig rig;
  rig.set(rig.first, "192.0.2.0/24", order({2}));
  rig.set(rig.second, "192.0.0.0/16", order({3}));
  rig.publish(1).races = true;
  BOOST_TEST(!rig.decide("192.0.2.9").race);
  BOOST_TEST(!rig.decide("192.0.2.9").bound);
  BOOST_TEST(rig.decide("192.0.3.9").bound);
  BOOST_TEST(rig.decide("203.0.113.1").race);
}

BOOST_AUTO_TEST_CASE(a_doubted_binding_is_raced_and_kept_as_the_answer) {
  Rig rig;
  rig.set(rig.first, "192.0.2.0/24", order({2}), true);
  rig.publish(0).races = true;
  BOOST_TEST(rig.decide("192.0.2.9").race);
  BOOST_TEST(rig.decide("192.0.2.9").order.best() == 2);
}

BOOST_AUTO_TEST_CASE(without_races_unknown_networks_are_answered) {
  Rig rig;
  rig.publish(0).races = false;
  BOOST_TEST(!rig.decide("192.0.2.9").race);
  rig.view.otherwise = order({1});
  BOOST_TEST(rig.decide("192.0.2.9").order.best() == 1);
}

BOOST_AUTO_TEST_CASE(the_scope_is_the_longest_that_any_look_needed) {
  Rig rig;
  rig.set(rig.first, "192.0.2.0/25", order({2}));
  rig.set(rig.second, "192.0.0.0/16", order({3}));
  rig.publish(0);
  BOOST_TEST(unsigned{rig.decide("192.0.2.1").scope} == 25U);
  BOOST_TEST(unsigned{rig.decide("192.0.2.200").scope} == 25U);
  BOOST_TEST(unsigned{rig.decide("192.0.200.1").scope} == 17U);
}

BOOST_AUTO_TEST_CASE(a_line_holds_those_who_are_able_the_preferred_first) {
  Rig rig;
  const ServerMask able = bit(0) | bit(1) | bit(3);
  const Order line = rig.view.line_up(order({2, 3, 1}), able, 3, rig.lots);
  BOOST_REQUIRE(line.count == 3);
  BOOST_TEST(line.servers[0] == 3);  // 2 is not able
  BOOST_TEST(line.servers[1] == 1);
  BOOST_TEST(line.servers[2] == 0);  // not preferred, but there
  BOOST_TEST(rig.view.line_up(order({2, 3}), able, 1, rig.lots).count == 1);
  BOOST_TEST(rig.view.line_up(order({2, 3}), 0, 3, rig.lots).empty());
}

BOOST_AUTO_TEST_CASE(of_a_group_each_leads_by_its_weight) {
  Rig rig;
  rig.view.weights[4] = 3;
  rig.view.weights[5] = 1;
  std::map<int, int> led;
  for (int i = 0; i < 4000; ++i)
    ++led[rig.view.line_up(order({4, 5, 6}, 2), ~ServerMask{0} >> 1, 2, rig.lots).best()];
  BOOST_TEST(led.size() == 2U);
  BOOST_TEST(led[4] > 2800);
  BOOST_TEST(led[4] < 3200);
}

BOOST_AUTO_TEST_CASE(without_weights_all_are_drawn_equally_often) {
  Rig rig;
  std::map<int, int> drawn;
  for (int i = 0; i < 6000; ++i) ++drawn[*View::draw(bit(1) | bit(7) | bit(63), rig.view.weights, rig.lots)];
  BOOST_TEST(drawn.size() == 3U);
  for (const auto& [server, times] : drawn)
    BOOST_TEST((times > 1800 && times < 2200), server << " " << times);
  BOOST_TEST(!View::draw(0, rig.view.weights, rig.lots));
}

BOOST_AUTO_TEST_SUITE_END()
