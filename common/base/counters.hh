// Counters that one thread writes and others read: an increment is one plain
// add, no lock and no atomic read-modify-write. A set of counters is a struct of
// them with a `for_each` that names each.
#pragma once

#include <atomic>
#include <cstdint>

namespace flagfall {

class Counter {
 public:
  /// Only the owner thread.
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  Counter& operator++() {
    add();
    return *this;
  }
  /// Any thread.
  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace flagfall
