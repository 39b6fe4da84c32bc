// Pending shots, the nearest deadline first; first come, first served among
// equals. Pure; nothing allocates after construction. One owner thread.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/time.hh"

namespace flagfall::slave {

class DeadlineQueue {
 public:
  explicit DeadlineQueue(std::size_t capacity) { heap_.reserve(capacity); }

  /// There must be room.
  void add(MonoTime due, std::uint32_t shot) {
    assert(heap_.size() < heap_.capacity());
    heap_.push_back({due, order_++, shot});
    std::ranges::push_heap(heap_, Later());
  }
  [[nodiscard]] bool empty() const { return heap_.empty(); }
  [[nodiscard]] std::size_t size() const { return heap_.size(); }
  /// The nearest deadline; the queue must not be empty.
  [[nodiscard]] MonoTime next() const {
    assert(!heap_.empty());
    return heap_.front().due;
  }
  /// Takes the shots that are due at `until` or before, nearest first, as many as `out` holds.
  std::size_t take(MonoTime until, std::span<std::uint32_t> out) {
    std::size_t n = 0;
    while (n < out.size() && !heap_.empty() && heap_.front().due <= until) {
      out[n++] = heap_.front().shot;
      std::ranges::pop_heap(heap_, Later());
      heap_.pop_back();
    }
    return n;
  }

 private:
  struct Entry {
    MonoTime due;
    std::uint64_t order;
    std::uint32_t shot;
  };
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const {
      return a.due != b.due ? a.due > b.due : a.order > b.order;
    }
  };
  std::vector<Entry> heap_;
  std::uint64_t order_ = 0;
};

}  // namespace flagfall::slave
