#include "simulate/run.hh"

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <set>

#include "simulate/delay_for.hh"
#include "simulate/regions.hh"
#include "simulate/report.hh"
#include "simulate/svg.hh"

using namespace flagfall;
using namespace flagfall::simulate;
using namespace std::chrono_literals;

namespace {

/// Two sites, and two places that are each nearer to another one.
std::unique_ptr<Latencies> two_sites() {
  auto matrix = parse_matrix("ms a b\na 0 60\nb 60 0\nleft 10 50\nright 70 20\n", "f");
  auto world = of_matrix(std::move(*matrix), {0, 1}, nullptr);
  BOOST_REQUIRE(world.ok());
  return std::move(*world);
}

Options small() {
  Options out;
  out.requests = 20'000;
  out.clock_error = 0ns;
  out.jitter = 0.01;
  out.population.zipf = 0;
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(run)

BOOST_AUTO_TEST_CASE(the_oracle_and_the_other_ways_are_what_the_matrix_says) {
  const auto world = two_sites();
  const auto out = simulate::run(*world, small());
  BOOST_REQUIRE(out.ok());
  BOOST_TEST(out->others[0].name == "oracle");
  BOOST_TEST(out->others[0].ms.mean() == 15, boost::test_tools::tolerance(0.02));
  BOOST_TEST(out->others[1].name == "best single site");
  BOOST_TEST(out->best_single == "b");
  BOOST_TEST(out->others[1].ms.mean() == 35, boost::test_tools::tolerance(0.02));
  BOOST_TEST(out->others[2].ms.mean() == 37.5, boost::test_tools::tolerance(0.02));
  BOOST_TEST(out->others[3].ms.mean() == 37.5, boost::test_tools::tolerance(0.02));
  BOOST_TEST(out->seconds_to_bind.count() == 8);
}

BOOST_AUTO_TEST_CASE(where_nothing_changes_bound_requests_go_to_the_nearest_and_races_pay_their_delay) {
  const auto world = two_sites();
  const auto out = simulate::run(*world, small());
  BOOST_TEST(out->ratio().value() == 1, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(out->at_best == out->bound);
  BOOST_TEST((out->delays == std::vector<Nanos>{34ms}));  // half of 60 ms, a tenth and 1 ms more
  const double races = static_cast<double>(out->races) / static_cast<double>(out->requests);
  BOOST_TEST((out->all.mean() - out->others[0].ms.mean()) == races * 34, boost::test_tools::tolerance(0.05));
  BOOST_TEST(out->flaps == 0U);
}

BOOST_AUTO_TEST_CASE(where_no_request_was_bound_there_is_no_ratio_and_no_figure_that_is_none) {
  Options options = small();
  options.requests = 1;
  const auto out = simulate::run(*two_sites(), options);
  BOOST_TEST(out->bound == 0U);
  BOOST_TEST(!out->ratio());
  BOOST_TEST(out->ratio_all().has_value());
  const std::string text = to_text(*out, options);
  BOOST_TEST(text.find("nan") == std::string::npos);
  BOOST_TEST(text.find("worst slice, bound        - of the oracle") != std::string::npos);
  const nlohmann::json json = to_json(*out, options);
  BOOST_TEST(json["ratio"].is_null());
  BOOST_TEST(json["ratio_worst_slice"].is_null());
  BOOST_TEST(json["slices"][0]["ratio"].is_null());
  BOOST_TEST(json["ratio_all"] == *out->ratio_all());
  BOOST_TEST(svg(*out, {}).find("nan") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_the_guard_refuses_to_race_is_reported) {
  Options options = small();
  options.requests = 3'000;
  options.period = 1s;  // one source asks hundreds of times before anything is learned
  const auto out = simulate::run(*two_sites(), options);
  BOOST_TEST(out->unraced > 0U);
  BOOST_TEST(out->unraced == out->requests - out->races - out->bound);
  BOOST_TEST(to_json(*out, options)["unraced"] == out->unraced);
  const double share = 1000.0 * static_cast<double>(out->unraced) / static_cast<double>(out->requests);
  BOOST_TEST(to_text(*out, options).find(fmt::format("; {:.1f} neither raced nor bound", share)) !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_outcome) {
  const auto world = two_sites();
  Options options = small();
  const auto once = to_json(*simulate::run(*world, options), options).dump();
  BOOST_TEST(once == to_json(*simulate::run(*world, options), options).dump());
  options.seed = 2;
  BOOST_TEST(once != to_json(*simulate::run(*world, options), options).dump());
}

BOOST_AUTO_TEST_CASE(a_path_that_changes_is_followed) {
  auto matrix =
      parse_matrix("ms a b\na 0 60\nb 60 0\nleft 10 50\n\nms a b\na 0 60\nb 60 0\nleft 90 50\n", "f");
  const auto world = of_matrix(std::move(*matrix), {0, 1}, nullptr);
  const auto out = simulate::run(**world, small());
  BOOST_TEST(out->rebound > 0U);
  BOOST_TEST(out->slices[0].bound_ms == out->slices[0].bound_oracle, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(out->slices[1].bound_ms / out->slices[1].bound_oracle < 1.1);
}

BOOST_AUTO_TEST_CASE(by_coordinates_the_nearest_site_is_nearly_the_best_and_by_policy_geo_it_answers) {
  Places places;
  places.sites = {{"fra", {50.1, 8.7}}, {"iad", {38.9, -77.4}}, {"sin", {1.3, 103.8}}};
  places.clients = {{"paris", {48.9, 2.4}}, {"denver", {39.7, -105}}, {"tokyo", {35.7, 139.7}}};
  const auto world = of_places(places, {});
  BOOST_TEST(world->kilometres(0, 0) == 479, boost::test_tools::tolerance(0.02));
  BOOST_TEST(world->rtt(0, 0, 0) > 5);
  BOOST_TEST(world->rtt(0, 0, 0) < 25);
  Options options = small();
  options.policies = {director::Policy::geo};
  const auto out = simulate::run(*world, options);
  BOOST_TEST(out->races == 0U);
  BOOST_TEST(out->others[1].name == "GeoIP (great circle)");
  BOOST_TEST(out->all.mean() == out->others[1].ms.mean(), boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(coordinates_are_known_of_every_site_and_place_or_it_is_said_of_which_not) {
  const auto matrix = parse_matrix("ms a b\nleft 10 50\nright 70 20\n", "f");
  const auto with = [&](const char* text) { return of_matrix(*matrix, {0, 1}, &*parse_places(text, "p")); };
  BOOST_TEST(with("site,a,1,1\nclient,left,1,1\n").error() ==
             "--places: site 'b' of the matrix has no line 'site,b,NORTH,EAST'");
  BOOST_TEST(with("site,a,1,1\nsite,b,1,2\nclient,Right,1,1\nclient,left,1,2\n").error() ==
             "--places: client 'right' of the matrix has no line 'client,right,NORTH,EAST'");
  const auto world = with("site,a,1,1\nsite,b,1,2\nsite,c,1,3\nclient,left,1,1\nclient,right,1,1.9\n");
  BOOST_REQUIRE(world.ok());
  Options options = small();
  options.policies = {director::Policy::geo};
  const auto out = simulate::run(**world, options);
  BOOST_TEST(out->all.mean() == 15, boost::test_tools::tolerance(0.02));
  BOOST_TEST(simulate::run(*two_sites(), options).error() ==
             "--policy geo: it is not known where site 'a' is: write --places, too");
}

BOOST_AUTO_TEST_CASE(more_sites_than_a_service_has_room_for_are_services_of_64_at_most) {
  SeededRandom random(1);
  const auto world = of_places(random_places(150, 10, random), {});
  const Regions regions = split_regions(*world);
  std::set<std::size_t> all;
  for (const auto& sites : regions.sites) {
    BOOST_TEST(sites.size() <= 64U);
    all.insert(sites.begin(), sites.end());
  }
  BOOST_TEST(all.size() == 150U);
  BOOST_TEST(regions.sites.size() == 4U);
}

BOOST_AUTO_TEST_CASE(a_spread_tells_times_apart_from_a_hundredth_of_a_millisecond_to_five_years_in_seconds) {
  for (const double value : {0.011, 1.0, 500.0, 81'000.0, 600'000.0, 1.57e8}) {
    Spread spread;
    spread.add(value);
    BOOST_TEST(spread.quantile(0.5) == value, boost::test_tools::tolerance(0.01));
    BOOST_TEST(spread.mean() == value);
    BOOST_TEST(spread.share_within(value * 1.02) == 1);
    BOOST_TEST(spread.share_within(value / 1.02) == 0);
  }
}

BOOST_AUTO_TEST_CASE(time_that_nanoseconds_cannot_count_is_not_played) {
  Options options = small();
  options.requests = 1;
  options.period = 24h * 365;
  options.rounds = 6;
  BOOST_TEST(simulate::run(*two_sites(), options).error() ==
             "6 slices of 8760 hours are more than five years");
  options.rounds = 1000;
  BOOST_TEST(!simulate::run(*two_sites(), options).ok());
}

BOOST_AUTO_TEST_CASE(networks_of_a_place_lie_side_by_side_and_their_addresses_lead_back) {
  SeededRandom random(3);
  const auto people = Population::make({.networks = 3, .places_per_16 = 5}, 100, random);
  BOOST_REQUIRE(people.ok());
  std::set<IpAddress> all;
  for (std::size_t n = 0; n < people->networks(); ++n)
    for (unsigned r = 0; r < 2; ++r) {
      const IpAddress at = people->address(n, r);
      BOOST_TEST(all.insert(at).second);
      BOOST_TEST(people->place_at(at) == people->place_of(n));
    }
  BOOST_TEST((masked(people->address(0, 0), 22) == masked(people->address(2, 1), 22)));
  for (const PopulationOptions& bad :
       std::vector<PopulationOptions>{{.networks = 64, .places_per_16 = 5},
                                      {.networks = 0},
                                      {.networks = 257},
                                      {.networks = 3'000'000'000},
                                      {.networks = 1, .places_per_16 = 0},
                                      {.networks = 1, .places_per_16 = 4'000'000'000},
                                      {.resolvers = 0},
                                      {.resolvers = 251}})
    BOOST_TEST(!Population::make(bad, 100, random).ok());
}

BOOST_AUTO_TEST_CASE(the_picture_and_the_text_have_every_way_of_choosing) {
  const auto world = two_sites();
  const Options options = small();
  const auto out = simulate::run(*world, options);
  for (const Choosing& c : out->others) {
    BOOST_TEST(svg(*out, {}).find(c.name) != std::string::npos);
    BOOST_TEST(to_text(*out, options).find(c.name) != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(effects_are_plotted_when_they_were_asked_for) {
  const auto out = *simulate::run(*two_sites(), small());
  const auto dots = [&](const std::vector<Effect>& effects) {
    const std::string picture = svg(out, effects);
    std::size_t count = 0;
    for (auto at = picture.find("<circle"); at != std::string::npos; at = picture.find("<circle", at + 1))
      ++count;
    return count;
  };
  BOOST_TEST(dots({}) == 0U);
  // Two for each value and two for what they are compared with.
  BOOST_TEST(dots({{"delays", "9ms", out}, {"delays", "8ms", out}}) == 6U);
  BOOST_TEST(dots({{"delays", "9ms", out}, {"clock-errors", "1ms", out}}) == 8U);
  const std::string both = svg(out, {{"delays", "9ms", out}, {"clock-errors", "7ms", out}});
  for (const char* words : {"Effect of the delay", "Effect of clock errors", ">9ms<", ">7ms<", ">as above<"})
    BOOST_TEST(both.find(words) != std::string::npos, words);
  BOOST_TEST(svg(out, {{"delays", "9ms", out}}).find("clock errors") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
