// Remembers which questions were raced a moment ago: who asks the same again
// within the window heard nothing, and is answered by the master itself. The
// window counts from the race and is not renewed, so a client that keeps asking
// races once a window. How long it is, is asked at the retry: it may have grown
// since the race (see snapshot.hh, kDropRetry). Pure, of fixed size, one owner;
// steering brings all queries of an address to one loop.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/base/hash.hh"
#include "common/base/ip.hh"
#include "common/base/time.hh"

namespace flagfall::master {

class RetryMemory {
 public:
  static constexpr std::size_t kWays = 4;
  static constexpr std::size_t kMost = std::size_t{1} << 20;

  /// `races`: the most that the guard lets through in the longest window. Beyond kMost/8
  /// of them the oldest are forgotten early: such a retry is raced once more.
  RetryMemory(double races, Random& random);

  /// What is the same for a question and its retry: address (not the port), name
  /// (`name` in lower-case wire form), type.
  [[nodiscard]] std::uint64_t key(const IpAddress& client, Bytes name, std::uint16_t type) const noexcept;
  [[nodiscard]] bool raced_recently(std::uint64_t key, MonoTime now, Nanos window) const noexcept;
  void remember(std::uint64_t key, MonoTime now) noexcept;

 private:
  struct Slot {
    std::uint64_t key = 0;
    MonoTime raced = MonoTime::min();
  };
  /// One cache line: a look is one access to memory, as the table is larger than a cache.
  struct alignas(64) Set {
    std::array<Slot, kWays> slots;
  };
  [[nodiscard]] std::size_t set_of(std::uint64_t key) const { return key & (sets_.size() - 1); }

  SeededHash hash_;
  std::vector<Set> sets_;
};

}  // namespace flagfall::master
