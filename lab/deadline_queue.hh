// Things that wait for their instant: out they come in the order of their
// deadlines, and in the order they came in where deadlines are equal. A binary
// heap in storage that is reserved once. One thread owns it; it reads no clock.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/time.hh"

namespace flagfall::lab {

template <class Item>
class DeadlineQueue {
 public:
  explicit DeadlineQueue(std::size_t capacity) : capacity_(capacity) { heap_.reserve(capacity); }

  [[nodiscard]] bool full() const { return heap_.size() == capacity_; }
  [[nodiscard]] bool empty() const { return heap_.empty(); }
  [[nodiscard]] std::size_t size() const { return heap_.size(); }

  /// Not when full().
  void push(MonoTime deadline, Item item) {
    assert(!full());
    heap_.push_back({deadline, count_++, item});
    std::push_heap(heap_.begin(), heap_.end(), Later{});
  }
  /// The earliest deadline; none when empty.
  [[nodiscard]] std::optional<MonoTime> next_deadline() const {
    if (heap_.empty()) return std::nullopt;
    return heap_.front().deadline;
  }
  struct Due {
    MonoTime deadline;
    Item item;
  };
  /// The earliest, if it is due at `now`.
  std::optional<Due> pop_due(MonoTime now) {
    if (heap_.empty() || heap_.front().deadline > now) return std::nullopt;
    std::pop_heap(heap_.begin(), heap_.end(), Later{});
    const Due due{heap_.back().deadline, heap_.back().item};
    heap_.pop_back();
    return due;
  }

 private:
  struct Entry {
    MonoTime deadline;
    std::uint64_t count = 0;
    Item item;
  };
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const {
      return a.deadline != b.deadline ? a.deadline > b.deadline : a.count > b.count;
    }
  };
  std::vector<Entry> heap_;
  std::size_t capacity_;
  std::uint64_t count_ = 0;
};

}  // namespace flagfall::lab
