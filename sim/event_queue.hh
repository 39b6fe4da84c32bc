// Virtual time: what is to happen, in the order of time and, within one moment,
// in the order in which it was asked for. So a run depends on nothing but its
// input. One thread.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <functional>
#include <vector>

#include "common/base/time.hh"

namespace flagfall::sim {

class EventQueue {
 public:
  using Action = std::function<void()>;

  explicit EventQueue(RefTime start) : now_(start) {}

  /// The true time: reference time without any error.
  [[nodiscard]] RefTime now() const { return now_; }

  /// A time that has passed means now.
  void at(RefTime when, Action action) {
    events_.push_back({std::max(when, now_), next_++, std::move(action)});
    std::ranges::push_heap(events_, later);
  }
  void after(Nanos delay, Action action) { at(now_ + delay, std::move(action)); }

  /// Runs the earliest event, unless it lies beyond `end`; false when there was none.
  bool step(RefTime end) {
    if (events_.empty() || events_.front().when > end) return false;
    std::ranges::pop_heap(events_, later);
    const Event event = std::move(events_.back());
    events_.pop_back();
    assert(event.when >= now_);
    now_ = event.when;
    ++done_;
    event.action();
    return true;
  }
  [[nodiscard]] std::uint64_t done() const { return done_; }

 private:
  struct Event {
    RefTime when;
    std::uint64_t number;
    Action action;
  };
  static bool later(const Event& a, const Event& b) {
    return a.when != b.when ? a.when > b.when : a.number > b.number;
  }
  RefTime now_;
  std::uint64_t next_ = 0;
  std::uint64_t done_ = 0;
  std::vector<Event> events_;
};

}  // namespace flagfall::sim
