// Who was sent on from here lately, and for what: whoever comes back for the same stays. So two sites that
// disagree cannot send a client to and fro, and a server that a client cannot reach locks it out of nothing.
// A fixed table that forgets its oldest. Pure; one owner thread.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

#include "common/base/hash.hh"
#include "common/base/ip.hh"
#include "common/base/random.hh"
#include "common/base/time.hh"

namespace flagfall::slave {

class SentAway {
 public:
  /// Who comes back within `stay` stays. `room`: how many are remembered, rounded up to a power of two.
  SentAway(Nanos stay, std::size_t room, Random& random)
      : stay_(stay), hash_(random), slots_(std::bit_ceil(std::max(room, kWays))) {}

  /// Of one client and one target. Two with the same 64 bits are one: then somebody is served here.
  [[nodiscard]] std::uint64_t key(const IpAddress& client, std::uint32_t service,
                                  std::string_view path) const {
    std::uint64_t state = hash_.mix(hash_.start(), service);
    state = hash_.mix(state, client.bytes());
    return hash_.finish(hash_.mix(state, as_bytes(path)));
  }
  [[nodiscard]] bool lately(std::uint64_t key, MonoTime now) const {
    const Slot* const set = &slots_[set_of(key)];
    return std::any_of(set, set + kWays,
                       [&](const Slot& s) { return s.used && s.key == key && now - s.at < stay_; });
  }
  void note(std::uint64_t key, MonoTime now) {
    Slot* const set = &slots_[set_of(key)];
    Slot* slot = std::find_if(set, set + kWays, [&](const Slot& s) { return s.used && s.key == key; });
    if (slot == set + kWays)
      slot = std::min_element(set, set + kWays, [](const Slot& a, const Slot& b) {
        return std::pair(a.used, a.at) < std::pair(b.used, b.at);
      });
    *slot = {key, now, true};
  }

 private:
  static constexpr std::size_t kWays = 4;
  struct Slot {
    std::uint64_t key = 0;
    MonoTime at;
    bool used = false;
  };
  [[nodiscard]] std::size_t set_of(std::uint64_t key) const {
    return (key & (slots_.size() / kWays - 1)) * kWays;
  }
  Nanos stay_;
  SeededHash hash_;
  std::vector<Slot> slots_;
};

}  // namespace flagfall::slave
