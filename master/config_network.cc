// Sites, borders, and what names them: the rules that span the file.
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

#include "master/config.hh"

namespace flagfall::master {

namespace {

/// Policy composite knows a path by the pings of who pings through its border.
void check_composite(const Config& config, std::size_t s, const config::Where& where) {
  const std::string key = fmt::format("service.{}", s);
  const std::vector<std::string> names = director::border_names(config.sites);
  if (names.empty())
    where.error(key + ".director.policies", R"("composite" needs a [[site]] with a [[site.border]])");
  const auto who = pingers(config);
  std::size_t border = 0;
  for (std::size_t i = 0; i < config.sites.size(); ++i)
    for (std::size_t b = 0; b < config.sites[i].borders.size(); ++b, ++border)
      if (std::ranges::count(who, border, &std::pair<const std::string, director::BorderIndex>::second) == 0)
        where.error(
            fmt::format("site.{}.border.{}.pinger", i, b),
            fmt::format(R"(nobody pings through border '{}', and "composite" needs it: write the slave )"
                        "or collector whose pings leave there",
                        config.sites[i].borders[b].name));
  for (std::size_t i = 0; i < config.services[s].slaves.size(); ++i) {
    const SlaveConfig& slave = config.services[s].slaves[i];
    const std::string at = fmt::format("{}.slave.{}", key, i);
    if (slave.site.empty())
      where.error(at + ".site", R"("composite" needs every server's site)");
    else if (borders_of(config, slave).empty())
      where.error(at + ".border", fmt::format("slave '{}' has no way out: its site has no border, and it no "
                                              "address for another's",
                                              slave.name));
  }
}

void check_pingers(const Config& config, const config::Where& where) {
  const auto who = pingers(config);
  const std::vector<std::string> names = director::border_names(config.sites);
  for (auto at = who.begin(); at != who.end(); at = who.upper_bound(at->first))
    if (const auto next = std::next(at); next != who.end() && next->first == at->first)
      where.error("site",
                  fmt::format("'{}' would ping through border '{}' and border '{}', but its pings leave "
                              "by one: write the `pinger` of both",
                              at->first, names.at(at->second), names.at(next->second)));
}

void check_policies(const Config& config, std::size_t s, const config::Where& where) {
  const ServiceConfig& service = config.services[s];
  const std::string key = fmt::format("service.{}", s);
  const auto has = [&](director::Policy policy) {
    return std::ranges::count(service.director.policies, policy) > 0;
  };
  if (has(director::Policy::geo) && config.geo.database.empty())
    where.error(key + ".director.policies", R"("geo" needs [geo] database)");
  if (has(director::Policy::composite)) check_composite(config, s, where);
  if (!service.director.policies.empty() && service.slaves.size() > director::kMostServers)
    where.error(key + ".director.policies",
                fmt::format("a service with policies has {} slaves at most", director::kMostServers));
  for (std::size_t i = 0; i < service.slaves.size(); ++i)
    if (service.slaves[i].capacity.limited() && service.director.policies.empty())
      where.error(fmt::format("{}.slave.{}.capacity", key, i),
                  "has limits, and the service no director that could heed them: give it policies");
}

}  // namespace

std::multimap<std::string, director::BorderIndex> pingers(const Config& config) {
  std::multimap<std::string, director::BorderIndex> out;
  director::BorderIndex border = 0;
  for (const director::SiteConfig& site : config.sites)
    for (const director::BorderConfig& b : site.borders) {
      const director::BorderIndex index = border++;
      if (!b.pinger.empty()) {
        out.emplace(b.pinger, index);
        continue;
      }
      if (site.borders.size() > 1) continue;
      std::set<std::string> here;
      for (const ServiceConfig& service : config.services)
        for (const SlaveConfig& slave : service.slaves)
          if (slave.site == site.name) here.insert(slave.name);
      for (const std::string& name : here) out.emplace(name, index);
    }
  return out;
}

std::vector<director::BorderIndex> borders_of(const Config& config, const SlaveConfig& slave) {
  std::vector<director::BorderIndex> out;
  director::BorderIndex index = 0;
  for (const director::SiteConfig& site : config.sites)
    for (const director::BorderConfig& border : site.borders) {
      const bool own = site.name == slave.site && (slave.borders.empty() || site.borders.size() == 1);
      if (own || std::ranges::count(slave.borders, border.name, &director::BorderAnswersConfig::border) > 0)
        out.push_back(index);
      ++index;
    }
  return out;
}

void check_network(const Config& config, const config::Where& where) {
  director::check_sites(config.sites, config.internal, config.paths, where);
  check_pingers(config, where);
  director::check_geo(config.geo, config.sites, where);
  std::map<IpAddress, std::string> taken;  // what an address stands for
  for (std::size_t s = 0; s < config.services.size(); ++s) {
    check_policies(config, s, where);
    const std::vector<SlaveConfig>& slaves = config.services[s].slaves;
    for (std::size_t i = 0; i < slaves.size(); ++i) {
      const std::string key = fmt::format("service.{}.slave.{}", s, i);
      const SlaveConfig& slave = slaves[i];
      if (!slave.site.empty() &&
          std::ranges::count(config.sites, slave.site, &director::SiteConfig::name) == 0)
        where.error(key + ".site",
                    fmt::format("no site '{}': add its [[site]], or correct the name", slave.site));
      if (slave.site.empty() && !slave.borders.empty())
        where.error(key + ".site", "with borders, write the server's site");
      director::check_border_answers(slave.borders, config.sites, key + ".border", where);
      for (std::size_t b = 0; b < slave.borders.size(); ++b) {
        const std::string stands =
            fmt::format("border '{}' of slave '{}'", slave.borders[b].border, slave.name);
        for (std::size_t a = 0; a < slave.borders[b].answers.size(); ++a) {
          const IpAddress& address = slave.borders[b].answers[a];
          const auto [other, fresh] = taken.emplace(address, stands);
          if (!fresh && other->second != stands)
            where.error(fmt::format("{}.border.{}.answers.{}", key, b, a),
                        fmt::format("{} stands for {} already", to_string(address), other->second));
        }
      }
    }
  }
}

}  // namespace flagfall::master
