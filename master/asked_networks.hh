// Which client networks the control thread shall hear of: each now and then, so that known ones do not age
// and new ones are known, with how many queries it has had since; at a rate that no flood of invented sources
// drives up. Pure; one object a loop; fixed size.
#pragma once

#include <cstdint>
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
  static constexpr Nanos again(bool counted) { return counted ? kAgainCounted : kAgain; }
  /// Told in a second at most, by one loop: a fraction of what its ring holds.
  static constexpr double kRate = 4000;

  explicit AskedNetworks(Random& random) : hash_(random), slots_(kSlots) {}

  /// Whether the network of this client shall be told of now: /24 and /56, as nothing finer is bound unasked.
  /// 0: no; otherwise its queries since the last time, this one included. Of networks that are `known` only
  /// one query in sixteen is looked at, and stands for all sixteen: a look is a cache miss.
  std::uint32_t tell(std::uint16_t service, const IpAddress& client, bool known, MonoTime now,
                     Nanos again = kAgain) noexcept {
    if (known && (++turn_ & 15U) != 0) return 0;
    const std::uint32_t stands_for = known ? 16 : 1;
    const IpAddress network = masked(client, client.family == Family::v4 ? 24 : 56);
    const std::uint64_t key = hash_.finish(hash_.mix(hash_.mix(hash_.start(), service), network.bytes()));
    Slot& slot = slots_[key & (kSlots - 1)];
    const bool same = slot.key == key;
    if (same) slot.queries += stands_for;
    if (same && now - slot.told < again) return 0;
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
  SeededHash hash_;
  std::vector<Slot> slots_;
  TokenBucket bucket_{BucketLimit{kRate, kRate}};
  MonoTime budget_;
  std::uint32_t turn_ = 0;
};

}  // namespace flagfall::master
