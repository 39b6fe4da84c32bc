// Changes of links, as they come over the control socket.
#include "lab/control.hh"

#include <boost/test/unit_test.hpp>

using namespace std::chrono_literals;
using flagfall::Nanos;
using flagfall::parse_ip;
using flagfall::lab::change_links;
using flagfall::lab::Link;
using flagfall::lab::Network;
using flagfall::lab::Topology;

namespace {

/// a, b, c; a - b 5 ms, a - c 7 ms, b and c not connected.
Topology three_hosts() {
  Topology t;
  t.lab = "t";
  t.hosts = {{"a", {*parse_ip("192.0.2.1")}, {}},
             {"b", {*parse_ip("192.0.2.2")}, {}},
             {"c", {*parse_ip("192.0.2.3")}, {}}};
  for (const auto& [to, delay] : {std::pair{1U, 5ms}, std::pair{2U, 7ms}}) {
    t.links.push_back({0, to, Link{.delay = delay}});
    t.links.push_back({to, 0, Link{.delay = delay}});
  }
  return t;
}

struct Changed {
  Topology topology = three_hosts();
  Network network{topology};
  /// The number of directions that changed, or 0 for an error.
  unsigned operator()(const std::vector<std::string>& words, bool one_way = false) {
    const auto result = change_links(words, one_way, topology, network);
    return result ? *result : 0;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(control)

BOOST_AUTO_TEST_CASE(a_link_changes_both_ways_and_keeps_what_is_not_named) {
  Changed change;
  BOOST_TEST(change({"a", "b", "loss=0.5"}) == 2U);
  const Link expected{.delay = 5ms, .loss = 0.5};
  BOOST_TEST((change.network.link(0, 1) == expected));
  BOOST_TEST((change.network.link(1, 0) == expected));
  BOOST_TEST(change.network.link(0, 2)->loss == 0.0);
}

BOOST_AUTO_TEST_CASE(one_way_changes_one_direction) {
  Changed change;
  BOOST_TEST(change({"a", "b", "delay=50ms"}, true) == 1U);
  BOOST_TEST((change.network.link(0, 1)->delay == Nanos(50ms)));
  BOOST_TEST((change.network.link(1, 0)->delay == Nanos(5ms)));
}

BOOST_AUTO_TEST_CASE(a_star_changes_the_links_that_are_there_and_makes_none) {
  Changed change;
  BOOST_TEST(change({"*", "*", "loss=0.02"}) == 4U);
  BOOST_TEST(change.network.link(2, 0)->loss == 0.02);
  BOOST_TEST(!change.network.link(1, 2).has_value());
  BOOST_TEST(change({"b", "*", "delay=9ms"}) == 2U);
  BOOST_TEST((change.network.link(0, 1)->delay == Nanos(9ms)));
  BOOST_TEST((change.network.link(0, 2)->delay == Nanos(7ms)));
}

BOOST_AUTO_TEST_CASE(two_hosts_that_are_named_become_connected) {
  Changed change;
  BOOST_TEST(change({"b", "c", "delay=3ms"}) == 2U);
  BOOST_TEST((change.network.link(2, 1)->delay == Nanos(3ms)));
}

BOOST_AUTO_TEST_CASE(what_makes_no_sense_changes_nothing) {
  Changed change;
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"a", "b"},
                                                {"a", "moon", "loss=1"},
                                                {"moon", "a", "loss=1"},
                                                {"a", "b", "loss=2"},
                                                {"a", "b", "loss"},
                                                {"a", "a", "loss=1"}})
    BOOST_TEST(change(words) == 0U);
  BOOST_TEST((change.network.link(0, 1) == Link{.delay = 5ms}));
}

BOOST_AUTO_TEST_SUITE_END()
