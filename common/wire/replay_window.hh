// Which counters of one channel were seen (in the manner of RFC 4303 §3.4.3): the
// newest, and a bitmap of the ones before it. Pure; the owner asks `fresh` before
// the cryptography and calls `mark` only for what was authentic.
#pragma once

#include <array>
#include <cstdint>

namespace flagfall::wire {

class ReplayWindow {
 public:
  /// Reordering that passes. A request loop sends at most some 10,000 datagrams a
  /// second to a slave, so this is at least 0.2 s: more than paths reorder by.
  static constexpr std::uint64_t kSize = 2048;

  /// Not seen yet, and not too old to tell.
  [[nodiscard]] bool fresh(std::uint64_t counter) const {
    if (counter == kLast) return false;
    if (counter >= next_) return true;
    if (next_ - counter > kSize) return false;
    return (word(counter) & bit(counter)) == 0;
  }

  /// `counter` has come. Only after fresh() said yes.
  void mark(std::uint64_t counter) {
    if (counter >= next_) advance(counter);
    word(counter) |= bit(counter);
  }

 private:
  /// Never used by a sender: `next_` would wrap and forget everything.
  static constexpr std::uint64_t kLast = ~std::uint64_t{0};
  static constexpr std::uint64_t kWords = kSize / 64;
  static constexpr std::uint64_t bit(std::uint64_t counter) { return std::uint64_t{1} << (counter % 64); }
  [[nodiscard]] std::uint64_t& word(std::uint64_t counter) { return bits_[counter / 64 % kWords]; }
  [[nodiscard]] const std::uint64_t& word(std::uint64_t counter) const {
    return bits_[counter / 64 % kWords];
  }

  /// The ring turns: bits of counters that fall out become those of the new ones.
  void advance(std::uint64_t counter) {
    if (counter - next_ >= kSize) {
      bits_.fill(0);
    } else {
      // A word at a time would be faster, but steps of one are the rule.
      for (std::uint64_t c = next_; c <= counter; ++c) word(c) &= ~bit(c);
    }
    next_ = counter + 1;
  }

  std::array<std::uint64_t, kWords> bits_{};
  std::uint64_t next_ = 0;  // the newest counter plus one; 0 before any
};

}  // namespace flagfall::wire
