#include "director/resolver_clients.hh"

#include <algorithm>
#include <cmath>

namespace flagfall::director {
namespace {

/// As in the cluster book: so much may events of several threads be out of order.
constexpr Nanos kBackwards = std::chrono::seconds(1);

}  // namespace

ResolverClients::ResolverClients(const ResolverClientsOptions& options, Random& random)
    : options_(options), by_address_(0, Hash{SeededHash(random)}), behind_(0, Hash{SeededHash(random)}) {
  options_.length_v4 = std::min(options_.length_v4, 32U);
  options_.length_v6 = std::min(options_.length_v6, 128U);
  options_.resolvers = std::max<std::size_t>(options_.resolvers, 1);
  options_.networks = std::max<std::size_t>(options_.networks, 1);
  options_.half_life = std::max(options_.half_life, Nanos(1));
}

double ResolverClients::decay(const Resolver& resolver, MonoTime now) const {
  const auto age = std::chrono::duration<double>(std::max(now - resolver.at, Nanos(0)));
  return std::exp2(-(age / std::chrono::duration<double>(options_.half_life)));
}

ResolverClients::Resolver& ResolverClients::resolver_of(const IpAddress& address, MonoTime now) {
  if (const auto found = by_address_.find(address); found != by_address_.end()) {
    resolvers_.splice(resolvers_.begin(), resolvers_, found->second);
    return resolvers_.front();
  }
  if (by_address_.size() >= options_.resolvers) {
    ++counters_.evicted;
    for (const Network& n : resolvers_.back().networks) left(n.prefix.ip, resolvers_.back().address);
    by_address_.erase(resolvers_.back().address);
    resolvers_.pop_back();
  }
  resolvers_.push_front({.address = address, .at = now, .networks = {}});
  by_address_.emplace(address, resolvers_.begin());
  return resolvers_.front();
}

void ResolverClients::stands_behind(const IpAddress& network, const IpAddress& resolver) {
  auto& all = behind_[network];
  if (all.size() < kMostBehind) all.push_back(resolver);
}

void ResolverClients::left(const IpAddress& network, const IpAddress& resolver) {
  const auto at = behind_.find(network);
  if (at == behind_.end()) return;
  std::erase(at->second, resolver);
  if (at->second.empty()) behind_.erase(at);
}

std::optional<IpAddress> ResolverClients::network_of(const Prefix& about) const {
  const unsigned bits = length(about.ip);
  return about.length >= bits ? std::optional(masked(about.ip, bits)) : std::nullopt;
}

std::span<const IpAddress> ResolverClients::behind(const IpAddress& network) const {
  const auto at = behind_.find(network);
  return at == behind_.end() ? std::span<const IpAddress>() : std::span(at->second);
}

void ResolverClients::seen(const IpAddress& resolver, const IpAddress& client, MonoTime now) {
  if (now + kBackwards < now_) {
    ++counters_.refused;
    return;
  }
  now_ = std::max(now_, now);
  Resolver& r = resolver_of(resolver, now_);
  const auto bits = static_cast<std::uint8_t>(length(client));
  const Prefix prefix{masked(client, bits), bits};
  const auto known = std::ranges::find(r.networks, prefix, &Network::prefix);
  if (known != r.networks.end() && now_ - known->at < options_.again) {
    ++counters_.limited;
    return;
  }
  ++counters_.seen;
  const double factor = decay(r, now_);
  r.at = now_;
  r.total = r.total * factor + 1;
  for (Network& n : r.networks) {
    n.count *= factor;
    n.over *= factor;
  }
  if (known != r.networks.end()) {
    ++known->count;
    known->at = now_;
    return;
  }
  stands_behind(prefix.ip, r.address);
  if (r.networks.size() < options_.networks) {
    r.networks.push_back({prefix, 1, 0, now_});
    return;
  }
  // Space-Saving (Metwally, Agrawal, El Abbadi, ICDT 2005): in the place of the least frequent one, whose
  // count may all have been this one's.
  ++counters_.replaced;
  Network& least = *std::ranges::min_element(r.networks, {}, &Network::count);
  left(least.prefix.ip, r.address);
  least = {prefix, least.count + 1, least.count, now_};
}

std::vector<ResolverClients::Share> ResolverClients::shares(const IpAddress& resolver, MonoTime now) const {
  const auto found = by_address_.find(resolver);
  if (found == by_address_.end()) return {};
  const Resolver& r = *found->second;
  // All have decayed alike since: shares have not changed. What has decayed to nothing tells nothing.
  if (r.total * decay(r, now) < 1e-3) return {};
  std::vector<Share> out;
  out.reserve(r.networks.size());
  for (const Network& n : r.networks) out.push_back({n.prefix, (n.count - n.over) / r.total});
  std::ranges::stable_sort(out, [](const Share& a, const Share& b) { return a.share > b.share; });
  return out;
}

double ResolverClients::weight(const IpAddress& resolver, MonoTime now) const {
  const auto found = by_address_.find(resolver);
  return found == by_address_.end() ? 0 : found->second->total * decay(*found->second, now);
}

}  // namespace flagfall::director
