#include "master/director_files.hh"

#include <algorithm>
#include <string>
#include <utility>

#include "director/geo.hh"
#include "director/static_map.hh"

namespace flagfall::master {
namespace {

using director::ServerIndex;

Result<director::PrefixOrders> read_geo(const Config& config, const ServiceConfig& service) {
  const auto place_of = [&](const std::string& site) -> std::optional<director::Place> {
    const auto at = std::ranges::find(config.sites, site, &director::SiteConfig::name);
    if (at == config.sites.end() || !at->latitude || !at->longitude) return std::nullopt;
    return director::Place{*at->latitude, *at->longitude};
  };
  const auto& slaves = service.slaves;
  director::GeoOptions options;
  for (const SlaveConfig& slave : slaves) options.places.push_back(place_of(slave.site));
  for (const director::GeoRegionConfig& region : config.geo.regions) {
    director::GeoRegion out;
    out.continent = region.country.empty();
    out.code = out.continent ? region.continent : region.country;
    out.at = place_of(region.site);
    for (std::size_t i = 0; i < slaves.size(); ++i)
      if (slaves[i].site == region.site) out.servers |= director::bit(static_cast<ServerIndex>(i));
    options.regions.push_back(std::move(out));
  }
  return director::load_geo(config.geo.database.text, options);
}

}  // namespace

Result<DirectorFiles> read_director_files(const Config& config) {
  DirectorFiles out;
  for (const ServiceConfig& service : config.services) {
    DirectorFiles::Service& files = out.services.emplace_back();
    if (service.director.policies.empty()) continue;
    if (std::ranges::count(service.director.policies, director::Policy::geo) > 0) {
      auto geo = read_geo(config, service);
      if (!geo) return Error{geo.error()};
      files.geo = std::move(*geo);
    }
    if (service.director.prefixes.empty()) continue;
    std::vector<std::string> servers;
    for (const SlaveConfig& slave : service.slaves) servers.push_back(slave.name);
    auto fixed = director::load_static_map(service.director.prefixes.text, servers);
    if (!fixed) return Error{fixed.error()};
    files.fixed = std::move(*fixed);
  }
  return out;
}

}  // namespace flagfall::master
