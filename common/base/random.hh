// Randomness as an argument: the kernel's in production, a seed in tests.
#pragma once

#include <array>
#include <cstdint>

namespace flagfall {

class Random {
 public:
  virtual ~Random() = default;
  /// 64 uniform bits.
  virtual std::uint64_t next() = 0;
  /// Uniform in [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

 protected:
  Random() = default;
  Random(const Random&) = default;
  Random& operator=(const Random&) = default;
};

/// getrandom(2), buffered; fit for cookies and identifiers. One owner thread.
class SystemRandom final : public Random {
 public:
  std::uint64_t next() override;

 private:
  std::array<std::uint64_t, 64> pool_{};
  std::size_t left_ = 0;
};

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): the same seed, the same run.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() override {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

}  // namespace flagfall
