// Virtual time: what is to happen, in the order of time and, within one moment,
// in the order in which it was asked for. So a run depends on nothing but its
// input. One thread.
//
// Actions lie in a slab and stay where they are; a heap with four children a node
// moves keys of 16 octets. Nothing is allocated once the slab has grown to the
// most events that were waiting at one time.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

#include "common/base/time.hh"
#include "sim/action.hh"

namespace flagfall::sim {

class EventQueue {
 public:
  using Action = sim::Action;

  explicit EventQueue(RefTime start) : start_(start), now_(start) {}
  ~EventQueue() {
    for (const Key key : heap_) std::destroy_at(&slot(key));
  }
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;
  EventQueue(EventQueue&&) = delete;
  EventQueue& operator=(EventQueue&&) = delete;

  /// The true time: reference time without any error.
  [[nodiscard]] RefTime now() const { return now_; }

  /// A time that has passed means now.
  template <class F>
  void at(RefTime when, F&& action) {
    const std::uint32_t place = room();
    new (static_cast<void*>(&place_of(place))) Action(std::forward<F>(action));
    const auto ahead = static_cast<std::uint64_t>((std::max(when, now_) - start_).count());
    add(Key{ahead} << 64U | Key{next_++ << kPlaceBits | place});
  }
  template <class F>
  void after(Nanos delay, F&& action) {
    at(now_ + delay, std::forward<F>(action));
  }

  /// Runs the earliest event, unless it lies beyond `end`; false when there was none.
  bool step(RefTime end) {
    if (heap_.empty()) return false;
    const Key first = heap_.front();
    const RefTime when = start_ + Nanos(static_cast<std::int64_t>(static_cast<std::uint64_t>(first >> 64U)));
    if (when > end) return false;
    take_first();
    assert(when >= now_);
    now_ = when;
    ++done_;
    const Running running{*this, first};
    slot(first)();  // which may ask for more: slots do not move
    return true;
  }
  [[nodiscard]] std::uint64_t done() const { return done_; }
  [[nodiscard]] std::size_t waiting() const { return heap_.size(); }

 private:
  /// Nanoseconds since the start, the number of the request, the slot: one comparison orders all.
  __extension__ using Key = unsigned __int128;
  static constexpr unsigned kPlaceBits = 24;  // 16 million events at a time; 10^12 in all
  static constexpr std::uint32_t kPlaceMask = (1U << kPlaceBits) - 1;
  static constexpr std::size_t kChildren = 4;
  static constexpr std::size_t kChunk = 256;
  struct Slot {
    alignas(Action) std::array<std::byte, sizeof(Action)> room;
  };
  /// Gives the slot back, also when the action throws.
  struct Running {      // NOLINT(*-special-member-functions): lives in step() only
    EventQueue& queue;  // NOLINT(*-ref-data-members)
    Key key;
    ~Running() {
      std::destroy_at(&queue.slot(key));
      queue.free_.push_back(static_cast<std::uint32_t>(key) & kPlaceMask);
    }
  };

  Slot& place_of(std::uint32_t place) { return (*chunks_[place / kChunk])[place % kChunk]; }
  Action& slot(Key key) {
    return *std::launder(
        reinterpret_cast<Action*>(&place_of(static_cast<std::uint32_t>(key) & kPlaceMask)));  // NOLINT
  }
  std::uint32_t room() {
    if (free_.empty()) {
      const auto first = static_cast<std::uint32_t>(chunks_.size() * kChunk);
      if (first > kPlaceMask) throw std::length_error("a world has 16 million events waiting");
      chunks_.push_back(std::make_unique<std::array<Slot, kChunk>>());
      for (std::uint32_t i = kChunk; i > 0; --i) free_.push_back(first + i - 1);
    }
    const std::uint32_t out = free_.back();
    free_.pop_back();
    return out;
  }

  void add(Key key) {
    std::size_t at = heap_.size();
    heap_.push_back(key);
    while (at > 0 && key < heap_[(at - 1) / kChildren]) {
      heap_[at] = heap_[(at - 1) / kChildren];
      at = (at - 1) / kChildren;
    }
    heap_[at] = key;
  }
  void take_first() {
    const Key last = heap_.back();
    heap_.pop_back();
    const std::size_t count = heap_.size();
    if (count == 0) return;
    std::size_t at = 0;
    for (;;) {
      const std::size_t first = at * kChildren + 1;
      if (first >= count) break;
      std::size_t least = first;
      for (std::size_t i = first + 1; i < std::min(first + kChildren, count); ++i)
        if (heap_[i] < heap_[least]) least = i;
      if (last <= heap_[least]) break;
      heap_[at] = heap_[least];
      at = least;
    }
    heap_[at] = last;
  }

  RefTime start_;
  RefTime now_;
  std::uint64_t next_ = 0;
  std::uint64_t done_ = 0;
  std::vector<Key> heap_;
  std::vector<std::unique_ptr<std::array<Slot, kChunk>>> chunks_;
  std::vector<std::uint32_t> free_;
};

}  // namespace flagfall::sim
