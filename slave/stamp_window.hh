// Which shot a kernel transmit stamp belongs to. The kernel numbers the
// datagrams of a socket (SOF_TIMESTAMPING_OPT_ID); this counts along. Pure; one
// a socket, transmit thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/base/time.hh"

namespace flagfall::slave {

class StampWindow {
 public:
  /// Stamps of software come back in microseconds: more than this many missing means they do not come.
  static constexpr std::uint32_t kSize = 1024;

  struct Entry {
    std::uint32_t shot = 0;
    MonoTime call;
    bool timed = false;  // the first of a call that was made after waiting for its instant
  };
  [[nodiscard]] bool full() const { return next_ - first_ == kSize; }
  [[nodiscard]] bool empty() const { return next_ == first_; }

  /// The next datagram left in the call at `entry.call`. Not when full.
  void sent(const Entry& entry) {
    at(next_) = entry;
    open_[next_ % kSize] = true;
    ++next_;
  }
  /// The shot that stamp `id` is for; nothing for an id that is not awaited.
  std::optional<Entry> stamped(std::uint32_t id) {
    if (id - first_ >= next_ - first_ || !open_[id % kSize]) return std::nullopt;
    open_[id % kSize] = false;
    const Entry entry = at(id);
    skip_answered();
    return entry;
  }
  /// The oldest one that still waits; the window must not be empty.
  [[nodiscard]] const Entry& oldest() const { return entries_[first_ % kSize]; }
  /// No stamp will come for the oldest one.
  void give_up_oldest() {
    open_[first_ % kSize] = false;
    skip_answered();
  }
  /// The kernel counts from 0 again. Only when empty.
  void restart() { first_ = next_ = 0; }

 private:
  Entry& at(std::uint32_t id) { return entries_[id % kSize]; }
  void skip_answered() {
    while (first_ != next_ && !open_[first_ % kSize]) ++first_;
  }
  std::array<Entry, kSize> entries_{};
  std::array<bool, kSize> open_{};
  std::uint32_t first_ = 0;
  std::uint32_t next_ = 0;
};

}  // namespace flagfall::slave
