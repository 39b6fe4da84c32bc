#include "director/client_credit.hh"

#include <algorithm>
#include <cmath>

namespace flagfall::director {

ClientCredit::ClientCredit(const Options& options, Random& random)
    : options_(options), figures_(0, Hash{SeededHash(random)}) {}

bool ClientCredit::keep(const IpAddress& network, const Figure& figure) {
  auto at = figures_.find(network);
  if (at == figures_.end()) {
    // A full table is looked through for old ones, but not for each figure.
    if (figures_.size() >= options_.networks && figure.at - swept_ >= std::chrono::minutes(1)) {
      swept_ = figure.at;
      std::erase_if(figures_, [&](const auto& entry) {
        return std::ranges::all_of(entry.second,
                                   [&](const Figure& f) { return figure.at - f.at > options_.fresh; });
      });
    }
    if (figures_.size() >= options_.networks) return false;
    at = figures_.try_emplace(network).first;
  }
  const auto same = std::ranges::find_if(
      at->second, [&](const Figure& f) { return f.slave == figure.slave && f.kind == figure.kind; });
  if (same == at->second.end()) {
    at->second.push_back(figure);
  } else {
    *same = figure;
  }
  return true;
}

const ClientCredit::Figure* ClientCredit::find(const IpAddress& network, std::uint16_t slave, Kind kind,
                                               MonoTime now) const {
  const auto at = figures_.find(network);
  if (at == figures_.end()) return nullptr;
  const auto figure = std::ranges::find_if(at->second, [&](const Figure& f) {
    return f.slave == slave && f.kind == kind && now - f.at <= options_.fresh;
  });
  return figure == at->second.end() ? nullptr : &*figure;
}

void ClientCredit::measured(const ResolverClients& clients, const Measure& measure, std::uint16_t slave,
                            MonoTime now, std::vector<Measure>& out) {
  // Silence of a client's firewall says nothing of its path.
  if (measure.kind == Kind::race || measure.silent || !std::isfinite(measure.value) || measure.value <= 0)
    return;
  const auto network = clients.network_of(measure.about);
  if (!network) return;
  const auto resolvers = clients.behind(*network);
  if (resolvers.empty()) return;
  if (!keep(*network, {slave, measure.kind, measure.value, now})) {
    ++counters_.no_room;
    return;
  }
  for (const IpAddress& resolver : resolvers) {
    // Of its own network it is told anyway.
    const auto bits = static_cast<std::uint8_t>(resolver.size() * 8);
    if (clients.network_of({resolver, bits}) == network) continue;
    double sum = 0, known = 0;
    for (const ResolverClients::Share& share : clients.shares(resolver, now)) {
      const Figure* const figure = find(share.network.ip, slave, measure.kind, now);
      if (figure == nullptr) continue;
      sum += share.share * figure->value;
      known += share.share;
    }
    if (known < options_.least_share || clients.weight(resolver, now) < options_.least_seen) {
      ++counters_.thin;
      continue;
    }
    ++counters_.credited;
    Measure credit = measure;
    credit.about = {resolver, bits};
    credit.value = sum / known;
    out.push_back(credit);
  }
}

}  // namespace flagfall::director
