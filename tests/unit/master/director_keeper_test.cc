#include "master/director_keeper.hh"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <map>
#include <string>

#include "two_directors.hh"

using namespace flagfall;  // NOLINT(*-using-namespace): a test
using namespace std::chrono_literals;
using director::StoredChanges;
using master::DirectorKeeper;

namespace {

/// Has what the test gives it.
class Shelf final : public director::Store {
 public:
  struct Seen {
    StoredChanges put;
    StoredChanges to_take;
    bool restored = false, needs_all = false, ready = true;
  };
  explicit Shelf(Seen& seen) : seen_(seen) {}

  [[nodiscard]] bool ready() const override { return seen_.ready; }
  void put(StoredChanges changes) override {
    for (auto& b : changes.bindings) seen_.put.bindings.push_back(std::move(b));
    for (auto& d : changes.drains) seen_.put.drains.push_back(std::move(d));
  }
  StoredChanges take(std::size_t /*most*/) override { return std::exchange(seen_.to_take, {}); }
  [[nodiscard]] bool restored() const override { return seen_.restored; }
  bool needs_all() override { return std::exchange(seen_.needs_all, false); }
  [[nodiscard]] store::Health health() const override { return {}; }

 private:
  Seen& seen_;  // NOLINT(*-ref-data-members)
};

struct Fixture : master::TwoDirectors {
  Shelf::Seen seen;
  DirectorKeeper keeper{*desk, std::make_unique<Shelf>(seen), clock};

  void tick() {
    (void)desk->tick();
    keeper.tick();
  }

  /// The store has this to tell, of service web.
  director::StoredBinding& told(const Prefix& prefix, const std::string& server,
                                director::Cause cause = director::Cause::bound) {
    director::StoredBinding& out = seen.to_take.bindings.emplace_back().binding;
    out.service = "web";
    out.prefix = prefix;
    out.servers = {server};
    out.cause = cause;
    return out;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(director_keeper, Fixture)

BOOST_AUTO_TEST_CASE(what_an_earlier_process_drained_is_drained_and_not_written_again) {
  seen.to_take.drains = {{.server = "nyc", .by = "somebody", .since = RealTime(1s)}};
  keeper.tick();
  BOOST_TEST(desk->drained().contains("nyc"));
  BOOST_TEST(seen.put.empty());
}

BOOST_AUTO_TEST_CASE(a_command_comes_before_what_a_slow_disk_tells_of_the_same_server_later) {
  BOOST_TEST(desk->drain("nyc", false));
  keeper.drained("nyc", false, "an operator");
  seen.to_take.drains = {{.server = "nyc", .by = "somebody", .since = RealTime(1s)},
                         {.server = "sin", .by = "somebody", .since = RealTime(1s)}};
  keeper.tick();
  BOOST_TEST(!desk->drained().contains("nyc"));
  BOOST_TEST(desk->drained().contains("sin"));
  BOOST_REQUIRE(seen.put.drains.size() == 1U);
  BOOST_TEST(seen.put.drains[0].gone);
}

BOOST_AUTO_TEST_CASE(what_was_learned_meanwhile_comes_before_what_a_slow_disk_tells_of_the_same_network) {
  const IpAddress client = *parse_ip("10.1.2.3");
  director::Win win;
  win.client = client;
  win.losers = director::bit(1);
  for (int race = 0; race < 3; ++race) desk->of(0)->win(win, clock.mono());
  (void)desk->tick();
  director::Binding learned;
  BOOST_REQUIRE(desk->of(0)->book().find(client, learned));
  told(learned.prefix, desk->name(0, 1)).since = clock.real() + 1h;  // its clock was wrong
  keeper.tick();
  (void)desk->tick();
  director::Binding now;
  BOOST_REQUIRE(desk->of(0)->book().find(client, now));
  BOOST_TEST(now.order.best() == 0);
  BOOST_REQUIRE(seen.put.bindings.size() == 1U);
  BOOST_TEST(seen.put.bindings[0].binding.servers.front() == desk->name(0, 0));
}

BOOST_AUTO_TEST_CASE(what_an_operator_has_taken_back_does_not_come_back_from_a_slow_disk) {
  for (const char* prefix : {"10.1.0.0/16", "10.2.0.0/16"}) {
    told(*parse_prefix(prefix), "nyc", director::Cause::by_hand);
  }
  desk->of(0)->asked(*parse_ip("10.1.2.3"), 1, clock.mono());  // only learning: no news by itself
  BOOST_TEST(desk->of(0)->unbind(*parse_prefix("10.1.0.0/16"), clock.mono()));
  keeper.unbound(0, *parse_prefix("10.1.0.0/16"));
  keeper.tick();
  BOOST_TEST(!desk->of(0)->book().has(*parse_prefix("10.1.0.0/16")));
  BOOST_TEST(desk->of(0)->book().has(*parse_prefix("10.2.0.0/16")));
  BOOST_REQUIRE(seen.put.bindings.size() == 2U);  // the word, and what was learned before it
  BOOST_TEST(seen.put.bindings[0].gone);
  BOOST_TEST(seen.put.bindings[1].gone);
  BOOST_TEST(seen.put.bindings[0].binding.by_hand());
  BOOST_TEST(!seen.put.bindings[1].binding.by_hand());
}

BOOST_AUTO_TEST_CASE(what_was_learned_and_is_taken_back_goes_from_the_store_with_its_parts) {
  const std::map<std::string, std::string> before{{"10.1.0.0/16", "nyc"}, {"10.1.2.0/24", "sin"}};
  for (const auto& [prefix, server] : before) {
    told(*parse_prefix(prefix), server);
  }
  keeper.tick();
  tick();
  BOOST_TEST(seen.put.empty());
  BOOST_TEST(desk->of(0)->unbind(*parse_prefix("10.1.0.0/16"), clock.mono()));
  keeper.unbound(0, *parse_prefix("10.1.0.0/16"));
  tick();
  for (const auto& learned : before)
    BOOST_TEST(std::ranges::any_of(seen.put.bindings, [&](const director::StoredChange& c) {
      return c.gone && !c.binding.by_hand() && c.binding.prefix == *parse_prefix(learned.first);
    }));
}

BOOST_AUTO_TEST_CASE(another_masters_forgetting_takes_no_operators_word_away) {
  const Prefix network = *parse_prefix("10.1.0.0/16");
  BOOST_TEST(desk->of(0)->bind(network, 0, clock.mono()));
  for (const auto cause : {director::Cause::bound, director::Cause::by_hand}) {
    director::StoredChange& gone = seen.to_take.bindings.emplace_back();
    gone.gone = true;
    gone.binding.service = "web";
    gone.binding.prefix = network;
    gone.binding.cause = cause;
    keeper.tick();
    BOOST_TEST(desk->of(0)->book().has(network) == (cause == director::Cause::bound));
  }
}

BOOST_AUTO_TEST_CASE(a_record_that_was_not_taken_hides_no_change_of_its_network) {
  const Prefix network = *parse_prefix("10.1.0.0/16");
  BOOST_TEST(desk->of(0)->bind(network, 0, clock.mono()));
  tick();
  told(network, desk->name(0, 2));
  keeper.tick();
  seen.put = {};
  BOOST_TEST(desk->of(0)->bind(network, 1, clock.mono()));
  tick();
  BOOST_REQUIRE(seen.put.bindings.size() == 1U);
  BOOST_TEST(seen.put.bindings[0].binding.servers.front() == desk->name(0, 1));
}

BOOST_AUTO_TEST_CASE(words_that_the_store_tells_are_not_told_to_it_as_new_whatever_was_learned_there) {
  told(*parse_prefix("10.1.0.0/20"), "sin", director::Cause::bound);
  told(*parse_prefix("10.1.0.0/19"), "nyc", director::Cause::by_hand);
  told(*parse_prefix("10.1.0.0/20"), "nyc", director::Cause::by_hand);
  keeper.tick();
  tick();
  // But what was learned below a word is told to be gone.
  BOOST_REQUIRE(seen.put.bindings.size() == 1U);
  BOOST_TEST(seen.put.bindings[0].gone);
  BOOST_TEST(!seen.put.bindings[0].binding.by_hand());
}

BOOST_AUTO_TEST_CASE(a_store_that_needs_all_is_told_also_what_was_taken_back) {
  BOOST_TEST(desk->of(0)->bind(*parse_prefix("10.1.0.0/16"), 0, clock.mono()));
  keeper.unbound(0, *parse_prefix("10.2.0.0/16"));
  keeper.drained("nyc", false, "an operator");
  seen.needs_all = true;
  tick();
  BOOST_TEST(std::ranges::count(seen.put.bindings, true, &director::StoredChange::gone) == 2);
  BOOST_TEST(std::ranges::count(seen.put.bindings, false, &director::StoredChange::gone) >= 1);
  BOOST_TEST(std::ranges::count(seen.put.drains, true, &director::StoredDrain::gone) == 1);
}

BOOST_AUTO_TEST_CASE(a_drain_that_is_told_anew_is_as_old_as_it_was) {
  seen.to_take.drains = {{.server = "nyc", .by = "another master", .since = RealTime(1s)}};
  keeper.tick();
  const RealTime before = clock.real();
  BOOST_TEST(desk->drain("sin", true));
  keeper.drained("sin", true, "an operator");
  keeper.tick();
  const RealTime after = clock.real();
  seen.put = {};
  seen.needs_all = true;
  keeper.tick();
  BOOST_REQUIRE(seen.put.drains.size() == 2U);
  BOOST_TEST((seen.put.drains[0] ==
              director::StoredDrain{.server = "nyc", .by = "another master", .since = RealTime(1s)}));
  BOOST_TEST((seen.put.drains[1].since >= before && seen.put.drains[1].since <= after));
  // One that was taken back is not told any more.
  seen.to_take.drains = {{.server = "nyc", .by = "another master", .since = RealTime(2s), .gone = true}};
  seen.put = {};
  seen.needs_all = true;
  keeper.tick();
  BOOST_REQUIRE(seen.put.drains.size() == 1U);
  BOOST_TEST(seen.put.drains[0].server == "sin");
}

BOOST_AUTO_TEST_CASE(a_command_is_later_than_what_another_master_whose_clock_is_fast_has_told) {
  const RealTime fast = clock.real() + 1min;
  director::StoredBinding& theirs = told(*parse_prefix("10.1.0.0/16"), "nyc", director::Cause::by_hand);
  theirs.renewed = theirs.since = fast;
  keeper.tick();
  BOOST_TEST(desk->of(0)->bind(*parse_prefix("10.1.0.0/16"), 2, clock.mono()));
  (void)desk->tick();
  BOOST_TEST(desk->drain("nyc", true));
  keeper.drained("nyc", true, "an operator");
  keeper.unbound(0, *parse_prefix("10.2.0.0/16"));
  seen.put = {};
  keeper.tick();
  BOOST_REQUIRE(seen.put.bindings.size() == 3U);
  for (const director::StoredChange& change : seen.put.bindings)
    BOOST_TEST((change.binding.renewed > fast && change.binding.renewed < fast + 1s));
  BOOST_REQUIRE(seen.put.drains.size() == 1U);
  BOOST_TEST((seen.put.drains[0].since > fast));
  keeper.drained("nyc", false, "an operator");
  keeper.tick();
  BOOST_REQUIRE(seen.put.drains.size() == 2U);
  BOOST_TEST((seen.put.drains[1].since > seen.put.drains[0].since));
}

BOOST_AUTO_TEST_CASE(a_command_that_the_store_does_not_know_yet_is_later_than_what_it_tells) {
  const RealTime fast = clock.real() + 1min;
  BOOST_TEST(desk->of(0)->bind(*parse_prefix("10.1.0.0/16"), 2, clock.mono()));
  (void)desk->tick();
  BOOST_TEST(desk->drain("nyc", false));
  keeper.drained("nyc", false, "an operator");
  director::StoredBinding& theirs = told(*parse_prefix("10.1.0.0/16"), "nyc", director::Cause::by_hand);
  theirs.renewed = theirs.since = fast;
  seen.to_take.drains = {{.server = "nyc", .by = "another", .since = fast}};
  keeper.tick();
  BOOST_REQUIRE(seen.put.bindings.size() == 1U);
  BOOST_TEST(seen.put.bindings[0].binding.servers.front() == desk->name(0, 2));
  BOOST_TEST((seen.put.bindings[0].binding.renewed > fast));
  BOOST_REQUIRE(seen.put.drains.size() == 1U);
  BOOST_TEST(seen.put.drains[0].gone);
  BOOST_TEST((seen.put.drains[0].since > fast));
}

BOOST_AUTO_TEST_CASE(what_was_restored_and_is_forgotten_goes_from_the_store) {
  config.director.clusters = 1;
  const auto small = std::move(*master::DirectorDesk::open(config, clock, random));
  DirectorKeeper its(*small, std::make_unique<Shelf>(seen), clock);
  told(*parse_prefix("10.1.0.0/16"), "nyc");
  its.tick();
  (void)small->tick();
  its.tick();
  BOOST_TEST(seen.put.empty());
  BOOST_TEST(small->of(0)->bind(*parse_prefix("10.2.0.0/16"), 0, clock.mono()));  // there is room for one
  (void)small->tick();
  its.tick();
  BOOST_REQUIRE(seen.put.bindings.size() == 2U);
  BOOST_TEST(seen.put.bindings[0].gone);
  BOOST_TEST((seen.put.bindings[0].binding.prefix == *parse_prefix("10.1.0.0/16")));
  BOOST_TEST(!seen.put.bindings[1].gone);
}

// Seed 370 of the campaign: the records of one batch come in any order.
BOOST_AUTO_TEST_CASE(what_was_learned_after_a_word_was_taken_back_is_taken_though_it_comes_before_that) {
  told(*parse_prefix("10.0.0.0/8"), "nyc", director::Cause::by_hand);
  tick();
  told(*parse_prefix("10.1.0.0/16"), "nyc");
  told(*parse_prefix("10.2.0.0/16"), "nyc");
  tick();
  told(*parse_prefix("10.2.0.0/16"), "nyc");
  seen.to_take.bindings.back().gone = true;
  BOOST_TEST(!desk->of(0)->book().has(*parse_prefix("10.1.0.0/16")));
  told(*parse_prefix("10.0.0.0/8"), "nyc", director::Cause::by_hand);
  seen.to_take.bindings.back().gone = true;
  tick();
  BOOST_TEST(!desk->of(0)->book().has(*parse_prefix("10.0.0.0/8")));
  BOOST_TEST(desk->of(0)->book().has(*parse_prefix("10.1.0.0/16")));
  BOOST_TEST(!desk->of(0)->book().has(*parse_prefix("10.2.0.0/16")));
  tick();
  BOOST_TEST(seen.put.empty());
}

BOOST_AUTO_TEST_CASE(what_is_not_taken_because_of_a_word_goes_with_it_when_the_operator_takes_that_back) {
  told(*parse_prefix("10.0.0.0/8"), "nyc", director::Cause::by_hand);
  tick();
  told(*parse_prefix("10.1.0.0/16"), "nyc");
  tick();
  BOOST_TEST(desk->of(0)->unbind(*parse_prefix("10.0.0.0/8"), clock.mono()));
  keeper.unbound(0, *parse_prefix("10.0.0.0/8"));
  tick();
  const auto of_part = std::ranges::find(seen.put.bindings, *parse_prefix("10.1.0.0/16"),
                                         [](const auto& change) { return change.binding.prefix; });
  BOOST_REQUIRE(of_part != seen.put.bindings.end());
  BOOST_TEST(of_part->gone);
  BOOST_TEST(!of_part->binding.by_hand());
}

BOOST_AUTO_TEST_CASE(what_is_held_back_is_forgotten_when_what_was_learned_there_goes_here) {
  const Prefix part = *parse_prefix("10.1.0.0/16");
  told(part, "nyc");
  tick();
  told(*parse_prefix("10.0.0.0/8"), "nyc", director::Cause::by_hand);
  told(part, "sin");  // by a master that has not heard of the word; here the word takes the other away
  tick();
  tick();
  BOOST_REQUIRE(seen.put.bindings.size() == 1U);
  BOOST_TEST(seen.put.bindings[0].gone);
  told(*parse_prefix("10.0.0.0/8"), "nyc", director::Cause::by_hand);
  seen.to_take.bindings.back().gone = true;
  tick();
  BOOST_TEST(!desk->of(0)->book().has(part));
}

BOOST_AUTO_TEST_CASE(what_is_held_back_of_one_family_hides_none_of_the_other) {
  told(*parse_prefix("10.0.0.0/8"), "nyc", director::Cause::by_hand);
  told(*parse_prefix("a00::/16"), "nyc", director::Cause::by_hand);
  tick();
  for (const char* part : {"10.1.0.0/16", "a01::/32", "10.2.0.0/16"}) told(*parse_prefix(part), "nyc");
  told(*parse_prefix("a00:100::/32"), "nyc");
  tick();
  told(*parse_prefix("10.0.0.0/8"), "nyc", director::Cause::by_hand);
  seen.to_take.bindings.back().gone = true;
  tick();
  BOOST_TEST(desk->of(0)->book().has(*parse_prefix("10.1.0.0/16")));
  BOOST_TEST(desk->of(0)->book().has(*parse_prefix("10.2.0.0/16")));
  BOOST_TEST(!desk->of(0)->book().has(*parse_prefix("a00:100::/32")));
}

// A file that was removed is given everything again, which takes a while.
BOOST_AUTO_TEST_CASE(what_another_master_takes_back_while_all_is_put_again_is_not_put_again) {
  const Prefix word = *parse_prefix("10.1.0.0/16");
  told(word, "nyc", director::Cause::by_hand);
  tick();
  tick();
  seen.ready = false;
  seen.needs_all = true;
  seen.to_take.drains = {{.server = "nyc", .by = "somebody", .since = RealTime(1s)}};
  tick();
  told(word, "nyc", director::Cause::by_hand);
  seen.to_take.bindings.back().gone = true;
  seen.to_take.drains = {{.server = "nyc", .by = "somebody", .since = RealTime(2s), .gone = true}};
  tick();
  seen.ready = true;
  tick();
  BOOST_TEST(!desk->of(0)->book().has(word));
  BOOST_TEST(!desk->drained().contains("nyc"));
  BOOST_TEST(seen.put.empty());
}

BOOST_AUTO_TEST_SUITE_END()
