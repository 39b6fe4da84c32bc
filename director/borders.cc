#include "director/borders.hh"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <tuple>

namespace flagfall::director {

Network::Network(const std::vector<SiteConfig>& sites, const std::vector<InternalConfig>& internal)
    : sites_(sites.size()), delay_(sites.size() * sites.size(), 0.0) {
  const auto place = [&](const std::string& name) {
    const auto at = std::ranges::find(sites, name, &SiteConfig::name);
    assert(at != sites.end());
    return static_cast<std::size_t>(at - sites.begin());
  };
  for (std::size_t s = 0; s < sites.size(); ++s)
    border_site_.insert(border_site_.end(), sites[s].borders.size(), static_cast<SiteIndex>(s));
  for (const InternalConfig& way : internal) {
    const std::size_t a = place(way.between.at(0));
    const std::size_t b = place(way.between.at(1));
    delay_[a * sites_ + b] = std::chrono::duration<double>(way.delay).count();
    delay_[b * sites_ + a] = std::chrono::duration<double>(way.back.value_or(way.delay)).count();
  }
}

OneWay one_way(const Network& network, SiteIndex contact, std::span<const std::optional<double>> pings,
               PingSource source) {
  assert(pings.size() == network.borders());
  const auto answered = [&](std::size_t border) {
    return pings[border] && std::isfinite(*pings[border]) && *pings[border] >= 0;
  };
  OneWay out;
  out.out.resize(pings.size());
  std::optional<double> in;
  for (std::size_t b = 0; b < pings.size(); ++b)
    if (answered(b) && network.site_of(static_cast<BorderIndex>(b)) == contact)
      in = std::min(in.value_or(*pings[b] / 2), *pings[b] / 2);
  out.in = in.value_or(0);
  for (std::size_t b = 0; b < pings.size(); ++b) {
    if (!answered(b)) continue;
    if (source == PingSource::own)
      out.out[b] = *pings[b] / 2;
    else if (in)
      out.out[b] = std::max(
          0.0, *pings[b] - *in - network.internal(contact, network.site_of(static_cast<BorderIndex>(b))));
  }
  return out;
}

std::vector<Path> paths(const Network& network, SiteIndex contact, const OneWay& one_way) {
  std::vector<Path> out;
  for (std::size_t s = 0; s < network.sites(); ++s) {
    const auto site = static_cast<SiteIndex>(s);
    for (std::size_t b = 0; b < network.borders(); ++b) {
      if (!one_way.out.at(b)) continue;
      const auto border = static_cast<BorderIndex>(b);
      out.push_back({site, border,
                     2 * *one_way.out[b] + 2 * network.internal(site, network.site_of(border)) + one_way.in +
                         network.internal(contact, site)});
    }
  }
  std::ranges::sort(out, [](const Path& a, const Path& b) {
    return std::tuple(a.metric, a.site, a.border) < std::tuple(b.metric, b.site, b.border);
  });
  return out;
}

}  // namespace flagfall::director
