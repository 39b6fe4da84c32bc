#include "master/retry_memory.hh"

#include <algorithm>
#include <bit>
#include <cstring>

namespace flagfall::master {

RetryMemory::RetryMemory(double races, Random& random)
    : hash_(random),
      sets_(
          std::bit_ceil(static_cast<std::size_t>(std::clamp(races * 8, 1024.0, static_cast<double>(kMost)))) /
          kWays) {}

std::uint64_t RetryMemory::key(const IpAddress& client, Bytes name, std::uint16_t type) const noexcept {
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), client.octets.data(), sizeof words);
  std::uint64_t state =
      hash_.mix(hash_.start(), (std::uint64_t{type} << 8) | static_cast<std::uint8_t>(client.family));
  state = hash_.mix(hash_.mix(state, words[0]), words[1]);
  return hash_.finish(hash_.mix(state, name));
}

bool RetryMemory::raced_recently(std::uint64_t key, MonoTime now, Nanos window) const noexcept {
  return std::ranges::any_of(sets_[set_of(key)].slots,
                             [&](const Slot& s) { return s.key == key && s.raced + window > now; });
}

void RetryMemory::remember(std::uint64_t key, MonoTime now) noexcept {
  auto& slots = sets_[set_of(key)].slots;
  auto* const same = std::ranges::find(slots, key, &Slot::key);
  Slot& slot = same != slots.end() ? *same : *std::ranges::min_element(slots, {}, &Slot::raced);
  slot = {key, now};
}

}  // namespace flagfall::master
