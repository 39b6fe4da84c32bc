// Keeps lines that outsiders can cause from filling a log: some now and then,
// the rest only counted. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/time.hh"

namespace flagfall {

class LogLimit {
 public:
  /// At most `burst` lines in each `window`.
  explicit LogLimit(unsigned burst = 5, Nanos window = std::chrono::seconds(10))
      : burst_(burst), window_(window) {}

  /// Whether a line may be written now; if so, how many were not since the last one.
  std::optional<std::uint64_t> pass(MonoTime now) {
    if (!started_ || now - since_ >= window_) {
      started_ = true;
      since_ = now;
      written_ = 0;
    }
    if (written_ == burst_) {
      ++suppressed_;
      return std::nullopt;
    }
    ++written_;
    const std::uint64_t n = suppressed_;
    suppressed_ = 0;
    return n;
  }

 private:
  unsigned burst_;
  Nanos window_;
  bool started_ = false;
  MonoTime since_;
  unsigned written_ = 0;
  std::uint64_t suppressed_ = 0;
};

}  // namespace flagfall
