#include "master/client_desk.hh"

#include <algorithm>

namespace flagfall::master {
namespace {

/// Names that wait for their fetches: as many as all loops of a large machine tell of in a few seconds.
constexpr std::size_t kNames = std::size_t{1} << 15;

director::ResolverClientsOptions options_of(const DirectorConfig& config) {
  return {.length_v4 = config.finest_v4,
          .length_v6 = config.finest_v6,
          .resolvers = config.resolvers,
          .again = ClientDesk::kAgain};
}

}  // namespace

ClientDesk::ClientDesk(const DirectorConfig& config, Random& random)
    : finest_v4_(config.finest_v4),
      finest_v6_(config.finest_v6),
      names_(kNames),
      clients_(options_of(config), random),
      credit_({}, random) {}

IpAddress ClientDesk::resolver(const IpAddress& address) const {
  return masked(address, address.family == Family::v4 ? finest_v4_ : finest_v6_);
}

bool ClientDesk::take(const UniqueName& name, MonoTime now) {
  if (!name.fetched) {
    names_.asked(name.name, resolver(name.who), name.at);
    return false;
  }
  bool any = false;
  for (const auto& asker : names_.fetched(name.name, name.at)) {
    if (!asker) continue;
    clients_.seen(*asker, name.who, now);
    any = true;
  }
  return any;
}

void ClientDesk::credit(std::vector<director::Measure>& measures, std::uint16_t slave, MonoTime now) {
  if (clients_.size() == 0) return;
  std::vector<director::Measure> credits;
  for (const director::Measure& measure : measures) {
    if (credits.size() >= kMostCredits) break;
    credit_.measured(clients_, measure, slave, now, credits);
  }
  for (director::Measure& credit : credits)  // resolvers are remembered as networks
    credit.about.length =
        static_cast<std::uint8_t>(credit.about.ip.family == Family::v4 ? finest_v4_ : finest_v6_);
  measures.insert(measures.end(), credits.begin(), credits.end());
}

}  // namespace flagfall::master
