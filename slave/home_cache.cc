#include "slave/home_cache.hh"

#include <algorithm>
#include <bit>
#include <utility>

namespace flagfall::slave {

HomeCache::HomeCache(std::size_t room, Random& random)
    : hash_(random), slots_(std::bit_ceil(std::max(room, kWays))) {}

std::size_t HomeCache::set_of(std::uint32_t service, const IpAddress& network, unsigned length) const {
  std::uint64_t state = hash_.mix(hash_.start(), std::uint64_t{service} << 16 | length);
  state = hash_.finish(hash_.mix(state, network.bytes()));
  return (state & (slots_.size() / kWays - 1)) * kWays;
}

void HomeCache::put(std::uint32_t service, const IpAddress& client, unsigned length, Home home,
                    MonoTime until) {
  length = std::min(length, client.family == Family::v4 ? 32U : 128U);
  const IpAddress network = masked(client, length);
  Slot* const set = &slots_[set_of(service, network, length)];
  Slot* slot =
      std::find_if(set, set + kWays, [&](const Slot& s) { return same(s, service, network, length); });
  if (slot == set + kWays)
    slot = std::min_element(set, set + kWays, [](const Slot& a, const Slot& b) {
      return std::pair(a.used, a.until) < std::pair(b.used, b.until);
    });
  if (slot->used) --count(*slot);
  *slot = {network, service, static_cast<std::uint8_t>(length), true, until, std::move(home)};
  ++count(*slot);
}

const HomeCache::Home* HomeCache::find(std::uint32_t service, const IpAddress& client, MonoTime now) const {
  const bool v4 = client.family == Family::v4;
  const auto& counts = counts_.at(v4 ? 0 : 1);
  for (unsigned length = v4 ? 33 : kLengths; length-- > 0;) {
    if (counts.at(length) == 0) continue;
    const IpAddress network = masked(client, length);
    const Slot* const set = &slots_[set_of(service, network, length)];
    for (const Slot* slot = set; slot != set + kWays; ++slot)
      if (slot->until > now && same(*slot, service, network, length)) return &slot->home;
  }
  return nullptr;
}

void HomeCache::clear() {
  std::ranges::fill(slots_, Slot());
  counts_ = {};
}

}  // namespace flagfall::slave
