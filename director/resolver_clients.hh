// Which client networks stand behind a resolver: learned when a client is seen again under a unique name that
// the resolver asked for (a beacon, a Host, an SNI). The most frequent few of each resolver, with shares that
// decay. Pure, one owner thread; no cluster is credited here (client_credit.hh).
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/base/counters.hh"
#include "common/base/hash.hh"
#include "common/base/ip.hh"
#include "common/base/random.hh"
#include "common/base/time.hh"

namespace flagfall::director {

struct ResolverClientsOptions {
  unsigned length_v4 = 24, length_v6 = 56;   // of client networks
  std::size_t resolvers = 100'000;           // at most; the longest unheard one is dropped
  std::size_t networks = 16;                 // of one resolver at most; the rest is known as a share only
  Nanos half_life = std::chrono::hours(24);  // of what was seen
  Nanos again{};                             // one network counts for one resolver only once within this
};

struct ResolverClientsCounters {
  Counter seen, replaced, evicted, refused, limited;
  template <class F>
  void for_each(F f) const {
    f("seen", seen);
    f("replaced", replaced);
    f("evicted", evicted);
    f("refused", refused);
    f("limited", limited);
  }
};

class ResolverClients {
 public:
  /// Resolvers of one network that it is remembered for; behind() knows no more.
  static constexpr std::size_t kMostBehind = 32;

  struct Share {
    Prefix network;
    double share = 0;  // of all that was seen behind this resolver; never more than the truth
  };

  ResolverClients(const ResolverClientsOptions& options, Random& random);

  /// This client came under a name that only this resolver asked for. A time more than a second before the
  /// last one is refused and counted.
  void seen(const IpAddress& resolver, const IpAddress& client, MonoTime now);
  /// Largest first; empty: nothing is known of it. What is missing to 1 is spread over networks too many to
  /// tell.
  [[nodiscard]] std::vector<Share> shares(const IpAddress& resolver, MonoTime now) const;
  /// How much was seen, decayed: what the shares rest on.
  [[nodiscard]] double weight(const IpAddress& resolver, MonoTime now) const;
  /// The network of the map that this is, or lies in; none: it is wider.
  [[nodiscard]] std::optional<IpAddress> network_of(const Prefix& about) const;
  /// Resolvers that this network's clients use, kMostBehind at most. Until the next seen().
  [[nodiscard]] std::span<const IpAddress> behind(const IpAddress& network) const;
  [[nodiscard]] std::size_t size() const { return by_address_.size(); }
  [[nodiscard]] const ResolverClientsCounters& counters() const { return counters_; }

 private:
  struct Network {
    Prefix prefix;
    double count = 0;  // as of the resolver's `at`
    double over = 0;   // of it so much may be another's (Space-Saving)
    MonoTime at;       // when it was counted last
  };
  struct Resolver {
    IpAddress address;
    MonoTime at;  // when the counts were decayed last
    double total = 0;
    std::vector<Network> networks;
  };
  struct Hash {
    SeededHash hash;
    std::size_t operator()(const IpAddress& ip) const {
      return hash.finish(hash.mix(hash.start(), ip.bytes()));
    }
  };
  using List = std::list<Resolver>;

  [[nodiscard]] double decay(const Resolver& resolver, MonoTime now) const;
  Resolver& resolver_of(const IpAddress& address, MonoTime now);
  [[nodiscard]] unsigned length(const IpAddress& ip) const {
    return ip.family == Family::v4 ? options_.length_v4 : options_.length_v6;
  }
  void stands_behind(const IpAddress& network, const IpAddress& resolver);
  void left(const IpAddress& network, const IpAddress& resolver);

  ResolverClientsOptions options_;
  List resolvers_;  // the last heard first
  std::unordered_map<IpAddress, List::iterator, Hash> by_address_;
  std::unordered_map<IpAddress, std::vector<IpAddress>, Hash> behind_;  // resolvers by their networks
  ResolverClientsCounters counters_;
  MonoTime now_;
};

}  // namespace flagfall::director
