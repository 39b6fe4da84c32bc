// A seeded 64-bit hash for tables that strangers fill: who does not know the
// seed cannot choose keys that meet. Not for authentication.
#pragma once

#include <cstdint>
#include <cstring>

#include "common/base/bytes.hh"
#include "common/base/random.hh"

namespace flagfall {

class SeededHash {
 public:
  explicit SeededHash(Random& random) : seed_(random.next()), odd_(random.next() | 1) {}

  /// Words one by one, then `finish`: what fixed-size keys use.
  [[nodiscard]] std::uint64_t start() const { return seed_; }
  [[nodiscard]] std::uint64_t mix(std::uint64_t state, std::uint64_t word) const {
    return fold(state ^ word, odd_);
  }
  [[nodiscard]] std::uint64_t finish(std::uint64_t state) const { return fold(state ^ kPi, odd_ ^ seed_); }

  [[nodiscard]] std::uint64_t mix(std::uint64_t state, Bytes bytes) const {
    state = mix(state, bytes.size());
    while (!bytes.empty()) {
      std::uint64_t word = 0;
      const std::size_t n = bytes.size() < sizeof word ? bytes.size() : sizeof word;
      std::memcpy(&word, bytes.data(), n);
      state = mix(state, word);
      bytes = bytes.subspan(n);
    }
    return state;
  }

 private:
  static constexpr std::uint64_t kPi = 0x243f6a8885a308d3U;  // fractional digits of pi: nothing up our sleeve
  __extension__ using Wide = unsigned __int128;
  /// Both halves of the product, so that every input bit reaches every output bit.
  static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    const Wide product = static_cast<Wide>(a + kPi) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64) ^ a;
  }
  std::uint64_t seed_;
  std::uint64_t odd_;
};

}  // namespace flagfall
