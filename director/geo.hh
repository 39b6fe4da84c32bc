// Policy "geo": the nearest server by great-circle distance, from a MaxMind DB of cities, or by a map of
// countries from one of countries. The whole file is walked once into prefixes, so that no request ever meets
// it. Any bytes give a table or an error (director/mmdb_guard.hh). Blocks for seconds with a large file: for
// a worker thread. No state.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hh"
#include "director/prefix_order.hh"

namespace flagfall::director {

/// Degrees north and east.
struct Place {
  double latitude = 0;
  double longitude = 0;
};

/// Along the surface of a sphere of the earth's mean radius.
double kilometres(const Place& a, const Place& b);

/// A country's or continent's clients, where the database does not say more of them.
struct GeoRegion {
  std::string code;         // "DE", "EU"
  bool continent = false;   // otherwise a country; countries go before their continents
  ServerMask servers = 0;   // those of its site: first, all alike
  std::optional<Place> at;  // the site's place: the others by the distance from there
};

struct GeoOptions {
  std::vector<std::optional<Place>> places;  // by server: its site's
  std::vector<GeoRegion> regions;
  std::size_t most = 4'000'000;  // prefixes; more are an error
};

inline constexpr std::size_t kMostGeoFile = std::size_t{1} << 30;  // octets

/// Servers by distance from a place: those at the nearest site are the group; servers without a place last.
/// Empty when no server has one.
Order by_distance(const Place& from, const std::vector<std::optional<Place>>& places);

/// Neighbours with equal orders are one prefix. Networks of which the file says nothing that helps are in
/// none. IPv4 networks of an IPv6 file come as IPv4; its copies of them in 2002::/16 and the like are left
/// out. Errors: "name: what is wrong".
Result<PrefixOrders> geo_orders(std::string_view database, const std::string& name,
                                const GeoOptions& options);
Result<PrefixOrders> load_geo(const std::string& path, const GeoOptions& options);

}  // namespace flagfall::director
