#include "director/store/waiting.hh"

#include <boost/test/unit_test.hpp>

#include "tests/unit/director_store/folder.hh"

using namespace flagfall;            // NOLINT(google-build-using-namespace): a test
using namespace flagfall::director;  // NOLINT(google-build-using-namespace)

namespace {

struct Fixture {
  SeededRandom random{1};
  Waiting waiting{3, random};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(waiting, Fixture)

BOOST_AUTO_TEST_CASE(only_the_newest_state_of_a_binding_waits) {
  BOOST_TEST(waiting.put({{bound("192.0.2.0/24", "fra"), bound("192.0.2.0/24", "nyc")}, {}}) == 0U);
  BOOST_TEST(waiting.put({{gone(bound("192.0.2.0/24"))}, {drained("fra"), drained("fra", 2)}}) == 0U);
  BOOST_TEST(waiting.size() == 2U);
  const StoredChanges all = waiting.take(10);
  BOOST_REQUIRE(all.bindings.size() == 1U);
  BOOST_TEST(all.bindings[0].gone);
  BOOST_REQUIRE(all.drains.size() == 1U);
  BOOST_TEST((all.drains[0].since == drained("fra", 2).since));
  BOOST_TEST(waiting.size() == 0U);
}

BOOST_AUTO_TEST_CASE(an_operators_word_waits_beside_what_was_learned) {
  waiting.put({{bound("192.0.2.0/24"), by_hand("192.0.2.0/24", "nyc"), bound("192.0.2.0/25")}, {}});
  BOOST_TEST(waiting.size() == 3U);
}

BOOST_AUTO_TEST_CASE(what_finds_no_room_is_counted_and_what_waits_is_still_replaced) {
  BOOST_TEST(waiting.put({{nth(1), nth(2), nth(3), nth(4)}, {drained("fra")}}) == 2U);
  BOOST_TEST(waiting.room() == 0U);
  BOOST_TEST(waiting.put({{nth(2, "nyc")}, {}}) == 0U);
  BOOST_TEST(!waiting.has(nth(4)));
  Known known;
  known.add(waiting.take(10));
  BOOST_TEST(known.server_of("1.0.2.0/24") == "nyc");
}

BOOST_AUTO_TEST_CASE(what_is_put_back_gives_way_to_what_is_newer) {
  waiting.put({{nth(1, "old"), nth(2, "old")}, {drained("fra", 1)}});
  StoredChanges failed = waiting.take(10);
  waiting.put({{nth(1, "new"), nth(3), nth(4)}, {}});
  waiting.put_back(std::move(failed));
  BOOST_TEST(waiting.size() == 5U);  // nothing that was accepted is lost
  Known known;
  known.add(waiting.take(10));
  BOOST_TEST(known.server_of("1.0.1.0/24") == "new");
  BOOST_TEST(known.server_of("1.0.2.0/24") == "old");
}

BOOST_AUTO_TEST_CASE(a_part_can_be_taken_drains_first) {
  waiting.put({{nth(1), nth(2)}, {drained("fra")}});
  const StoredChanges some = waiting.take(2);
  BOOST_TEST(some.drains.size() == 1U);
  BOOST_TEST(some.bindings.size() == 1U);
  BOOST_TEST(waiting.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
