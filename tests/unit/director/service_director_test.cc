#include "director/service_director.hh"

#include <array>
#include <boost/test/unit_test.hpp>

using namespace flagfall;            // NOLINT(google-build-using-namespace): a test
using namespace flagfall::director;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;

namespace {

IpAddress ip(const char* text) {
  return *parse_ip(text);
}

struct Rig {
  SeededRandom random{7};
  ServiceDirector director;
  MonoTime now{Nanos(1000s)};

  explicit Rig(std::vector<Policy> policies, ServiceOptions options = {})
      : director(with(std::move(options), std::move(policies)), 3, random) {}
  static ServiceOptions with(ServiceOptions options, std::vector<Policy> policies) {
    options.policies = std::move(policies);
    return options;
  }
  void step(Nanos by = 250ms) {
    now += by;
    (void)director.advance(now);
  }
  void wins(const char* client, ServerIndex winner, int times) {
    for (int i = 0; i < times; ++i) {
      const ServerMask all = bit(0) | bit(1) | bit(2);
      director.win({.client = ip(client),
                    .winner = winner,
                    .losers = all & ~bit(winner),
                    .certainty = race::Certainty::certain,
                    .margin = 10ms},
                   now);
      step();
    }
  }
  [[nodiscard]] Decision decide(const char* client) const { return director.view()->decide(ip(client)); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(service_director)

BOOST_AUTO_TEST_CASE(an_unknown_network_is_raced_until_its_verdicts_agree) {
  Rig rig({Policy::race});
  BOOST_TEST(rig.decide("198.51.100.7").race);
  rig.wins("198.51.100.7", 1, 2);
  BOOST_TEST(rig.decide("198.51.100.7").race);
  rig.wins("198.51.100.7", 1, 1);
  const Decision bound = rig.decide("198.51.100.7");
  BOOST_TEST(!bound.race);
  BOOST_TEST(bound.bound);
  BOOST_TEST(bound.order.best() == 1);
  BOOST_TEST(rig.decide("203.0.113.1").race);
}

BOOST_AUTO_TEST_CASE(a_verdict_against_a_binding_puts_it_in_doubt_and_one_for_it_ends_that) {
  Rig rig({Policy::race});
  rig.wins("198.51.100.7", 1, 6);
  rig.wins("198.51.100.7", 2, 1);
  BOOST_TEST(rig.decide("198.51.100.7").race);
  BOOST_TEST(rig.decide("198.51.100.7").order.best() == 1);
  rig.wins("198.51.100.7", 1, 1);
  BOOST_TEST(!rig.decide("198.51.100.7").race);
}

BOOST_AUTO_TEST_CASE(a_doubt_does_not_end_by_a_win_against_others) {
  Rig rig({Policy::race});
  rig.wins("198.51.100.7", 1, 6);
  rig.wins("198.51.100.7", 2, 1);
  const auto against = [&](ServerMask losers) {
    Win win;
    win.client = *parse_ip("198.51.100.7");
    win.winner = 1;
    win.losers = losers;
    rig.director.win(win, rig.now);
    rig.step(1s);
  };
  against(bit(0));
  BOOST_TEST(rig.decide("198.51.100.7").race);
  against(bit(2));
  BOOST_TEST(!rig.decide("198.51.100.7").race);
}

BOOST_AUTO_TEST_CASE(in_doubt_the_one_that_won_last_is_next_and_then_who_has_not_lost_yet) {
  Rig rig({Policy::race});
  const auto next = [&] { return rig.decide("198.51.100.7").order.servers[1]; };
  rig.wins("198.51.100.7", 1, 6);
  rig.wins("198.51.100.7", 2, 1);
  BOOST_TEST(next() == 2);
  rig.wins("198.51.100.7", 0, 1);
  BOOST_TEST(next() == 0);
  BOOST_TEST(rig.decide("198.51.100.7").order.best() == 1);
  const auto beats = [&](ServerIndex loser) {
    Win win;
    win.client = *parse_ip("198.51.100.7");
    win.winner = 1;
    win.losers = bit(loser);
    rig.director.win(win, rig.now);
    rig.step(1s);
  };
  beats(0);
  BOOST_TEST(rig.decide("198.51.100.7").race);
  BOOST_TEST(next() == 2);
  beats(2);
  BOOST_TEST(!rig.decide("198.51.100.7").race);
}

BOOST_AUTO_TEST_CASE(a_doubt_that_nothing_feeds_ends_by_itself) {
  Rig rig({Policy::race});
  rig.wins("198.51.100.7", 1, 6);
  rig.wins("198.51.100.7", 2, 1);
  rig.step(11s);
  BOOST_TEST(!rig.decide("198.51.100.7").race);
}

BOOST_AUTO_TEST_CASE(a_part_that_is_split_off_takes_the_doubt_with_it) {
  Rig rig({Policy::race});
  rig.wins("198.51.20.3", 1, 3);
  rig.wins("198.51.220.3", 2, 1);
  BOOST_TEST(rig.decide("198.51.20.3").race);
  rig.wins("198.51.220.3", 2, 2);
  BOOST_TEST(rig.decide("198.51.220.3").order.best() == 2);
  BOOST_TEST(!rig.decide("198.51.220.3").race);
  BOOST_TEST(rig.decide("198.51.20.3").order.best() == 1);
  BOOST_TEST(!rig.decide("198.51.20.3").race);
}

BOOST_AUTO_TEST_CASE(a_doubt_ends_where_the_first_address_is_anothers) {
  Rig rig({Policy::race});
  rig.wins("198.51.220.3", 1, 6);
  rig.wins("198.51.0.1", 2, 3);
  BOOST_TEST(rig.decide("198.51.0.0").order.best() == 2);
  rig.wins("198.51.220.3", 2, 1);
  BOOST_TEST(rig.decide("198.51.220.3").race);
  rig.step(11s);
  BOOST_TEST(!rig.decide("198.51.220.3").race);
}

BOOST_AUTO_TEST_CASE(a_server_that_loses_in_several_networks_has_the_others_looked_at_more_often) {
  Rig rig({Policy::race});
  const std::array clients{"10.1.0.1", "10.2.0.1", "10.3.0.1", "10.4.0.1", "10.5.0.1"};
  for (const char* const client : clients) rig.wins(client, 1, 4);
  rig.wins("10.6.0.1", 0, 4);
  BOOST_TEST(rig.director.view()->sample_of(1) == 0.01);
  rig.wins(clients[0], 2, 1);
  rig.wins(clients[1], 2, 1);
  BOOST_TEST(rig.director.alarmed() == 0U);
  rig.wins(clients[2], 2, 1);
  BOOST_TEST(rig.director.alarmed() == bit(1));
  BOOST_TEST(rig.director.view()->sample_of(1) == 0.3);
  BOOST_TEST(rig.director.view()->sample_of(0) == 0.01);
  BOOST_TEST(!rig.decide(clients[4]).race);  // it is not in doubt itself
  rig.step(ServerAlarm::kKeep);
  BOOST_TEST(rig.director.view()->sample_of(1) == 0.01);
}

BOOST_AUTO_TEST_CASE(races_in_doubt_ties_and_races_without_the_bound_server_raise_no_alarm) {
  Rig rig({Policy::race});
  const std::array clients{"10.1.0.1", "10.2.0.1", "10.3.0.1", "10.4.0.1", "10.5.0.1"};
  for (const char* const client : clients) rig.wins(client, 1, 6);
  const auto lost = [&](const char* client, ServerMask losers, bool tie) {
    Win win;
    win.client = ip(client);
    win.winner = 2;
    win.losers = losers;
    win.within_error = tie;
    rig.director.win(win, rig.now);
  };
  for (const char* const client : clients) lost(client, bit(1), true);
  for (const char* const client : clients) lost(client, bit(0), false);
  BOOST_TEST(rig.director.alarmed() == 0U);
  for (const char* const client : clients) lost(client, bit(1), false);  // they are in doubt already
  BOOST_TEST(rig.director.alarmed() == 0U);
}

BOOST_AUTO_TEST_CASE(where_nothing_is_sampled_an_alarm_does_not_race) {
  ServiceOptions options;
  options.sample = 0;
  Rig rig({Policy::race}, options);
  const std::array clients{"10.1.0.1", "10.2.0.1", "10.3.0.1"};
  for (const char* const client : clients) rig.wins(client, 1, 4);
  for (const char* const client : clients) rig.wins(client, 2, 1);
  BOOST_TEST(rig.director.alarmed() == bit(1));
  BOOST_TEST(rig.director.view()->sample_of(1) == 0);
}

BOOST_AUTO_TEST_CASE(verdicts_that_keep_contradicting_rebind) {
  Rig rig({Policy::race});
  rig.wins("198.51.100.7", 1, 3);
  rig.wins("198.51.100.7", 2, 6);
  BOOST_TEST(rig.decide("198.51.100.7").order.best() == 2);
}

BOOST_AUTO_TEST_CASE(an_operators_word_comes_before_every_policy_until_it_is_taken_back) {
  Rig rig({Policy::fixed, Policy::race});
  rig.director.set_fixed({{*parse_prefix("198.51.100.0/24"), Order::of(2)}});
  rig.step();
  BOOST_TEST(rig.decide("198.51.100.7").order.best() == 2);
  rig.director.bind(*parse_prefix("198.51.100.0/25"), 0, rig.now);
  rig.step();
  BOOST_TEST(rig.decide("198.51.100.7").order.best() == 0);
  BOOST_TEST(!rig.decide("198.51.100.7").race);
  BOOST_TEST(rig.decide("198.51.100.200").order.best() == 2);
  BOOST_TEST(rig.director.unbind(*parse_prefix("198.51.100.0/25"), rig.now));
  rig.step();
  BOOST_TEST(rig.decide("198.51.100.7").order.best() == 2);
  BOOST_TEST(!rig.director.unbind(*parse_prefix("198.51.100.0/25"), rig.now));
}

BOOST_AUTO_TEST_CASE(geography_answers_before_there_is_evidence_and_weights_where_there_is_none) {
  Rig rig({Policy::race, Policy::geo, Policy::weighted});
  rig.director.set_geo({{*parse_prefix("198.51.0.0/16"), Order::of(2)}});
  rig.step();
  BOOST_TEST(rig.decide("198.51.100.7").race);
  BOOST_TEST(rig.decide("198.51.100.7").order.best() == 2);
  BOOST_TEST(unsigned{rig.decide("203.0.113.7").order.group} == 3U);
  rig.wins("198.51.100.7", 1, 3);
  BOOST_TEST(rig.decide("198.51.100.7").order.best() == 1);
}

BOOST_AUTO_TEST_CASE(load_reports_choose_the_server_with_fewest_connections_while_they_are_fresh) {
  Rig rig({Policy::least_connections, Policy::race});
  for (ServerIndex s = 0; s < 3; ++s)
    rig.director.load(s, {.open_connections = s == 1 ? 10.0 : 500.0, .cpu_idle = 0.5, .at = rig.now});
  rig.step(1s);
  BOOST_TEST(!rig.decide("198.51.100.7").race);
  BOOST_TEST(rig.decide("198.51.100.7").order.best() == 1);
  BOOST_TEST(unsigned{rig.decide("198.51.100.7").order.group} == 1U);
  rig.step(20s);  // silent monitors: no opinion, and the next policy is asked
  BOOST_TEST(rig.decide("198.51.100.7").race);
}

BOOST_AUTO_TEST_CASE(explain_tells_each_policys_word) {
  Rig rig({Policy::race, Policy::geo});
  rig.wins("198.51.100.7", 1, 3);
  const Explanation e = rig.director.explain(ip("198.51.100.9"));
  BOOST_TEST(e.known);
  BOOST_TEST(e.cluster.prefix.contains(ip("198.51.100.9")));
  BOOST_TEST(e.candidates.size() == 3U);
  BOOST_REQUIRE(e.words.size() == 2U);
  BOOST_TEST(e.words[0].order.best() == 1);
  BOOST_TEST(e.words[0].why.starts_with("bound"));
  BOOST_TEST(e.words[1].order.empty());
  BOOST_TEST(!rig.director.explain(ip("203.0.113.1")).known);
}

BOOST_AUTO_TEST_CASE(changes_are_told_once_for_the_store) {
  Rig rig({Policy::race});
  rig.wins("198.51.100.7", 1, 3);
  const auto changes = rig.director.take_changes();
  BOOST_REQUIRE(changes.size() == 1U);
  BOOST_TEST(changes[0].binding.order.best() == 1);
  BOOST_TEST(rig.director.take_changes().empty());
  Rig other({Policy::race});
  other.director.restore(changes[0].binding, other.now);
  other.step();
  BOOST_TEST(other.decide("198.51.100.7").order.best() == 1);
  BOOST_TEST(!other.decide("198.51.100.7").race);
}

BOOST_AUTO_TEST_CASE(races_of_two_tell_a_differing_part_as_well) {
  ServiceOptions options;
  options.book.finest_v4 = 32;
  Rig rig({Policy::race}, options);
  rig.wins("198.51.100.1", 0, 3);
  // At .3 server 1 comes before 0, and 0 before 2; 0 is whom the /16 is bound to, so it always runs.
  for (int i = 0; i < 14; ++i) {
    const Win win{.client = ip("198.51.100.3"),
                  .winner = static_cast<ServerIndex>(i % 2 == 0 ? 1 : 0),
                  .losers = i % 2 == 0 ? bit(0) : bit(2),
                  .margin = {}};
    rig.director.win(win, rig.now);
    rig.step();
  }
  BOOST_TEST(rig.decide("198.51.100.3").order.best() == 1);
  BOOST_TEST(rig.decide("198.51.100.1").order.best() == 0);
}

BOOST_AUTO_TEST_CASE(orders_that_nobody_has_any_more_make_room_and_older_views_keep_theirs) {
  ServiceOptions options;
  options.policies = {Policy::fixed};
  SeededRandom random(7);
  ServiceDirector director(options, kMostServers, random);
  MonoTime now{Nanos(1000s)};
  constexpr unsigned kRounds = 90, kEach = 1000;  // more orders than are told apart at once
  std::shared_ptr<const View> first;
  const auto order = [](unsigned n) {
    Order out;
    for (const unsigned at : {n % 64, (n % 64 + 1 + n / 64 % 63) % 64})
      out.push(static_cast<ServerIndex>(at));
    for (unsigned third = n / (64U * 63U); out.count < 3; ++third)
      out.push(static_cast<ServerIndex>(third % 64));
    return out;
  };
  const auto network = [](unsigned i) {
    return Prefix{*parse_ip("10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0"), 24};
  };
  const auto wrong = [&](const View& view, unsigned round) {
    unsigned out = 0;
    for (unsigned i = 0; i < kEach; ++i)
      out += view.decide(network(i).ip).order == order(round * kEach + i) ? 0 : 1;
    return out;
  };
  for (unsigned round = 0; round < kRounds; ++round) {
    PrefixOrders orders;
    for (unsigned i = 0; i < kEach; ++i) orders.push_back({network(i), order(round * kEach + i)});
    director.set_fixed(orders);
    BOOST_TEST(director.advance(now += 250ms));
    if (round == 0) first = director.view();
    BOOST_TEST(wrong(*director.view(), round) == 0U);
  }
  BOOST_TEST(director.view()->entries->size() <= 2 * kEach);
  BOOST_TEST(wrong(*first, 0) == 0U);
}

BOOST_AUTO_TEST_CASE(networks_that_share_an_order_keep_it_when_one_of_them_is_gone) {
  Rig rig({Policy::race});
  for (int round = 0; round < 20; ++round) {
    rig.director.bind(*parse_prefix("198.51.100.0/24"), 1, rig.now);
    rig.director.bind(*parse_prefix("203.0.113.0/24"), 1, rig.now);
    rig.step();
    BOOST_TEST(rig.director.unbind(*parse_prefix("198.51.100.0/24"), rig.now));
    rig.director.bind(*parse_prefix("192.0.2.0/24"), 2, rig.now);
    rig.step();
    BOOST_TEST(rig.decide("203.0.113.7").order.best() == 1);
    BOOST_TEST(rig.decide("192.0.2.7").order.best() == 2);
    BOOST_TEST(rig.decide("198.51.100.7").order.empty());
    BOOST_TEST(rig.director.unbind(*parse_prefix("203.0.113.0/24"), rig.now));
    rig.step();
    BOOST_TEST(rig.decide("203.0.113.7").order.empty());
    BOOST_TEST(rig.decide("192.0.2.7").order.best() == 2);
  }
  BOOST_TEST(rig.director.view()->entries->size() <= 5U);
}

BOOST_AUTO_TEST_SUITE_END()
