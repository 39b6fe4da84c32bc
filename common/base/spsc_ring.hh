// A ring between two threads: one pushes, one pops, nobody locks or allocates.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <type_traits>
#include <vector>

namespace flagfall {

template <class T>
class SpscRing {  // NOLINT(clang-analyzer-optin.performance.Padding): two threads, two cache lines
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  /// Room for `least` entries, or up to the next power of two.
  explicit SpscRing(std::size_t least) : slots_(std::bit_ceil(least)), mask_(slots_.size() - 1) {}

  /// Producer. False when full.
  bool push(T value) {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) == slots_.size()) return false;
    slots_[tail & mask_] = value;
    // Sequentially consistent: a consumer that announces its sleep and then finds
    // the ring empty, and a producer that pushes and then looks for a sleeper,
    // cannot both miss each other.
    tail_.store(tail + 1, std::memory_order_seq_cst);
    return true;
  }
  /// Consumer. False when empty.
  bool pop(T& value) {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_acquire)) return false;
    value = slots_[head & mask_];
    head_.store(head + 1, std::memory_order_release);
    return true;
  }
  /// Consumer.
  [[nodiscard]] bool empty() const {
    return head_.load(std::memory_order_relaxed) == tail_.load(std::memory_order_seq_cst);
  }

 private:
  static constexpr std::size_t kCacheLine = 64;
  std::vector<T> slots_;
  std::size_t mask_;
  alignas(kCacheLine) std::atomic<std::size_t> head_{0};
  alignas(kCacheLine) std::atomic<std::size_t> tail_{0};
};

}  // namespace flagfall
