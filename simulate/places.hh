// Sites and client places by their coordinates: a line each, "site,fra,50.11,8.68" or
// "client,berlin,52.52,13.40" (degrees north and east), `#` before what is not for us. Total and bounded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/random.hh"
#include "common/base/result.hh"
#include "director/geo.hh"

namespace flagfall::simulate {

inline constexpr std::size_t kMostSites = 4096;
inline constexpr std::size_t kMostPlaces = 1'000'000;

struct NamedPlace {
  std::string name;
  director::Place at;
};

struct Places {
  std::vector<NamedPlace> sites, clients;
};

Result<Places> parse_places(std::string_view text, const std::string& name);
Result<Places> load_places(const std::string& path);

/// Invented ones: towns by lot, most of the sites and clients around a part of them.
Places random_places(std::size_t sites, std::size_t clients, SeededRandom& random);

}  // namespace flagfall::simulate
