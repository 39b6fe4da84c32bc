// A server over capacity sheds whole groups, the least loss first, and takes them back when it is well under.
#include "director/overload.hh"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>
#include <string>

using namespace std::chrono_literals;
using flagfall::MonoTime;
using flagfall::Nanos;
using flagfall::Prefix;
using flagfall::director::ClientGroup;
using flagfall::director::Move;
using flagfall::director::Order;
using flagfall::director::Relief;
using flagfall::director::ServerIndex;
using flagfall::director::ServerMask;
using flagfall::director::ServerUse;
using flagfall::director::Shedder;
using flagfall::director::ShedOptions;

namespace {

Prefix net(int n) {
  return *flagfall::parse_prefix("10." + std::to_string(n / 256) + "." + std::to_string(n % 256) + ".0/24");
}

/// Servers best first, with the seconds that each takes.
ClientGroup group(int n, double requests, std::initializer_list<std::pair<int, double>> servers) {
  ClientGroup out;
  out.prefix = net(n);
  out.requests = requests;
  for (const auto& [server, cost] : servers) {
    out.cost.at(out.order.count) = cost;
    out.order.push(static_cast<ServerIndex>(server));
  }
  return out;
}

ServerUse limited(double use, double requests) {
  return {use, true, requests};
}

constexpr ServerMask kAll = 0b111;

struct Fixture {
  explicit Fixture(const ShedOptions& options = {}) : shedder(options) {}
  Shedder shedder;
  MonoTime now = MonoTime(1000s);
  std::vector<ServerUse> servers{limited(0.5, 50), limited(0.1, 10), limited(0.1, 10)};
  std::vector<ClientGroup> groups;
  ServerMask fit = kAll;
  Relief advance(Nanos later = 2s) {
    now += later;
    return shedder.advance(servers, fit, groups, now);
  }
};

/// Servers whose use is what is asked of them, and groups that go where they are sent.
struct World : Fixture {
  std::vector<double> capacity{100, 100, 100};
  std::map<Prefix, ServerIndex> at;
  std::map<Prefix, int> moved;
  World() {
    for (int i = 0; i < 60; ++i) groups.push_back(group(i, 1, {{0, 0.01}, {1, 0.02 + i * 0.001}, {2, 0.2}}));
  }
  void run(Nanos time) {
    for (Nanos t{}; t < time; t += 2s) {
      for (ServerUse& server : servers) server = limited(0, 0);
      for (const ClientGroup& g : groups) {
        const auto where = at.find(g.prefix);
        servers.at(where == at.end() ? g.order.best() : where->second).requests += g.requests;
      }
      for (std::size_t s = 0; s < servers.size(); ++s) servers[s].use = servers[s].requests / capacity[s];
      const Relief relief = advance();
      for (const Move& move : relief.moves) at[move.prefix] = move.to;
      for (const Move& move : relief.returns) at.erase(move.prefix);
      for (const Move& move : relief.moves) ++moved[move.prefix];
    }
  }
  void ask(double requests) {
    for (ClientGroup& g : groups) g.requests = requests;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(overload)

BOOST_AUTO_TEST_CASE(under_capacity_nobody_moves) {
  Fixture f;
  f.groups = {group(1, 50, {{0, 0.01}, {1, 0.02}})};
  for (const double use : {0.0, 0.5, 0.99, 1.0}) {
    f.servers[0] = limited(use, 50);
    const Relief relief = f.advance(60s);
    BOOST_TEST(relief.moves.empty());
    BOOST_TEST(relief.returns.empty());
  }
}

BOOST_AUTO_TEST_CASE(the_groups_that_lose_least_move_to_their_next_best_and_only_as_many_as_must) {
  Fixture f;
  f.servers[0] = limited(1.25, 125);  // 25 requests a second too many
  f.groups = {group(1, 50, {{0, 0.01}, {1, 0.1}}), group(2, 15, {{0, 0.01}, {2, 0.015}, {1, 0.02}}),
              group(3, 45, {{0, 0.01}, {1, 0.5}}), group(4, 15, {{0, 0.01}, {1, 0.03}})};
  const Relief relief = f.advance();
  const std::vector<Move> expected{{net(2), 0, 2}, {net(4), 0, 1}};
  BOOST_CHECK(relief.moves == expected);
  BOOST_TEST(relief.returns.empty());
  BOOST_TEST(f.shedder.away().size() == 2U);
  BOOST_TEST(f.shedder.counters().moved.get() == 2U);
}

BOOST_AUTO_TEST_CASE(of_equal_losses_the_larger_group_moves_so_that_fewer_do) {
  Fixture f;
  f.servers[0] = limited(1.1, 110);
  f.groups = {group(1, 2, {{0, 0.01}, {1, 0.02}}), group(2, 12, {{0, 0.01}, {1, 0.02}})};
  const std::vector<Move> expected{{net(2), 0, 1}};
  BOOST_CHECK(f.advance().moves == expected);
}

BOOST_AUTO_TEST_CASE(groups_without_figures_move_after_those_with_and_by_their_order) {
  Fixture f;
  f.servers[0] = limited(1.2, 120);
  f.groups = {group(1, 11, {{0, 0}, {1, 0}, {2, 0}}), group(2, 11, {{0, 0.01}, {1, 5}})};
  const std::vector<Move> expected{{net(2), 0, 1}, {net(1), 0, 1}};
  BOOST_CHECK(f.advance().moves == expected);
}

BOOST_AUTO_TEST_CASE(nobody_is_moved_to_a_server_that_is_full_unknown_or_down) {
  Fixture f;
  f.servers[0] = limited(1.5, 150);
  f.groups = {group(1, 60, {{0, 0.01}, {1, 0.02}, {2, 0.03}})};
  f.servers[1] = limited(1.2, 120);
  BOOST_CHECK((f.advance().moves == std::vector<Move>{{net(1), 0, 2}}));
  Fixture other;
  other.servers = f.servers;
  other.groups = f.groups;
  other.servers[1] = {std::nullopt, true, 10};
  other.fit = 0b011;
  BOOST_TEST(other.advance().moves.empty());
  BOOST_TEST(other.shedder.counters().stuck.get() == 1U);
  other.servers[1] = {std::nullopt, false, 10};  // no capacity is configured: it takes what comes
  BOOST_CHECK((other.advance().moves == std::vector<Move>{{net(1), 0, 1}}));
}

BOOST_AUTO_TEST_CASE(what_moved_in_this_period_counts_for_the_room_that_is_left) {
  Fixture f;
  f.servers[0] = limited(2, 200);
  f.servers[1] = limited(0.5, 50);
  f.servers[2] = limited(0.5, 50);
  for (int i = 0; i < 10; ++i) f.groups.push_back(group(i, 20, {{0, 0.01}, {1, 0.02}, {2, 0.03}}));
  const Relief relief = f.advance();
  BOOST_TEST(relief.moves.size() == 4U);  // 40 each to 0.9
  BOOST_TEST(std::ranges::count(relief.moves, 1, &Move::to) == 2);
  BOOST_TEST(std::ranges::count(relief.moves, 2, &Move::to) == 2);
  BOOST_TEST(f.shedder.counters().stuck.get() == 1U);
}

BOOST_AUTO_TEST_CASE(a_server_whose_figure_is_not_known_sheds_nobody) {
  Fixture f;
  f.servers[0] = {std::nullopt, true, 500};
  f.groups = {group(1, 500, {{0, 0.01}, {1, 0.02}})};
  BOOST_TEST(f.advance().moves.empty());
  f.servers[0] = {std::numeric_limits<double>::quiet_NaN(), true, 500};
  BOOST_TEST(f.advance().moves.empty());
}

BOOST_AUTO_TEST_CASE(a_server_that_is_over_for_other_reasons_does_not_lose_everybody) {
  Fixture f;
  f.servers = {limited(1.5, 0), limited(0, 0), limited(0, 0)};
  f.groups = {group(1, 5, {{0, 0.01}, {1, 0.02}})};
  BOOST_TEST(f.advance().moves.empty());
  BOOST_TEST(f.shedder.counters().stuck.get() == 1U);
}

BOOST_AUTO_TEST_CASE(it_waits_for_what_moved_to_be_seen_before_it_sheds_again) {
  Fixture f;
  f.servers[0] = limited(1.1, 110);
  for (int i = 0; i < 4; ++i) f.groups.push_back(group(i, 10, {{0, 0.01}, {1, 0.02}}));
  BOOST_TEST(f.advance().moves.size() == 1U);
  BOOST_TEST(f.advance(9s).moves.empty());
  BOOST_TEST(f.advance(1s).moves.size() == 1U);
}

BOOST_AUTO_TEST_CASE(of_a_group_that_several_serve_the_part_of_the_full_one_goes_to_the_others) {
  Fixture f;
  f.servers[0] = limited(1.1, 110);
  f.groups = {group(1, 30, {{0, 0.01}, {1, 0.01}, {2, 0.02}})};
  f.groups[0].order.group = 2;
  BOOST_CHECK((f.advance().moves == std::vector<Move>{{net(1), 0, 1}}));
}

BOOST_AUTO_TEST_CASE(a_full_refuge_sheds_further_and_home_stays_home) {
  Fixture f;
  f.servers[0] = limited(1.2, 120);
  f.groups = {group(1, 30, {{0, 0.01}, {1, 0.02}, {2, 0.03}})};
  BOOST_TEST(f.advance().moves.size() == 1U);
  f.servers[0] = limited(0.95, 95);
  f.servers[1] = limited(1.1, 110);
  BOOST_CHECK((f.advance().moves == std::vector<Move>{{net(1), 1, 2}}));
  BOOST_CHECK((f.shedder.away().at(net(1)) == Move{net(1), 0, 2}));
}

BOOST_AUTO_TEST_CASE(a_move_ends_when_its_reason_or_its_target_is_gone) {
  for (int what = 0; what < 4; ++what) {
    Fixture f;
    f.servers[0] = limited(1.2, 120);
    f.groups = {group(1, 30, {{0, 0.01}, {1, 0.02}, {2, 0.03}})};
    BOOST_TEST(f.advance().moves.size() == 1U);
    f.servers[0] = limited(0.95, 95);
    if (what == 0) f.fit = 0b101;                                       // the refuge is down
    if (what == 1) f.fit = 0b110;                                       // home is down
    if (what == 2) f.groups[0] = group(1, 30, {{2, 0.01}, {0, 0.02}});  // bound anew
    if (what == 3) f.groups[0] = group(1, 30, {{0, 0.01}, {2, 0.02}});  // the refuge has no figure any more
    const Relief relief = f.advance();
    BOOST_TEST(relief.moves.empty());
    BOOST_REQUIRE(relief.returns.size() == 1U);
    BOOST_TEST(relief.returns[0].from == 1);
    BOOST_TEST(relief.returns[0].to == (what == 1 ? 1 : what == 2 ? 2 : 0));
    BOOST_TEST(f.shedder.away().empty());
  }
}

BOOST_AUTO_TEST_CASE(no_more_groups_are_away_than_are_allowed) {
  ShedOptions options;
  options.most = 3;
  Fixture f(options);
  f.servers[0] = limited(1.5, 150);
  for (int i = 0; i < 50; ++i) f.groups.push_back(group(i, 3, {{0, 0.01}, {1, 0.02}}));
  BOOST_TEST(f.advance().moves.size() == 3U);
  BOOST_TEST(f.advance(60s).moves.empty());
}

BOOST_AUTO_TEST_CASE(a_whole_day_of_load_up_and_down) {
  World w;
  w.run(1min);
  BOOST_TEST(w.at.empty());
  w.ask(2);  // 120 where 100 are possible
  w.run(5min);
  BOOST_TEST(*w.servers[0].use <= 1);
  BOOST_TEST(w.at.size() == 10U);                                  // and not one more
  for (int i = 0; i < 10; ++i) BOOST_TEST(w.at.contains(net(i)));  // those to whom the second is nearest
  for (const auto& [prefix, n] : w.moved) BOOST_TEST(n == 1);
  w.ask(1.3);  // 65 are at home, of 78: they come while it is calm with them
  w.run(10min);
  BOOST_TEST(w.at.size() == 2U);
  BOOST_TEST(*w.servers[0].use >= 0.75);
  w.ask(1.2);
  w.run(10min);
  BOOST_TEST(w.at.empty());
  w.ask(2);
  w.run(5min);
  w.ask(1.9);  // 95: under capacity, and not calm; who is away stays away
  const auto before = w.at;
  w.run(10min);
  BOOST_CHECK(w.at == before);
}

BOOST_AUTO_TEST_CASE(groups_come_home_a_few_at_a_time_those_first_who_lose_most) {
  World w;
  w.ask(2);
  w.run(2min);
  BOOST_REQUIRE(w.at.size() == 10U);
  w.ask(1);
  const auto away = [&] { return w.at.size(); };
  w.run(30s);
  BOOST_TEST(away() == 10U);  // calm, but not for long enough
  w.run(2s);
  BOOST_TEST(away() == 8U);  // 5 % of 50 requests a second
  BOOST_TEST(!w.at.contains(net(9)));
  BOOST_TEST(!w.at.contains(net(8)));
  w.run(8s);
  BOOST_TEST(away() == 8U);
  w.run(2s);
  BOOST_TEST(away() == 6U);
  w.run(1min);
  BOOST_TEST(away() == 0U);
}

BOOST_AUTO_TEST_CASE(a_group_that_would_fill_its_home_again_stays_away) {
  World w;
  w.groups = {group(1, 60, {{0, 0.01}, {1, 0.02}}), group(2, 60, {{0, 0.01}, {1, 0.03}})};
  w.run(10min);
  BOOST_TEST(w.at.size() == 1U);
  BOOST_TEST(w.moved.at(net(1)) == 1);
}

BOOST_AUTO_TEST_CASE(silent_groups_are_forgotten_when_their_home_is_calm) {
  World w;
  w.ask(2);
  w.run(2min);
  w.groups.erase(w.groups.begin(), w.groups.begin() + 30);
  w.run(3min);
  BOOST_TEST(w.shedder.away().empty());
}

BOOST_AUTO_TEST_CASE(a_forgotten_cluster_is_at_home_without_a_word) {
  World w;
  w.ask(2);
  w.run(1min);
  BOOST_REQUIRE(w.shedder.away().contains(net(1)));
  w.shedder.forget(net(1));
  BOOST_TEST(!w.shedder.away().contains(net(1)));
}

BOOST_AUTO_TEST_SUITE_END()
