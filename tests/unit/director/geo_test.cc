// From a MaxMind DB to prefixes and orders: the nearest first, neighbours merged, IPv4 as IPv4; and no file,
// whoever wrote it, does harm.
#include "director/geo.hh"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "director/mmdb_guard.hh"
#include "tests/unit/director/mmdb_writer.hh"

using flagfall::Prefix;
using flagfall::director::by_distance;
using flagfall::director::geo_orders;
using flagfall::director::GeoOptions;
using flagfall::director::GeoRegion;
using flagfall::director::kilometres;
using flagfall::director::load_geo;
using flagfall::director::MmdbGuard;
using flagfall::director::Order;
using flagfall::director::Place;
using flagfall::director::PrefixOrder;
using flagfall::director::PrefixOrders;
using flagfall::test::MmdbWriter;
namespace mmdb = flagfall::test::mmdb;

namespace {

constexpr Place kFrankfurt{50.11, 8.68};
constexpr Place kNewYork{40.71, -74.01};
constexpr Place kSingapore{1.35, 103.82};

GeoOptions three() {
  GeoOptions out;
  out.places = {kFrankfurt, kNewYork, kSingapore};
  return out;
}

/// "192.0.2.0/24 0 1 2", one a line, sorted.
std::vector<std::string> lines(const PrefixOrders& orders) {
  std::vector<std::string> out;
  for (const PrefixOrder& entry : orders) {
    std::string line = to_string(entry.prefix);
    for (const auto server : entry.order.all()) line += " " + std::to_string(server);
    out.push_back(line);
  }
  std::ranges::sort(out);
  return out;
}

std::vector<std::string> read(const MmdbWriter& writer, const GeoOptions& options = three()) {
  const auto orders = geo_orders(writer.finish(), "g", options);
  BOOST_REQUIRE_MESSAGE(orders.ok(), (orders.ok() ? "" : orders.error()));
  return lines(*orders);
}

std::string error_of(const std::string& file, const GeoOptions& options = three()) {
  const auto orders = geo_orders(file, "g", options);
  return orders.ok() ? "" : orders.error();
}

std::vector<std::string> list(std::vector<std::string> all) {
  std::ranges::sort(all);
  return all;
}

std::string country(const char* code, const char* continent) {
  return mmdb::map({{"continent", mmdb::map({{"code", mmdb::text(continent)}})},
                    {"country", mmdb::map({{"iso_code", mmdb::text(code)}})}});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(geo)

BOOST_AUTO_TEST_CASE(distances_are_those_of_a_globe) {
  BOOST_TEST(std::abs(kilometres(kFrankfurt, kNewYork) - 6200) < 30);
  BOOST_TEST(std::abs(kilometres({0, 0}, {0, 180}) - 20015.1) < 0.1);
  BOOST_TEST(std::abs(kilometres({90, 0}, {-90, 77}) - 20015.1) < 0.1);
  BOOST_TEST(std::abs(kilometres({0, 179.5}, {0, -179.5}) - 111.2) < 0.1);  // across the date line
  BOOST_TEST(kilometres(kSingapore, kSingapore) == 0);
}

BOOST_AUTO_TEST_CASE(servers_of_the_nearest_site_are_a_group_and_those_without_a_place_are_last) {
  const Order order = by_distance(kSingapore, {std::nullopt, kFrankfurt, kSingapore, kNewYork, kSingapore});
  const std::vector<int> expected{2, 4, 1, 3, 0};
  BOOST_TEST(std::vector<int>(order.all().begin(), order.all().end()) == expected);
  BOOST_TEST(order.group == 2);
  BOOST_TEST(by_distance(kSingapore, {std::nullopt}).empty());
  BOOST_TEST(by_distance(kSingapore, std::vector<std::optional<Place>>(64, kSingapore)).group == 8);
}

BOOST_AUTO_TEST_CASE(each_network_gets_the_servers_by_its_distance_in_every_layout) {
  for (const unsigned record_size : {24U, 28U, 32U}) {
    MmdbWriter w(6, record_size);
    w.set("192.0.2.0/24", w.add(mmdb::location(52.5, 13.4)));      // Berlin
    w.set("198.51.100.0/25", w.add(mmdb::location(42.4, -71.1)));  // Boston
    w.set("2001:db8::/32", w.add(mmdb::location(-33.9, 151.2)));   // Sydney
    BOOST_TEST(read(w) == list({"192.0.2.0/24 0 1 2", "198.51.100.0/25 1 0 2", "2001:db8::/32 2 1 0"}));
    MmdbWriter v4(4, record_size);
    v4.set("192.0.2.0/24", v4.add(mmdb::location(52.5, 13.4)));
    v4.set("128.0.0.0/1", v4.add(mmdb::location(42.4, -71.1)));
    v4.set("192.0.2.0/24", 0);
    BOOST_TEST(read(v4).size() == 24U);  // the rest of 128.0.0.0/1 in 23 pieces around the one
  }
}

BOOST_AUTO_TEST_CASE(neighbours_with_equal_orders_are_one_prefix) {
  MmdbWriter w;
  const auto berlin = w.add(mmdb::location(52.5, 13.4));
  const auto vienna = w.add(mmdb::location(48.2, 16.4));
  for (int i = 0; i < 256; ++i) w.set("10.1." + std::to_string(i) + ".0/24", i % 2 == 0 ? berlin : vienna);
  w.set("10.0.0.0/16", w.add(mmdb::location(50, 8)));
  BOOST_TEST(read(w) == list({"10.0.0.0/15 0 1 2"}));
}

BOOST_AUTO_TEST_CASE(copies_of_the_ipv4_networks_are_left_out) {
  MmdbWriter w;
  w.set("192.0.2.0/24", w.add(mmdb::location(52.5, 13.4)));
  w.alias("::ffff:0:0/96");
  w.alias("2001::/32");
  w.alias("2002::/16");
  w.set("2003::/16", 0);
  BOOST_TEST(read(w) == list({"192.0.2.0/24 0 1 2", "2003::/16 0 1 2"}));
}

BOOST_AUTO_TEST_CASE(one_record_around_all_of_ipv4_is_all_of_ipv4) {
  for (const char* around : {"::/0", "::/64", "::/95", "0.0.0.0/0"}) {
    MmdbWriter w;
    const auto at = w.add(mmdb::location(52.5, 13.4));
    if (std::string_view(around) == "::/0") {
      w.set("::/1", at);
      w.set("8000::/1", at);
    } else {
      w.set(around, at);
    }
    const std::vector<std::string> got = read(w);
    BOOST_TEST(std::ranges::count(got, "0.0.0.0/0 0 1 2") == 1);
    BOOST_TEST(got.size() == (std::string_view(around) == "0.0.0.0/0" ? 1U : 2U));
  }
}

BOOST_AUTO_TEST_CASE(data_may_be_reached_by_pointers_and_lie_behind_other_data) {
  MmdbWriter w;
  w.add(std::string(5000, 'x'));  // far enough for longer pointers
  const auto names =
      w.add(mmdb::map({{"en", mmdb::text("Berlin")}, {"de", mmdb::text(std::string(200, 'B'))}}));
  const auto latitude = w.add(mmdb::number(52.5));
  const auto location = w.add(mmdb::map({{"accuracy_radius", mmdb::short_integer(20)},
                                         {"latitude", mmdb::pointer(latitude)},
                                         {"longitude", mmdb::small_number(13.4F)}}));
  w.set("192.0.2.0/24", w.add(mmdb::map({{"city", mmdb::map({{"names", mmdb::pointer(names)}})},
                                         {"subdivisions", mmdb::array({mmdb::map({}), mmdb::pointer(names)})},
                                         {"location", mmdb::pointer(location)}})));
  w.set("198.51.100.0/24", w.add(mmdb::pointer(location)));  // its map has no "location"
  BOOST_TEST(read(w) == list({"192.0.2.0/24 0 1 2"}));
}

BOOST_AUTO_TEST_CASE(what_is_no_place_says_nothing) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  MmdbWriter w;
  int i = 0;
  for (const std::string& value :
       {mmdb::location(91, 0), mmdb::location(0, 181), mmdb::location(nan, 0), mmdb::location(0, nan),
        mmdb::map({{"location", mmdb::map({{"latitude", mmdb::number(1)}})}}), mmdb::map({}), mmdb::text("x"),
        mmdb::map({{"location", mmdb::text("x")}}),
        mmdb::map(
            {{"location", mmdb::map({{"latitude", mmdb::text("1")}, {"longitude", mmdb::text("1")}})}})})
    w.set("10." + std::to_string(i++) + ".0.0/16", w.add(value));
  BOOST_TEST(read(w).empty());
}

BOOST_AUTO_TEST_CASE(a_country_goes_before_its_continent_and_a_place_before_both) {
  GeoOptions options = three();
  options.regions = {{"EU", true, 0b010, kNewYork}, {"DE", false, 0b100, std::nullopt}};
  MmdbWriter w;
  w.set("10.0.0.0/16", w.add(country("DE", "EU")));
  w.set("10.2.0.0/16", w.add(country("FR", "EU")));
  w.set("10.4.0.0/16", w.add(country("EU", "DE")));  // a country is no continent
  w.set("10.6.0.0/16",
        w.add(mmdb::map(
            {{"country", mmdb::map({{"iso_code", mmdb::text("DE")}})},
             {"location", mmdb::map({{"latitude", mmdb::number(50)}, {"longitude", mmdb::number(8)}})}})));
  w.set("10.8.0.0/16",
        w.add(mmdb::map({{"registered_country", mmdb::map({{"iso_code", mmdb::text("DE")}})}})));
  BOOST_TEST(read(w, options) ==
             list({"10.0.0.0/16 2 0 1", "10.2.0.0/16 1 0 2", "10.6.0.0/16 0 1 2", "10.8.0.0/16 2 0 1"}));
}

BOOST_AUTO_TEST_CASE(more_networks_than_are_allowed_are_an_error) {
  GeoOptions options = three();
  options.most = 2;
  MmdbWriter w;
  const auto at = w.add(mmdb::location(0, 0));
  w.set("10.0.0.0/16", at);
  w.set("10.2.0.0/16", at);
  BOOST_TEST(read(w, options).size() == 2U);
  w.set("10.4.0.0/16", at);
  BOOST_TEST(error_of(w.finish(), options) == "g: has more than 2 networks with servers of their own");
}

BOOST_AUTO_TEST_CASE(what_is_no_database_is_an_error) {
  const std::string marker = "\xab\xcd\xefMaxMind.com";
  MmdbWriter w;
  w.set("10.0.0.0/16", w.add(mmdb::location(0, 0)));
  BOOST_TEST(error_of("") == "g: is no MaxMind database: it has no metadata");
  BOOST_TEST(error_of(std::string(1 << 20, 'x')) == "g: is no MaxMind database: it has no metadata");
  BOOST_TEST(error_of(w.finish() + std::string(200000, 'x')) ==
             "g: is no MaxMind database: it has no metadata");
  // On a page's end, where the library would read on.
  BOOST_TEST(error_of(std::string(4096 - marker.size(), 'x') + marker) ==
             "g: is damaged: its metadata is not whole");
  BOOST_TEST(error_of(w.finish("")) == "g: is damaged: its metadata is not whole");
  BOOST_TEST(error_of(w.finish(mmdb::map({}))).starts_with("g: cannot be read: "));
  BOOST_TEST(load_geo("/nowhere/g.mmdb", three()).error() ==
             "/nowhere/g.mmdb: cannot be read: No such file or directory");
}

BOOST_AUTO_TEST_CASE(metadata_that_promises_more_nodes_than_there_are_is_an_error) {
  MmdbWriter w;
  w.set("10.0.0.0/16", w.add(mmdb::location(0, 0)));
  // 7 octets a node: 2^32 / 7 nodes and one are 3 octets in 32 bits.
  for (const std::uint64_t nodes :
       {std::uint64_t{0}, std::uint64_t{1000}, std::uint64_t{613566757}, std::uint64_t{0xffffffff}}) {
    const std::string error = error_of(w.finish(w.metadata(nodes)));
    BOOST_TEST_INFO(error);
    BOOST_TEST((error.starts_with("g: is damaged: ") || error.starts_with("g: cannot be read: ")));
  }
}

BOOST_AUTO_TEST_CASE(nesting_without_an_end_is_an_error) {
  std::string deep;
  for (int i = 0; i < 200000; ++i) deep += mmdb::control(11, 1);
  MmdbWriter w;
  w.set("10.0.0.0/16", w.add(mmdb::map({{"a", deep}})));
  BOOST_TEST(error_of(w.finish()) == "g: is damaged: a network's data is not whole");
  std::string metadata = MmdbWriter().metadata(1);
  metadata = mmdb::control(7, 10) + mmdb::text("a") + deep.substr(0, 100000) + metadata.substr(1);
  BOOST_TEST(error_of(w.finish(metadata)) == "g: is damaged: its metadata is not whole");
}

BOOST_AUTO_TEST_CASE(data_that_points_at_itself_or_at_pointers_is_an_error) {
  for (int shape = 0; shape < 4; ++shape) {
    MmdbWriter w;
    if (shape == 0) w.add(mmdb::pointer(0));                               // to itself
    if (shape == 1) w.add(mmdb::map({{"location", mmdb::pointer(0)}}));    // to what it is in
    if (shape == 2) w.add(mmdb::map({{"location", mmdb::pointer(~0U)}}));  // to nowhere
    if (shape == 3) w.add(mmdb::pointer(5) + mmdb::pointer(10) + mmdb::text("x"));
    w.set("10.0.0.0/16", 0);
    BOOST_TEST(error_of(w.finish()) == "g: is damaged: a network's data is not whole");
  }
}

BOOST_AUTO_TEST_CASE(data_that_multiplies_itself_ends_soon) {
  // Each map points to the next one twice: 2^20 entries of 20 maps.
  MmdbWriter w;
  for (std::uint32_t i = 0; i < 20; ++i) {
    const std::uint32_t next = (i + 1) * 15;
    const auto at = w.add(mmdb::map({{"a", mmdb::pointer(next)}, {"b", mmdb::pointer(next)}}));
    BOOST_REQUIRE(at == i * 15);
  }
  w.add(mmdb::map({}));
  w.set("10.0.0.0/16", 0);
  BOOST_TEST(error_of(w.finish()) == "g: is damaged: a network's data is not whole");
}

BOOST_AUTO_TEST_CASE(a_tree_that_goes_round_in_circles_is_an_error) {
  MmdbWriter w;
  w.add(mmdb::location(0, 0));
  w.set("10.0.0.0/16", 0);
  w.point("2001:db8::/33", 112);  // the first node of its own: 112 lead to 10.0.0.0/16
  w.point("2001:db8:8000::/33", 112);
  BOOST_TEST(error_of(w.finish()).starts_with("g: is damaged: its search tree "));
  // And one whose nodes are shared so that there are 2^100 ways through it.
  MmdbWriter fan(6, 24);
  fan.add(mmdb::map({}));
  fan.set("10.0.0.0/16", 0);
  std::string file = fan.finish();
  for (std::uint32_t node = 1; node < 100; ++node) {
    const std::string record = mmdb::big_endian(node + 1, 3);
    file.replace(std::size_t{node} * 6, 6, record + record);
  }
  BOOST_TEST(error_of(file).starts_with("g: is damaged: its search tree "));
  MmdbWriter outside;
  outside.set("10.0.0.0/16", 100000);
  BOOST_TEST(error_of(outside.finish()).starts_with("g: is damaged: its search tree "));
}

BOOST_AUTO_TEST_CASE(a_file_cut_anywhere_or_with_any_octet_changed_does_no_harm) {
  MmdbWriter w;
  const auto names = w.add(mmdb::map({{"en", mmdb::text("Berlin")}}));
  w.set("192.0.2.0/24",
        w.add(mmdb::map(
            {{"city", mmdb::pointer(names)},
             {"location", mmdb::map({{"latitude", mmdb::number(52)}, {"longitude", mmdb::number(13)}})}})));
  w.alias("2002::/16");
  const std::string whole = w.finish();
  std::size_t errors = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    errors += geo_orders(whole.substr(0, i), "g", three()).ok() ? 0U : 1U;
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string changed = whole;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      errors += geo_orders(changed, "g", three()).ok() ? 0U : 1U;
    }
  }
  BOOST_TEST(errors > whole.size());
  BOOST_TEST(geo_orders(whole, "g", three()).ok());
}

BOOST_AUTO_TEST_CASE(the_guard_reads_every_size_and_type_as_the_format_has_it) {
  std::string all = mmdb::text(std::string(28, 'a')) + mmdb::text(std::string(284, 'b'));
  all += static_cast<char>(2 << 5 | 30);
  all += mmdb::big_endian(10, 2) + std::string(295, 'c');
  all += static_cast<char>(2 << 5 | 31);
  all += mmdb::big_endian(1, 3) + std::string(65822, 'd');
  all += mmdb::control(14, 1) + mmdb::control(8, 4) + "1234" + mmdb::control(10, 16) + std::string(16, 'e');
  const std::string value = mmdb::control(11, 7) + all;
  const auto bytes = flagfall::as_bytes(value);
  BOOST_TEST(MmdbGuard(bytes, 1000).harmless(0));
  BOOST_TEST(!MmdbGuard(bytes.first(bytes.size() - 1), 1000).harmless(0));
  BOOST_TEST(!MmdbGuard(bytes, 7).harmless(0));  // with no more work allowed than that
  for (const unsigned type : {12U, 13U, 16U, 200U}) {
    const std::string unknown = mmdb::control(type, 0);
    BOOST_TEST(!MmdbGuard(flagfall::as_bytes(unknown), 1000).harmless(0));
  }
}

BOOST_AUTO_TEST_SUITE_END()
