// Which client networks the control thread shall hear of: each now and then, so that known ones do not age
// and new ones are known, with how many queries it has had since; at a rate that no flood of invented sources
// drives up. Pure; one object a loop; fixed size.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "common/base/hash.hh"
#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "common/base/token_bucket.hh"

namespace flagfall::master {

class AskedNetworks {
 public:
  /// A network is not told again within this;
  static constexpr Nanos kAgain = std::chrono::seconds(20);
  /// or within this, for services whose servers have limits.
  static constexpr Nanos kAgainCounted = std::chrono::seconds(2);
  /// Told in a second at most, by one loop: a fraction of what its ring holds.
  static constexpr double kRate = 4000;
  /// Queries of known networks that are looked at in a second at most, and of services whose servers have
  /// limits: a look is a cache miss here, and some more at the control thread.
  static constexpr double kLooks = 250;
  static constexpr double kLooksCounted = 2000;

  explicit AskedNetworks(Random& random) : hash_(random), slots_(kSlots) {}

  /// Whether the network of this client shall be told of now: /24 and /56, as nothing finer is bound unasked.
  /// 0: no; otherwise its queries since the last time, this one included. A query of a `known` network that
  /// is looked at stands for those before it that were not. `counted`: the service's servers have limits.
  std::uint32_t tell(std::uint16_t service, const IpAddress& client, bool known, MonoTime now,
                     bool counted = false) noexcept {
    Looks& looks = counted ? looks_counted_ : looks_;
    const std::uint32_t stands_for = known ? looks.take(now) : 1;
    if (stands_for == 0) return 0;
    const IpAddress network = masked(client, client.family == Family::v4 ? 24 : 56);
    const std::uint64_t key = hash_.finish(hash_.mix(hash_.mix(hash_.start(), service), network.bytes()));
    Slot& slot = slots_[key & (kSlots - 1)];
    const bool same = slot.key == key;
    if (same) slot.queries += stands_for;
    if (same && now - slot.told < (counted ? kAgainCounted : kAgain)) return 0;
    if (!bucket_.may_take(budget_, now)) return 0;
    budget_ = bucket_.take(budget_, now);
    const std::uint32_t queries = same ? slot.queries : stands_for;
    slot = {key, now, 0};
    return queries;
  }

 private:
  static constexpr std::size_t kSlots = 65536;
  struct Slot {
    std::uint64_t key = 0;
    MonoTime told;
    std::uint32_t queries = 0;  // since then
  };
  struct Looks {
    TokenBucket bucket;
    MonoTime budget;
    std::uint32_t queries = 0;  // since the last look

    /// 0, or how many queries this one stands for.
    std::uint32_t take(MonoTime now) noexcept {
      ++queries;
      if (!bucket.may_take(budget, now)) return 0;
      budget = bucket.take(budget, now);
      return std::exchange(queries, 0);
    }
  };
  SeededHash hash_;
  std::vector<Slot> slots_;
  TokenBucket bucket_{BucketLimit{kRate, kRate}};
  MonoTime budget_;
  Looks looks_{TokenBucket({kLooks, 1}), {}};
  Looks looks_counted_{TokenBucket({kLooksCounted, 1}), {}};
};

}  // namespace flagfall::master
