#include "master/known_networks.hh"

#include <algorithm>
#include <bit>
#include <span>

namespace flagfall::master {
namespace {

constexpr std::uint64_t kMinuteBits = 0xffff;
constexpr std::uint64_t kForMinutes = KnownNetworks::kFor / std::chrono::minutes(1);

/// From 1 to 65,535, round and round: 45 days.
std::uint64_t minute_of(MonoTime now) {
  return 1 + static_cast<std::uint64_t>(now.time_since_epoch() / std::chrono::minutes(1)) % kMinuteBits;
}
std::uint64_t age(std::uint64_t slot, std::uint64_t minute) {
  return (minute + kMinuteBits - (slot & kMinuteBits)) % kMinuteBits;
}

}  // namespace

KnownNetworks::KnownNetworks(unsigned prefix_v4, unsigned prefix_v6, Random& random, std::size_t room)
    : prefix_v4_(prefix_v4),
      prefix_v6_(prefix_v6),
      hash_(random),
      slots_(std::bit_ceil(std::max(room, kWays))) {}

IpAddress KnownNetworks::network(const IpAddress& client) const noexcept {
  return masked(client, client.family == Family::v4 ? prefix_v4_ : prefix_v6_);
}

std::uint64_t KnownNetworks::key(std::uint16_t service, const IpAddress& client) const noexcept {
  const IpAddress network = this->network(client);
  const std::uint64_t state =
      hash_.mix(hash_.start(), std::uint64_t{service} << 8 | static_cast<std::uint64_t>(network.family));
  return hash_.finish(hash_.mix(state, network.bytes()));
}

bool KnownNetworks::knows(std::uint16_t service, const IpAddress& client, MonoTime now) const noexcept {
  const std::uint64_t key = this->key(service, client);
  const std::uint64_t minute = minute_of(now);
  const std::size_t set = (key >> 16 & (slots_.size() / kWays - 1)) * kWays;
  for (std::size_t i = set; i < set + kWays; ++i) {
    const std::uint64_t slot = slots_[i].load(std::memory_order_relaxed);
    if ((slot & ~kMinuteBits) == (key & ~kMinuteBits) && slot != 0) return age(slot, minute) <= kForMinutes;
  }
  return false;
}

void KnownNetworks::learn(std::uint16_t service, const IpAddress& client, MonoTime now) noexcept {
  const std::uint64_t key = this->key(service, client);
  const std::uint64_t minute = minute_of(now);
  const auto set = std::span(slots_).subspan((key >> 16 & (slots_.size() / kWays - 1)) * kWays, kWays);
  // The same one, a free one, or the oldest.
  auto* best = set.data();
  std::uint64_t best_rank = 0;
  for (auto& entry : set) {
    const std::uint64_t slot = entry.load(std::memory_order_relaxed);
    const bool same = slot != 0 && (slot & ~kMinuteBits) == (key & ~kMinuteBits);
    const std::uint64_t rank = same ? 2 * kMinuteBits : slot == 0 ? kMinuteBits : age(slot, minute);
    if (rank < best_rank) continue;
    best = &entry;
    best_rank = rank;
  }
  best->store((key & ~kMinuteBits) | minute, std::memory_order_relaxed);
}

void KnownNetworks::finished(const race::FinishedRace& race) {
  if (race.verdict) learn(race.service, race.client.ip, race.received);
}

}  // namespace flagfall::master
