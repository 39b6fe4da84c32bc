// A list with numbers that stay: entries come at the back, the oldest go at the
// front, and an index means the same entry as long as that is there.
#pragma once

#include <cassert>
#include <cstddef>
#include <deque>

namespace flagfall::sim {

template <class T>
class Window {
 public:
  T& emplace_back() { return entries_.emplace_back(); }
  void pop_front() {
    entries_.pop_front();
    ++first_;
  }
  /// The number of the oldest entry, and of the next one to come.
  [[nodiscard]] std::size_t first() const { return first_; }
  [[nodiscard]] std::size_t size() const { return first_ + entries_.size(); }
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] bool holds(std::size_t index) const { return index >= first_ && index < size(); }

  T& operator[](std::size_t index) {
    assert(holds(index));
    return entries_[index - first_];
  }
  const T& operator[](std::size_t index) const {
    assert(holds(index));
    return entries_[index - first_];
  }
  T& front() { return entries_.front(); }
  auto begin() { return entries_.begin(); }
  auto end() { return entries_.end(); }
  auto rbegin() { return entries_.rbegin(); }
  auto rend() { return entries_.rend(); }

 private:
  std::deque<T> entries_;
  std::size_t first_ = 0;
};

}  // namespace flagfall::sim
