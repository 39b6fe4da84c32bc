// Which client networks stand behind a resolver: learned when a client is seen again under a unique name that
// the resolver asked for (a beacon, a Host, an SNI). The most frequent few of each resolver, with shares that
// decay. Pure, one owner thread; no cluster is credited here.
#pragma once

#include <cstdint>
#include <list>
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
};

struct ResolverClientsCounters {
  Counter seen, replaced, evicted, refused;
  template <class F>
  void for_each(F f) const {
    f("seen", seen);
    f("replaced", replaced);
    f("evicted", evicted);
    f("refused", refused);
  }
};

class ResolverClients {
 public:
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
  [[nodiscard]] std::size_t size() const { return by_address_.size(); }
  [[nodiscard]] const ResolverClientsCounters& counters() const { return counters_; }

 private:
  struct Network {
    Prefix prefix;
    double count = 0;  // as of the resolver's `at`
    double over = 0;   // of it so much may be another's (Space-Saving)
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

  ResolverClientsOptions options_;
  List resolvers_;  // the last heard first
  std::unordered_map<IpAddress, List::iterator, Hash> by_address_;
  ResolverClientsCounters counters_;
  MonoTime now_;
};

}  // namespace flagfall::director
