// Client networks as keys: an address's first bits, hashed with a seed that strangers do not know.
#pragma once

#include <array>
#include <cstring>

#include "common/base/hash.hh"
#include "common/base/ip.hh"

namespace flagfall {

class NetworkHash {
 public:
  /// The prefix lengths of a network, by family.
  NetworkHash(unsigned prefix_v4, unsigned prefix_v6, Random& random)
      : mask_v4_(mask_of(Family::v4, prefix_v4)), mask_v6_(mask_of(Family::v6, prefix_v6)), hash_(random) {}

  [[nodiscard]] std::uint64_t operator()(const IpAddress& client) const noexcept {
    const Words& mask = client.family == Family::v4 ? mask_v4_ : mask_v6_;
    const Words words = words_of(client);
    std::uint64_t state = hash_.mix(hash_.start(), static_cast<std::uint64_t>(client.family));
    state = hash_.mix(state, words[0] & mask[0]);
    return hash_.finish(hash_.mix(state, words[1] & mask[1]));
  }

 private:
  using Words = std::array<std::uint64_t, 2>;
  static Words words_of(const IpAddress& ip) {
    Words words{};
    std::memcpy(words.data(), ip.octets.data(), sizeof words);
    return words;
  }
  static Words mask_of(Family family, unsigned length) {
    IpAddress ones{{}, family};
    ones.octets.fill(0xff);
    return words_of(masked(ones, length));
  }
  Words mask_v4_;
  Words mask_v6_;
  SeededHash hash_;
};

}  // namespace flagfall
