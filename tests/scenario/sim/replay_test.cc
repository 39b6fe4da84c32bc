// A seed is worth something only when it brings the same world back: on another
// run, on another thread, and beside other worlds. Debug and Release are compared
// by `scripts/campaign --compare-builds`.
#include <boost/test/unit_test.hpp>
#include <thread>
#include <vector>

#include "mutants.hh"
#include "served.hh"
#include "sim/campaign.hh"

using namespace flagfall;       // NOLINT(*-using-namespace)
using namespace flagfall::sim;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;

namespace {

ScenarioOptions small_world() {
  ScenarioOptions out;
  out.length = 15s;
  out.queries = 200;
  return out;
}

CampaignResult campaign(std::uint64_t from, std::uint64_t seeds, unsigned jobs,
                        const ScenarioOptions& world) {
  CampaignOptions options;
  options.from = from;
  options.seeds = seeds;
  options.jobs = jobs;
  options.world = world;
  return run_campaign(options, data(), [](const CampaignTotals&) {});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(replay)

BOOST_AUTO_TEST_CASE(seeds_give_the_same_text_byte_for_byte_again_and_beside_other_worlds) {
  constexpr std::uint64_t kSeeds = 4;
  const auto text_of = [](std::uint64_t seed) {
    ScenarioOptions options = small_world();
    options.seed = seed;
    options.text = true;
    return play(options, data()).trace;
  };
  std::vector<std::string> alone;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) alone.push_back(text_of(seed));
  std::vector<std::string> together(kSeeds);
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t i = 0; i < kSeeds; ++i) threads.emplace_back([&, i] { together[i] = text_of(i + 1); });
  }
  for (std::uint64_t i = 0; i < kSeeds; ++i) {
    BOOST_TEST(alone[i].size() > 10'000U);
    BOOST_TEST((alone[i] == together[i]), "seed " << i + 1 << " differs");
  }
}

BOOST_AUTO_TEST_CASE(a_campaign_sums_up_the_same_on_one_thread_and_on_many) {
  const CampaignResult one = campaign(1, 6, 1, small_world());
  const CampaignResult many = campaign(1, 6, 3, small_world());
  BOOST_TEST(!one.broken);
  BOOST_TEST(!many.broken);
  BOOST_TEST(one.totals.worlds == 6U);
  BOOST_TEST(many.totals.worlds == 6U);
  BOOST_TEST(one.totals.events == many.totals.events);
  BOOST_TEST(one.totals.orders == many.totals.orders);
  BOOST_TEST((one.totals.worlds_with == many.totals.worlds_with));
  BOOST_TEST(one.totals.events_per_second() > 0);
}

BOOST_AUTO_TEST_CASE(the_lowest_broken_seed_is_the_same_on_one_thread_and_on_many) {
  ScenarioOptions world = small_world();
  world.make_slave = [](World& w, HostId id, SiteId site, const std::string& name, const HostClock& clock,
                        const ChronydQuality& chronyd, const SlaveOptions& o, Judge& judge) {
    return std::make_unique<mutants::SendsTwice>(w, id, site, name, clock, chronyd, o, judge);
  };
  const CampaignResult one = campaign(1, 30, 1, world);
  const CampaignResult many = campaign(1, 30, 4, world);
  BOOST_REQUIRE(one.broken);
  BOOST_REQUIRE(many.broken);
  BOOST_TEST(one.broken->seed == many.broken->seed);
  BOOST_TEST(one.broken->what == many.broken->what);
  BOOST_TEST((one.broken->at == many.broken->at));
  // And no later world was begun: the one thread stopped there.
  BOOST_TEST(one.totals.worlds == one.broken->seed);
  BOOST_TEST(many.totals.worlds < 30U);
}

BOOST_AUTO_TEST_CASE(faults_that_are_seen_too_rarely_are_named) {
  ScenarioOptions world = small_world();
  world.faults = false;
  const CampaignTotals none = campaign(1, 2, 1, world).totals;
  // Paths differ by direction without any fault, too.
  auto rare = none.rare_faults();
  std::erase(rare, static_cast<std::size_t>(Fault::asymmetry));
  BOOST_TEST(rare.size() == kFaultNames.size() - 1);
  CampaignTotals fifth;
  fifth.worlds = 10;
  fifth.worlds_with.fill(2);
  fifth.worlds_with.back() = 1;
  BOOST_TEST(fifth.rare_faults().size() == 1U);
  BOOST_TEST(fifth.rare_faults().front() == kFaultNames.size() - 1);
}

BOOST_AUTO_TEST_CASE(a_world_that_outlasts_the_judges_memory_breaks_no_promise) {
  ScenarioOptions world = small_world();
  world.length = 300s;
  world.queries = 1500;
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    world.seed = seed;
    const Outcome o = play(world, data());
    BOOST_TEST(!o.broken, "seed " << seed << ": " << o.broken.value_or(""));
    BOOST_TEST(o.judge.asks >= 1500U);
  }
}

BOOST_AUTO_TEST_CASE(a_campaign_begins_no_world_when_its_time_is_over) {
  CampaignOptions options;
  options.seeds = 1'000'000;
  options.jobs = 2;
  options.budget = 300ms;
  options.world = small_world();
  const CampaignResult r = run_campaign(options, data(), [](const CampaignTotals&) {});
  BOOST_TEST(!r.broken);
  BOOST_TEST(r.totals.worlds > 0U);
  BOOST_TEST(r.totals.worlds < 10'000U);
}

BOOST_AUTO_TEST_SUITE_END()
