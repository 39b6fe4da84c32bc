#include "slave/front_sites.hh"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <utility>

namespace flagfall::slave {

FrontSites::FrontSites(std::span<const wire::Services> masters) {
  std::map<std::pair<std::string, std::string>, std::size_t> known;  // host and path: their site
  std::map<std::string, std::uint32_t, std::less<>> ids;
  for (std::size_t m = 0; m < std::min(masters.size(), kMostMasters); ++m)
    for (const wire::Service& service : masters[m].services)
      for (const wire::WebSite& site : service.sites) {
        const auto [at, fresh] = known.emplace(
            std::pair(http::canonical_host(site.host), http::canonical_prefix(site.path)), sites_.size());
        if (fresh) {
          const auto id = ids.emplace(service.name, static_cast<std::uint32_t>(ids.size())).first->second;
          // Nothing but what the table compares is stripped off.
          const auto strip = std::min(site.strip, static_cast<std::uint16_t>(at->first.second.size()));
          sites_.push_back({service.name, id, 0, strip, site.stands_for});
          table_.add(site.host, site.path, at->second);
        }
        FrontSite& held = sites_[at->second];
        if (held.service == service.name) {
          held.masters |= std::uint64_t{1} << m;
          continue;
        }
        held.disputed = true;
        complaints_.push_back(fmt::format("'{}{}' is service '{}' and service '{}': it is served here",
                                          site.host, site.path, held.service, service.name));
      }
}

std::optional<FrontSites::Found> FrontSites::find(std::string_view host, std::string_view path,
                                                  http::HostTable::Room& room) const noexcept {
  const auto found = table_.find(host, path, room);
  if (!found || sites_[found->value].disputed) return std::nullopt;
  const FrontSite& site = sites_[found->value];
  return Found{&site, site.stands_for.empty() ? found->host : std::string_view(site.stands_for),
               found->path.substr(site.strip)};
}

}  // namespace flagfall::slave
