#include "master/retry_memory.hh"

#include <algorithm>
#include <bit>
#include <cstring>

namespace flagfall::master {

RetryMemory::RetryMemory(double races, Random& random)
    : hash_(random),
      slots_(std::bit_ceil(
          static_cast<std::size_t>(std::clamp(races * 4, 1024.0, static_cast<double>(kMost))))) {}

std::uint64_t RetryMemory::key(const IpAddress& client, Bytes name, std::uint16_t type) const noexcept {
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), client.octets.data(), sizeof words);
  std::uint64_t state =
      hash_.mix(hash_.start(), (std::uint64_t{type} << 8) | static_cast<std::uint8_t>(client.family));
  state = hash_.mix(hash_.mix(state, words[0]), words[1]);
  return hash_.finish(hash_.mix(state, name));
}

bool RetryMemory::raced_recently(std::uint64_t key, MonoTime now) const noexcept {
  const Slot* const set = &slots_[set_of(key)];
  return std::any_of(set, set + kWays, [&](const Slot& s) { return s.key == key && s.until > now; });
}

void RetryMemory::remember(std::uint64_t key, MonoTime now, Nanos window) noexcept {
  Slot* const set = &slots_[set_of(key)];
  Slot* oldest = set;
  for (Slot* slot = set; slot != set + kWays; ++slot) {
    if (slot->key == key) {
      oldest = slot;
      break;
    }
    if (slot->until < oldest->until) oldest = slot;
  }
  *oldest = {key, now + window};
}

}  // namespace flagfall::master
