// Clusters whose parts differ, and neighbours that agree.
#include <boost/test/unit_test.hpp>

#include "director/cluster_book.hh"
#include "tests/unit/director/book_fixture.hh"

using namespace flagfall;            // NOLINT(google-build-using-namespace): a test
using namespace flagfall::director;  // NOLINT(google-build-using-namespace)

BOOST_FIXTURE_TEST_SUITE(cluster_split, BookFixture)

BOOST_AUTO_TEST_CASE(two_halves_of_a_16_end_in_two_bindings) {
  for (int i = 0; i < 3; ++i) {
    wins("10.1.20.3", kA);
    wins("10.1.220.3", kB);
  }
  BOOST_TEST(server("10.1.20.3") == kA);
  BOOST_TEST(server("10.1.127.9") == kA);
  BOOST_TEST(server("10.1.220.3") == kB);
  BOOST_TEST(server("10.1.128.9") == kB);
  BOOST_TEST(to_string(at("10.1.220.3").prefix) == "10.1.128.0/17");
  BOOST_TEST((at("10.1.220.3").reason.cause == Cause::split));
  BOOST_TEST(book.size() == 2);
  BOOST_TEST(book.counters().split.get() == 1);
}

BOOST_AUTO_TEST_CASE(a_part_of_a_bound_cluster_that_differs_is_bound_by_itself) {
  wins("10.1.20.3", kA, 20);
  wins("10.1.64.3", kA, 20);
  wins("10.1.220.3", kB, 3);
  BOOST_TEST(server("10.1.220.3") == kB);
  BOOST_TEST(server("10.1.20.3") == kA);
  // And of that part a part again.
  wins("10.1.130.3", kC, 3);
  BOOST_TEST(server("10.1.130.3") == kC);
  BOOST_TEST(server("10.1.220.3") == kB);
  BOOST_TEST(server("10.1.20.3") == kA);
  BOOST_TEST(book.size() == 3);
}

BOOST_AUTO_TEST_CASE(parts_are_never_finer_than_the_finest_length) {
  wins("10.1.20.3", kA, 20);
  for (int i = 0; i < 30; ++i) wins("10.1.20.200", kB);
  BOOST_TEST(to_string(at("10.1.20.200").prefix) == "10.1.0.0/16");
  BOOST_TEST(server("10.1.20.200") == kB);  // not another part: another time
  BOOST_TEST(book.size() == 1);

  options.finest_v4 = 32;
  ClusterBook fine(options, 3, random);
  for (int i = 0; i < 20; ++i) {
    wins(fine, "10.1.20.2", kA);
    wins(fine, "10.1.20.3", kB);
  }
  BOOST_TEST(server(fine, "10.1.20.2") == kA);
  BOOST_TEST(server(fine, "10.1.20.3") == kB);
}

BOOST_AUTO_TEST_CASE(neighbours_that_agree_merge) {
  for (int i = 0; i < 3; ++i) {
    wins("10.1.20.3", kA);
    wins("10.1.220.3", kB);
  }
  BOOST_TEST(book.size() == 2);
  book.take_changes();
  wins("10.1.220.3", kA, 3);  // what was at B is at A now
  BOOST_TEST(server("10.1.220.3") == kA);
  BOOST_TEST(book.size() == 1);
  BOOST_TEST(book.counters().merged.get() == 1);
  const auto changes = book.take_changes();
  BOOST_REQUIRE(changes.size() == 2);
  BOOST_TEST((changes[0].binding.reason.cause == Cause::rebound));
  BOOST_TEST(changes[1].gone);
  BOOST_TEST(to_string(changes[1].binding.prefix) == "10.1.128.0/17");
  BOOST_TEST(book.candidates(prefix("10.1.0.0/16"))[0].pieces[0] == 9);  // nothing learned is lost
}

BOOST_AUTO_TEST_CASE(quarters_that_agree_become_a_half_inside_a_cluster_that_does_not) {
  const auto restored = [&](const char* where, ServerIndex to) {
    Binding b;
    b.prefix = prefix(where);
    b.order = Order::of(to);
    b.reason = {Cause::bound, Kind::race, 3, 3, 0};
    book.restore(b, now);
  };
  restored("10.1.0.0/16", kA);
  restored("10.1.128.0/18", kB);
  restored("10.1.192.0/18", kB);
  book.take_changes();
  for (int i = 0; i < 4; ++i) book.advance(now);
  BOOST_TEST(book.size() == 2);
  BOOST_TEST(to_string(at("10.1.200.1").prefix) == "10.1.128.0/17");
  BOOST_TEST(server("10.1.200.1") == kB);
  BOOST_TEST(server("10.1.1.1") == kA);
  const auto changes = book.take_changes();
  BOOST_REQUIRE(changes.size() == 3);
  BOOST_TEST(!changes[0].gone);  // the half first: at no time is there a gap
  BOOST_TEST(changes[1].gone);
  BOOST_TEST(changes[2].gone);
}

BOOST_AUTO_TEST_CASE(a_cut_that_is_seen_in_one_half_only_changes_that_half) {
  for (int i = 0; i < 5; ++i) {
    wins("10.1.20.3", kA);
    wins("10.1.220.3", kA);
  }
  wins("10.1.220.3", kB, 3);
  BOOST_TEST(server("10.1.220.3") == kB);
  BOOST_TEST(server("10.1.20.3") == kA);
  wins("10.1.20.3", kB, 4);  // it was for all: one cluster again
  BOOST_TEST(server("10.1.20.3") == kB);
  for (int i = 0; i < 4; ++i) book.advance(now);
  BOOST_TEST(book.size() == 1);
}

// Where the bound server did not run, nothing about it was seen to change.
BOOST_AUTO_TEST_CASE(a_race_of_two_others_elsewhere_does_not_widen_the_part_that_has_changed) {
  wins("10.1.20.3", kA, 3);
  of_two("10.1.20.3", kB, kC);
  for (int i = 0; i < 3; ++i) of_two("10.1.220.3", kB, kA);
  BOOST_TEST(server("10.1.220.3") == kB);
  BOOST_TEST(server("10.1.20.3") == kA);
  BOOST_TEST(book.counters().rebound.get() == 0);
}

// The part alone has too little of the contradiction: the whole has it.
BOOST_AUTO_TEST_CASE(a_cut_that_is_mostly_seen_by_races_without_the_bound_server_changes_the_whole) {
  wins("10.1.20.3", kA, 3);
  for (int i = 0; i < 5; ++i) of_two("10.1.20.3", kB, kC);
  of_two("10.1.220.3", kB, kA);
  BOOST_TEST(server("10.1.220.3") == kB);
  BOOST_TEST(server("10.1.20.3") == kB);
  BOOST_TEST(book.counters().split.get() == 0);
}

BOOST_AUTO_TEST_CASE(noise_in_one_half_is_no_difference) {
  for (int i = 0; i < 40; ++i) {
    wins("10.1.20.3", i % 5 == 4 ? kB : kA);
    wins("10.1.220.3", i % 5 == 2 ? kB : kA);
  }
  BOOST_TEST(book.size() == 1);
  BOOST_TEST(server("10.1.220.3") == kA);
  BOOST_TEST(book.counters().rebound.get() == 0);
}

BOOST_AUTO_TEST_CASE(a_part_that_others_pings_are_good_for_is_bound_by_itself) {
  options.kinds = {Kind::ping};
  ClusterBook pings(options, 3, random);
  for (int i = 0; i < 4; ++i) {
    figures(pings, Kind::ping, "10.1.20.3/32", {0.010, 0.030, 0.050});
    figures(pings, Kind::ping, "10.1.220.3/32", {0.040, 0.015, 0.050});
  }
  BOOST_TEST(server(pings, "10.1.20.3") == kA);
  BOOST_TEST(server(pings, "10.1.220.3") == kB);
  BOOST_TEST((at(pings, "10.1.220.3").reason.kind == Kind::ping));
  BOOST_TEST(pings.size() == 2);
}

BOOST_AUTO_TEST_SUITE_END()
