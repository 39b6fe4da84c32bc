#include "master/zones.hh"

#include <utility>

#include "common/base/log.hh"

namespace flagfall::master {

Result<std::shared_ptr<const Zones>> load_zones(const Config& config, Random& random) {
  std::vector<std::vector<RacedName>> raced(config.zones.size());
  for (std::size_t s = 0; s < config.services.size(); ++s)
    for (const std::string& name : config.services[s].names)
      if (const int zone = zone_of(config, name); zone >= 0)
        raced[static_cast<std::size_t>(zone)].push_back({name, static_cast<std::uint16_t>(s)});
  auto zones = std::make_shared<Zones>();
  for (std::size_t i = 0; i < config.zones.size(); ++i) {
    auto zone = Zone::load(config.zones[i].file.text, config.zones[i].origin, raced[i], random);
    if (!zone) return Error{zone.error()};
    for (const std::string& warning : (*zone)->warnings()) log::warn("{}", warning);
    zones->push_back(std::move(*zone));
  }
  return std::shared_ptr<const Zones>(std::move(zones));
}

}  // namespace flagfall::master
