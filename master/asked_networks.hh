// Which client networks the control thread shall hear of: each now and then, so that known ones do not age
// and new ones are known, at a rate that no flood of invented sources drives up. Pure; one object a loop;
// fixed size.
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
  /// A network is not told again within this.
  static constexpr Nanos kAgain = std::chrono::seconds(20);
  /// Told in a second at most, by one loop: a fraction of what its ring holds.
  static constexpr double kRate = 4000;

  explicit AskedNetworks(Random& random) : hash_(random), slots_(kSlots) {}

  /// Whether the network of this client shall be told of now: /24 and /56, as nothing finer is bound unasked.
  /// Of networks that are `known` only one query in sixteen is looked at: a look is a cache miss.
  bool tell(std::uint16_t service, const IpAddress& client, bool known, MonoTime now) noexcept {
    if (known && (++turn_ & 15U) != 0) return false;
    const IpAddress network = masked(client, client.family == Family::v4 ? 24 : 56);
    const std::uint64_t key = hash_.finish(hash_.mix(hash_.mix(hash_.start(), service), network.bytes()));
    Slot& slot = slots_[key & (kSlots - 1)];
    if (slot.key == key && now - slot.told < kAgain) return false;
    if (!bucket_.may_take(budget_, now)) return false;
    budget_ = bucket_.take(budget_, now);
    slot = {key, now};
    return true;
  }

 private:
  static constexpr std::size_t kSlots = 65536;
  struct Slot {
    std::uint64_t key = 0;
    MonoTime told;
  };
  SeededHash hash_;
  std::vector<Slot> slots_;
  TokenBucket bucket_{BucketLimit{kRate, kRate}};
  MonoTime budget_;
  std::uint32_t turn_ = 0;
};

}  // namespace flagfall::master
