#include "director/cluster_book.hh"

#include <boost/test/unit_test.hpp>
#include <limits>

#include "tests/unit/director/book_fixture.hh"

using namespace flagfall;            // NOLINT(google-build-using-namespace): a test
using namespace flagfall::director;  // NOLINT(google-build-using-namespace)

BOOST_FIXTURE_TEST_SUITE(cluster_book, BookFixture)

BOOST_AUTO_TEST_CASE(an_unknown_address_makes_a_learning_cluster_of_the_coarsest_length) {
  Binding found;
  BOOST_TEST(!book.find(ip("10.1.2.3"), found));
  book.asked(ip("10.1.2.3"), now);
  BOOST_REQUIRE(book.find(ip("10.1.255.1"), found));
  BOOST_TEST(to_string(found.prefix) == "10.1.0.0/16");
  BOOST_TEST(found.order.empty());
  BOOST_TEST(!book.find(ip("10.2.0.1"), found));
  book.asked(ip("2001:db8:1::1"), now);
  BOOST_TEST(to_string(at("2001:db8:2::1").prefix) == "2001:db8::/32");
  BOOST_TEST(book.size() == 2);
  BOOST_TEST(book.take_changes().empty());  // nobody is answered otherwise
}

BOOST_AUTO_TEST_CASE(three_of_three_wins_bind_and_all_clients_of_the_cluster_follow) {
  wins("10.1.2.3", kB, 2);
  BOOST_TEST(server("10.1.2.3") == -1);
  wins("10.1.2.3", kB);
  BOOST_TEST(server("10.1.200.9") == kB);
  const auto changes = book.take_changes();
  BOOST_REQUIRE(changes.size() == 1);
  const Binding& b = changes[0].binding;
  BOOST_TEST(to_string(b.prefix) == "10.1.0.0/16");
  BOOST_TEST(b.order.count == 3);
  BOOST_TEST((b.since == now));
  BOOST_TEST(to_text(b.reason) == "bound: 3 of 3 races won, 12.0 ms before the next");
  BOOST_TEST(book.counters().bound.get() == 1);
}

BOOST_AUTO_TEST_CASE(two_of_three_are_contested) {
  wins("10.1.2.3", kB, 2);
  wins("10.1.2.3", kA);
  BOOST_TEST(server("10.1.2.3") == -1);
  wins("10.1.2.3", kB);  // three of four
  BOOST_TEST(server("10.1.2.3") == kB);
}

BOOST_AUTO_TEST_CASE(a_server_that_did_not_run_is_not_compared) {
  Win win = won("10.1.2.3", kA);
  win.losers = bit(kB);
  for (int i = 0; i < 3; ++i) book.win(win, now);
  win.winner = kC;  // has won one of one against B, which says nothing about A
  book.win(win, now);
  BOOST_TEST(server("10.1.2.3") == kA);
  BOOST_TEST(at("10.1.2.3").reason.pieces == 3);
}

BOOST_AUTO_TEST_CASE(ties_count_for_nobody) {
  Win tie = won("10.1.2.3", kB);
  tie.within_error = true;
  for (int i = 0; i < 9; ++i) book.win(tie, now);
  BOOST_TEST(server("10.1.2.3") == -1);
  BOOST_TEST(book.counters().ties.get() == 9);
  BOOST_TEST(book.counters().wins.get() == 0);
  wins("10.1.2.3", kA, 3);
  for (int i = 0; i < 9; ++i) book.win(tie, now);  // near ties keep what they have
  BOOST_TEST(server("10.1.2.3") == kA);
}

BOOST_AUTO_TEST_CASE(a_likely_verdict_weighs_three_quarters_of_a_certain_one) {
  // Four likely ones for B would be two thirds of six; beside two certain ones for A it takes six of them.
  Win likely = won("10.1.2.3", kB);
  likely.certainty = race::Certainty::likely;
  wins("10.1.2.3", kA, 2);
  for (int i = 0; i < 4; ++i) book.win(likely, now);
  BOOST_TEST(server("10.1.2.3") == -1);
  book.win(likely, now);
  BOOST_TEST(server("10.1.2.3") == -1);
  book.win(likely, now);
  BOOST_TEST(server("10.1.2.3") == kB);
}

BOOST_AUTO_TEST_CASE(in_races_of_two_nobody_leads_before_the_third_one_is_compared) {
  Win pair = won("10.1.2.3", kB);
  pair.losers = bit(kC);
  for (int i = 0; i < 4; ++i) book.win(pair, now);
  BOOST_TEST(server("10.1.2.3") == kB);  // A has not been seen here at all
  Win other = won("10.9.2.3", kB);
  other.losers = bit(kC);
  Win third = won("10.9.2.3", kA);
  third.losers = bit(kB);
  book.win(third, now);
  for (int i = 0; i < 4; ++i) book.win(other, now);
  BOOST_TEST(server("10.9.2.3") == -1);  // B leads C, but not A
  for (int i = 0; i < 2; ++i) book.win(third, now);
  BOOST_TEST(server("10.9.2.3") == kA);
}

BOOST_AUTO_TEST_CASE(the_order_is_best_first_so_that_failing_over_makes_sense) {
  Win second = won("10.1.2.3", kB);
  second.losers = bit(kA);  // C was not there
  wins("10.1.2.3", kC, 2);
  for (int i = 0; i < 2; ++i) book.win(second, now);
  wins("10.1.2.3", kC);
  const Order order = at("10.1.2.3").order;
  BOOST_REQUIRE(order.count == 3);
  BOOST_TEST(order.servers[0] == kC);
  BOOST_TEST(order.servers[1] == kB);
  BOOST_TEST(order.servers[2] == kA);
}

BOOST_AUTO_TEST_CASE(a_path_that_is_cut_is_rebound_after_three_wins_of_another) {
  wins("10.1.2.3", kA, 3);
  wins("10.1.2.3", kB, 2);
  BOOST_TEST(server("10.1.2.3") == kA);
  wins("10.1.2.3", kB);
  BOOST_TEST(server("10.1.2.3") == kB);
  BOOST_TEST(book.counters().rebound.get() == 1);
  const auto changes = book.take_changes();
  BOOST_REQUIRE(changes.size() == 2);
  BOOST_TEST((changes[1].binding.reason.cause == Cause::rebound));
  BOOST_TEST(changes[1].binding.order.servers[1] == kC);  // not back to where the path is cut
  BOOST_TEST(changes[1].binding.order.servers[2] == kA);
  BOOST_TEST(to_text(changes[1].binding.reason) == "rebound: 3 of 3 races won");
}

BOOST_AUTO_TEST_CASE(what_a_rival_lost_to_a_third_one_before_does_not_protect_who_is_bound) {
  const auto pair = [&](ServerIndex winner, ServerIndex loser, int times) {
    Win win = won("10.1.2.3", winner);
    win.losers = bit(loser);
    for (int i = 0; i < times; ++i) {
      now += std::chrono::seconds(1);
      book.win(win, now);
    }
  };
  wins("10.1.2.3", kA, 3);
  pair(kA, kB, 8);
  pair(kC, kA, 6);  // A's path has grown: C is the first that is seen to be better
  BOOST_TEST(server("10.1.2.3") == kC);
  pair(kB, kC, 5);  // but B is the best by now
  BOOST_TEST(server("10.1.2.3") == kB);
}

BOOST_AUTO_TEST_CASE(a_bound_server_that_is_not_to_be_seen_any_more_is_left) {
  wins("10.1.2.3", kA, 3);
  Win alone = won("10.1.2.3", kC);
  alone.losers = 0;  // nobody else sent in time
  for (int i = 0; i < 5; ++i) book.win(alone, now);
  BOOST_TEST(server("10.1.2.3") == kA);
  book.win(alone, now);
  BOOST_TEST(server("10.1.2.3") == kC);
}

BOOST_AUTO_TEST_CASE(two_servers_that_win_by_lot_hardly_ever_change_places) {
  SeededRandom lot(77);
  for (int i = 0; i < 5000; ++i) wins("10.1.2.3", (lot.next() & 1) != 0 ? kA : kB);
  BOOST_TEST(server("10.1.2.3") != -1);
  BOOST_TEST(book.counters().rebound.get() <= 15);  // two in a thousand races are 10
  BOOST_TEST(book.size() <= 3);
}

BOOST_AUTO_TEST_CASE(evidence_is_forgotten_and_the_binding_stays_and_tells_its_age) {
  wins("10.1.2.3", kA, 3);
  const MonoTime bound = now;
  now += std::chrono::hours(2);
  wins("10.1.2.3", kB, 2);
  const auto candidates = book.candidates(prefix("10.1.0.0/16"));
  BOOST_REQUIRE(candidates.size() == 3);
  BOOST_TEST(candidates[0].server == kA);
  BOOST_TEST(candidates[0].won == 0);
  BOOST_TEST(candidates[0].pieces[0] == 2);  // it ran, and lost
  BOOST_TEST((at("10.1.2.3").renewed == bound));
  wins("10.1.2.3", kA);
  BOOST_TEST((at("10.1.2.3").renewed == now));
  BOOST_TEST((at("10.1.2.3").since == bound));
}

BOOST_AUTO_TEST_CASE(who_is_not_asked_for_is_forgotten_with_its_binding) {
  wins("10.1.2.3", kA, 3);
  wins("10.2.2.3", kA, 3);
  book.take_changes();
  for (int day = 0; day < 8; ++day) {
    now += std::chrono::hours(24);
    book.asked(ip("10.2.9.9"), now);
    book.advance(now);
  }
  BOOST_TEST(book.size() == 1);
  BOOST_TEST(server("10.2.0.0") == kA);
  BOOST_TEST(book.counters().aged.get() == 1);
  const auto changes = book.take_changes();
  BOOST_REQUIRE(changes.size() == 1);
  BOOST_TEST(changes[0].gone);
  BOOST_TEST(to_string(changes[0].binding.prefix) == "10.1.0.0/16");
}

BOOST_AUTO_TEST_CASE(an_operators_word_stays_whatever_the_evidence) {
  wins("10.1.2.3", kA, 3);
  book.bind(prefix("10.0.0.0/8"), Order::of(kC), now);
  BOOST_TEST(server("10.1.2.3") == kC);  // what was learned inside has no say
  wins("10.1.2.3", kB, 100);
  BOOST_TEST(server("10.1.2.3") == kC);
  BOOST_TEST(to_text(at("10.1.2.3").reason) == "by hand");
  book.bind(prefix("10.1.2.3/32"), Order::of(kA), now);
  BOOST_TEST(server("10.1.2.3") == kA);
  BOOST_TEST(server("10.1.2.4") == kC);
  book.bind(prefix("0.0.0.0/0"), Order::of(kB), now);
  BOOST_TEST(server("192.0.2.1") == kB);
  BOOST_TEST(server("10.1.2.3") == kA);
  BOOST_TEST(book.unbind(prefix("10.1.2.3/32"), now));
  BOOST_TEST(!book.unbind(prefix("10.1.2.3/32"), now));
  BOOST_TEST(server("10.1.2.3") == kC);
  BOOST_TEST(book.unbind(prefix("10.0.0.0/8"), now));
  BOOST_TEST(server("10.1.2.3") == kB);
  BOOST_TEST(book.unbind(prefix("0.0.0.0/0"), now));
  Binding none;
  BOOST_TEST(!book.find(ip("10.1.2.3"), none));
  BOOST_TEST(book.size() == 0);
}

BOOST_AUTO_TEST_CASE(what_another_master_forgets_takes_no_operators_word_and_no_part_away) {
  wins("10.1.2.3", kA, 3);
  book.bind(prefix("10.1.2.0/24"), Order::of(kC), now);
  (void)book.take_changes();
  BOOST_TEST(!book.forget(prefix("10.1.2.0/24"), false, now));
  BOOST_TEST(!book.forget(prefix("10.1.0.0/16"), true, now));
  BOOST_TEST(!book.forget(prefix("10.0.0.0/8"), false, now));  // not there, and its parts are not meant
  BOOST_TEST(book.take_changes().empty());
  BOOST_TEST(book.forget(prefix("10.1.0.0/16"), false, now));
  BOOST_TEST(server("10.1.2.3") == kC);
  BOOST_TEST(book.forget(prefix("10.1.2.0/24"), true, now));
  BOOST_TEST(book.size() == 0);
  BOOST_TEST(book.take_changes().size() == 2);
}

BOOST_AUTO_TEST_CASE(every_change_is_told_in_order) {
  wins("10.1.2.3", kA, 3);
  book.bind(prefix("10.0.0.0/8"), Order::of(kC), now);
  book.unbind(prefix("10.0.0.0/8"), now);
  const auto changes = book.take_changes();
  BOOST_REQUIRE(changes.size() == 4);
  const auto is = [&](std::size_t i, const char* where, Cause cause, bool gone) {
    BOOST_TEST(to_string(changes[i].binding.prefix) == where);
    BOOST_TEST((changes[i].binding.reason.cause == cause));
    BOOST_TEST(changes[i].gone == gone);
  };
  is(0, "10.1.0.0/16", Cause::bound, false);
  is(1, "10.0.0.0/8", Cause::by_hand, false);
  is(2, "10.1.0.0/16", Cause::bound, true);
  is(3, "10.0.0.0/8", Cause::by_hand, true);
  BOOST_TEST(book.take_changes().empty());
}

BOOST_AUTO_TEST_CASE(what_was_restored_stays_until_evidence_says_otherwise) {
  Binding kept;
  kept.prefix = prefix("10.1.0.0/16");
  kept.order = Order::of(kB);
  kept.order.push(kA);
  kept.reason = {Cause::rebound, Kind::race, 5, 6, 0.02};
  kept.since = now - std::chrono::hours(30);
  kept.renewed = now - std::chrono::hours(3);
  book.restore(kept, now);
  const Binding found = at("10.1.2.3");
  BOOST_TEST((found.order == kept.order));
  BOOST_TEST((found.since == kept.since));
  BOOST_TEST((found.renewed == kept.renewed));
  BOOST_TEST(to_text(found.reason) == "restored: 5 of 6 races won, 20.0 ms before the next");
  BOOST_TEST(book.take_changes().size() == 1);
  book.advance(now);
  wins("10.1.2.3", kC, 2);
  BOOST_TEST(server("10.1.2.3") == kB);
  wins("10.1.2.3", kC, 3);
  BOOST_TEST(server("10.1.2.3") == kC);
  BOOST_TEST(book.restore(kept, now));  // the store knows what is newer, whatever clocks say
  BOOST_TEST(server("10.1.2.3") == kB);
}

BOOST_AUTO_TEST_CASE(an_operators_word_survives_the_store_and_learned_ones_do_not_override_it) {
  Binding hand;
  hand.prefix = prefix("10.0.0.0/8");
  hand.order = Order::of(kB);
  hand.reason.cause = Cause::by_hand;
  Binding learned;
  learned.prefix = prefix("10.1.0.0/16");
  learned.order = Order::of(kA);
  learned.reason = {Cause::bound, Kind::race, 3, 3, 0};
  learned.since = now;
  book.restore(learned, now);
  BOOST_TEST(server("10.1.2.3") == kA);
  book.restore(hand, now);
  BOOST_TEST(server("10.1.2.3") == kB);
  book.restore(learned, now);
  BOOST_TEST(server("10.1.2.3") == kB);
  wins("10.1.2.3", kC, 50);
  BOOST_TEST(server("10.1.2.3") == kB);
}

BOOST_AUTO_TEST_CASE(an_operators_word_that_is_read_late_comes_before_what_was_learned_there_meanwhile) {
  Binding hand;
  hand.prefix = prefix("10.1.0.0/16");
  hand.order = Order::of(kB);
  hand.reason.cause = Cause::by_hand;
  hand.since = now;
  now += std::chrono::minutes(1);
  wins("10.1.2.3", kC, 50);  // a cluster of that very prefix, and newer
  BOOST_TEST(server("10.1.2.3") == kC);
  book.restore(hand, now);
  BOOST_TEST(server("10.1.2.3") == kB);
  // Of two words the store's is the newer one, whatever clocks say.
  book.bind(hand.prefix, Order::of(kA), now);
  BOOST_TEST(book.restore(hand, now));
  BOOST_TEST(server("10.1.2.3") == kB);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_is_refused_and_counted) {
  std::uint64_t refused = 0;
  const auto expect_refused = [&] { BOOST_TEST(book.counters().refused.get() == ++refused); };
  Win win = won("10.1.2.3", 3);  // there are 0, 1, 2
  book.win(win, now);
  expect_refused();
  win = won("10.1.2.3", kA);
  win.losers |= bit(9);
  book.win(win, now);
  expect_refused();
  win.losers = bit(kA);
  book.win(win, now);
  expect_refused();
  win = won("10.1.2.3", kA);
  win.margin = Nanos(-1);
  book.win(win, now);
  expect_refused();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  for (const double value : {nan, inf, -inf, 0.0, -1.0, 1e300, 1e-300})
    for (const Kind kind : {Kind::ping, Kind::tcp_rate}) {
      book.measure({kind, prefix("10.1.2.3/32"), kA, value}, now);
      expect_refused();
    }
  book.measure({Kind::race, prefix("10.1.2.3/32"), kA, 1}, now);
  expect_refused();
  book.measure({Kind::ping, prefix("10.1.2.3/32"), 200, 1}, now);
  expect_refused();
  book.measure({Kind::ping, prefix("10.0.0.0/8"), kA, 1}, now);  // wider than any cluster
  expect_refused();
  book.measure({Kind::ping, {ip("10.1.2.3"), 16}, kA, 1}, now);
  expect_refused();
  book.measure({Kind::ping, {ip("10.1.2.3"), 77}, kA, 1}, now);
  expect_refused();
  book.bind(prefix("10.0.0.0/8"), Order(), now);
  expect_refused();
  book.bind(prefix("10.0.0.0/8"), Order::of(3), now);
  expect_refused();
  Binding odd;
  odd.prefix = prefix("10.0.0.0/8");
  odd.order = Order::of(kA);
  odd.order.count = 200;
  book.restore(odd, now);
  expect_refused();
  BOOST_TEST(book.size() == 0);
  book.asked(ip("10.1.2.3"), now);
  book.win(won("10.1.2.3", kA), now - std::chrono::minutes(1));  // time runs backwards
  expect_refused();
  BOOST_TEST(book.counters().wins.get() == 0);
  BOOST_TEST(book.recent(prefix("10.1.2.3/32")).empty());
}

BOOST_AUTO_TEST_CASE(the_last_evidence_is_told_as_well_as_it_is_known) {
  wins("10.1.2.3", kB);
  Win tie = won("10.1.77.1", kA);
  tie.within_error = true;
  tie.certainty = race::Certainty::likely;
  now += std::chrono::seconds(1);
  book.win(tie, now);
  figures(book, Kind::ping, "10.1.2.0/24", {0.25, 0});
  const auto recent = book.recent(prefix("10.1.0.0/16"));
  BOOST_REQUIRE(recent.size() == 4);
  BOOST_TEST((recent[0].kind == Kind::ping));
  BOOST_TEST(recent[0].server == kB);
  BOOST_TEST(recent[0].silent);
  BOOST_TEST(recent[1].value == 0.25);
  BOOST_TEST(to_string(recent[1].about) == "10.1.2.0/24");
  BOOST_TEST(recent[2].tie);
  BOOST_TEST((recent[2].certainty == race::Certainty::likely));
  BOOST_TEST(to_string(recent[2].about) == "10.1.77.1/32");
  BOOST_TEST(recent[3].server == kB);
  BOOST_TEST(recent[3].losers == 0b101);
  BOOST_TEST(std::abs(recent[3].value - 0.012) < 1e-6);
  BOOST_TEST((now - recent[0].at < std::chrono::milliseconds(63)));
  BOOST_TEST((recent[3].at == now - std::chrono::seconds(2)));
  BOOST_TEST(book.recent(prefix("10.1.0.0/16"), 2).size() == 2);
  BOOST_TEST(book.recent(prefix("10.9.0.0/16")).empty());
}

BOOST_AUTO_TEST_SUITE_END()
