// Sites, borders, and what names them: the rules that span the file.
#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "master/config.hh"

namespace flagfall::master {

void check_network(const Config& config, const config::Where& where) {
  director::check_sites(config.sites, config.internal, config.paths, where);
  director::check_geo(config.geo, config.sites, where);
  std::map<IpAddress, std::string> taken;  // what an address stands for
  for (std::size_t s = 0; s < config.services.size(); ++s) {
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
