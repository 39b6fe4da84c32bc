// One-way metrics from pings, and the path metric, by the figures of a network of four sites.
#include "director/borders.hh"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using flagfall::Nanos;
using flagfall::director::BorderConfig;
using flagfall::director::InternalConfig;
using flagfall::director::Network;
using flagfall::director::one_way;
using flagfall::director::OneWay;
using flagfall::director::Path;
using flagfall::director::paths;
using flagfall::director::PingSource;
using flagfall::director::SiteConfig;

namespace {

constexpr int kNy = 0;
constexpr int kLa = 1;
constexpr int kDc = 2;

/// ny, la, dc: a border each, by the site's name, unless told otherwise.
Network network(std::vector<int> borders = {1, 1, 1}) {
  std::vector<SiteConfig> sites;
  for (const auto* name : {"ny", "la", "dc"}) {
    SiteConfig site;
    site.name = name;
    for (int i = 0; i < borders.at(sites.size()); ++i) {
      site.borders.emplace_back();
      site.borders.back().name = name + std::to_string(i);
    }
    sites.push_back(site);
  }
  return Network(sites,
                 {InternalConfig{{"ny", "la"}, 35ms, {}}, InternalConfig{{"dc", "ny"}, 5ms, Nanos(6ms)},
                  InternalConfig{{"la", "dc"}, 30ms, {}}});
}

bool near(double a, double b) {
  return std::abs(a - b) < 1e-9;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(borders)

BOOST_AUTO_TEST_CASE(ways_inside_are_the_same_both_ways_unless_told) {
  const Network n = network({2, 0, 1});
  BOOST_TEST(n.sites() == 3U);
  BOOST_TEST(n.borders() == 3U);
  BOOST_TEST(n.site_of(1) == kNy);
  BOOST_TEST(n.site_of(2) == kDc);
  BOOST_TEST(near(n.internal(kNy, kLa), 0.035));
  BOOST_TEST(near(n.internal(kLa, kNy), 0.035));
  BOOST_TEST(near(n.internal(kDc, kNy), 0.005));
  BOOST_TEST(near(n.internal(kNy, kDc), 0.006));
  BOOST_TEST(n.internal(kLa, kLa) == 0);
}

BOOST_AUTO_TEST_CASE(with_an_address_of_its_own_one_way_is_half_of_the_ping) {
  const OneWay way =
      one_way(network(), kNy, std::vector<std::optional<double>>{0.080, 0.020, 0.060}, PingSource::own);
  BOOST_TEST(near(way.in, 0.040));
  BOOST_TEST(near(*way.out[0], 0.040));
  BOOST_TEST(near(*way.out[1], 0.010));
  BOOST_TEST(near(*way.out[2], 0.030));
}

BOOST_AUTO_TEST_CASE(with_a_shared_address_replies_come_by_the_contact_and_through_the_network) {
  const OneWay way =
      one_way(network(), kNy, std::vector<std::optional<double>>{0.080, 0.090, 0.060}, PingSource::shared);
  BOOST_TEST(near(way.in, 0.040));
  BOOST_TEST(near(*way.out[0], 0.040));
  BOOST_TEST(near(*way.out[1], 0.090 - 0.040 - 0.035));
  BOOST_TEST(near(*way.out[2], 0.060 - 0.040 - 0.006));  // from the contact, not to it
}

BOOST_AUTO_TEST_CASE(less_than_no_way_counts_as_none) {
  const OneWay way =
      one_way(network(), kNy, std::vector<std::optional<double>>{0.080, 0.050, 0.0}, PingSource::shared);
  BOOST_TEST(*way.out[1] == 0);
  BOOST_TEST(*way.out[2] == 0);
}

BOOST_AUTO_TEST_CASE(silence_is_no_figure_and_at_the_contact_of_a_shared_address_none_at_all) {
  const Network n = network();
  const std::vector<std::optional<double>> one_silent{0.080, std::nullopt, std::nan("")};
  const OneWay way = one_way(n, kNy, one_silent, PingSource::shared);
  BOOST_TEST(way.out[0].has_value());
  BOOST_TEST(!way.out[1].has_value());
  BOOST_TEST(!way.out[2].has_value());
  BOOST_TEST(paths(n, kNy, way).size() == 3U);
  const std::vector<std::optional<double>> contact_silent{std::nullopt, 0.020, 0.060};
  BOOST_TEST(paths(n, kNy, one_way(n, kNy, contact_silent, PingSource::shared)).empty());
  const OneWay own = one_way(n, kNy, contact_silent, PingSource::own);
  BOOST_TEST(own.in == 0);
  BOOST_TEST(paths(n, kNy, own).size() == 6U);
}

BOOST_AUTO_TEST_CASE(the_metric_counts_the_way_out_twice_and_the_way_in_to_the_server_once) {
  const Network n = network();
  const OneWay way{{0.040, 0.010, 0.030}, 0.040};
  const std::vector<Path> all = paths(n, kNy, way);
  BOOST_REQUIRE(all.size() == 9U);
  for (const Path& path : all) {
    const double expected = 2 * *way.out[path.border] + 2 * n.internal(path.site, path.border) + 0.040 +
                            n.internal(kNy, path.site);
    BOOST_TEST(near(path.metric, expected));
  }
  // la by its own border: 2*10 out, nothing inside, 40 in, 35 from the contact to la.
  BOOST_TEST((all[0].site == kLa && all[0].border == kLa));
  BOOST_TEST(near(all[0].metric, 0.095));
  // ny by la's: the document's code line would add internal(la, ny), 35 more, though its questions come in at
  // ny.
  const auto across =
      std::ranges::find_if(all, [](const Path& p) { return p.site == kNy && p.border == kLa; });
  BOOST_TEST(near(across->metric, 0.130));
  for (std::size_t i = 1; i < all.size(); ++i) BOOST_TEST(all[i - 1].metric <= all[i].metric);
}

BOOST_AUTO_TEST_CASE(of_several_borders_each_has_its_own_figure_and_the_nearest_is_the_way_in) {
  const Network n = network({2, 1, 0});
  const OneWay way =
      one_way(n, kNy, std::vector<std::optional<double>>{0.080, 0.050, 0.090}, PingSource::shared);
  BOOST_TEST(near(way.in, 0.025));
  BOOST_TEST(near(*way.out[0], 0.055));
  BOOST_TEST(near(*way.out[1], 0.025));
  BOOST_TEST(near(*way.out[2], 0.030));
  const Path best = paths(n, kNy, way).front();
  BOOST_TEST((best.site == kNy && best.border == 1));
}

BOOST_AUTO_TEST_SUITE_END()
