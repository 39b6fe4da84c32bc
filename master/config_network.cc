// Sites, borders, and what names them: the rules that span the file.
#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "master/config.hh"

namespace flagfall::master {

namespace {

/// What is in the tables and not acted upon yet is refused: a key that does nothing is a trap.
void check_policies(const Config& config, std::size_t s, const config::Where& where) {
  const ServiceConfig& service = config.services[s];
  const std::string key = fmt::format("service.{}", s);
  const auto has = [&](director::Policy policy) {
    return std::ranges::count(service.director.policies, policy) > 0;
  };
  if (has(director::Policy::geo) && config.geo.database.empty())
    where.error(key + ".director.policies", R"("geo" needs [geo] database)");
  if (has(director::Policy::composite))
    where.error(key + ".director.policies", R"("composite" is not there in this version yet)");
  if (!service.director.policies.empty() && service.slaves.size() > director::kMostServers)
    where.error(key + ".director.policies",
                fmt::format("a service with policies has {} slaves at most", director::kMostServers));
  for (std::size_t i = 0; i < service.slaves.size(); ++i)
    if (service.slaves[i].capacity.limited())
      where.error(fmt::format("{}.slave.{}.capacity", key, i),
                  "limits are not acted upon in this version yet: only `weight`");
}

}  // namespace

void check_network(const Config& config, const config::Where& where) {
  director::check_sites(config.sites, config.internal, config.paths, where);
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
