#include "master/server_answers.hh"

#include <algorithm>

#include "master/config.hh"

namespace flagfall::master {
namespace {

std::vector<IpAddress> of_family(const std::vector<IpAddress>& all, bool v6) {
  std::vector<IpAddress> out;
  std::ranges::copy_if(all, std::back_inserter(out),
                       [&](const IpAddress& a) { return (a.family == Family::v6) == v6; });
  return out;
}

}  // namespace

ServerAnswers::ServerAnswers(const ServiceConfig& service, const std::vector<std::string>& borders)
    : records_(service.slaves.size()), ways_(service.slaves.size()), count_(service.answers) {
  const std::array<std::uint32_t, 3> ttls{service.ttl_learning, service.ttl_bound, service.ttl_fallback};
  for (std::size_t server = 0; server < service.slaves.size(); ++server) {
    for (const bool v6 : {false, true}) {
      const auto addresses = of_family(service.slaves[server].answers, v6);
      if (addresses.empty()) continue;
      able_.at(v6 ? 1 : 0) |= director::bit(static_cast<director::ServerIndex>(server));
      for (std::size_t standing = 0; standing < ttls.size(); ++standing)
        records_[server].at(v6 ? 1 : 0).at(standing) = wire::prepare_addresses(addresses, ttls.at(standing));
    }
    for (const director::BorderAnswersConfig& border : service.slaves[server].borders) {
      const auto at = std::ranges::find(borders, border.border);
      if (at == borders.end()) continue;
      const auto way = static_cast<std::size_t>(at - borders.begin()) + 1;
      if (ways_[server].size() <= way) ways_[server].resize(way + 1);
      for (const bool v6 : {false, true})
        for (std::size_t standing = 0; standing < ttls.size(); ++standing)
          ways_[server][way].at(v6 ? 1 : 0).at(standing) =
              wire::prepare_addresses(of_family(border.answers, v6), ttls.at(standing));
    }
  }
  const director::AllDown& down = service.director.all_down;
  has_instead_ = down.what == director::AllDown::What::addresses;
  for (const bool v6 : {false, true})
    instead_.at(v6 ? 1 : 0) = wire::prepare_addresses(of_family(down.addresses, v6), service.ttl_fallback);
}

}  // namespace flagfall::master
