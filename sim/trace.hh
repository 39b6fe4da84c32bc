// What happened, line by line, and a digest of it. The digest is always kept, so
// that two runs can be compared; the text only when somebody wants to read it.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <utility>

#include "common/base/time.hh"

namespace flagfall::sim {

class Trace {
 public:
  Trace(RefTime start, bool text) : start_(start), text_wanted_(text) {}

  /// An event of kind `what` with its figures: for the digest alone.
  template <class... Figures>
  void note(RefTime now, std::uint32_t what, Figures... figures) {
    fold(static_cast<std::uint64_t>(to_ns(now)));
    fold(what);
    (fold(static_cast<std::uint64_t>(figures)), ...);
  }
  /// A line for the reader: seconds since the start, then the text.
  template <class... Args>
  void line(RefTime now, fmt::format_string<Args...> format, Args&&... args) {
    if (!text_wanted_) return;
    const std::int64_t us = (now - start_).count() / 1000;
    fmt::format_to(std::back_inserter(text_), "{:4}.{:06} ", us / 1'000'000, us % 1'000'000);
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }
  [[nodiscard]] std::uint64_t digest() const { return digest_; }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool wanted() const { return text_wanted_; }

 private:
  /// FNV-1a by words: not for tables that strangers fill.
  void fold(std::uint64_t word) { digest_ = (digest_ ^ word) * 0x100000001b3U; }

  RefTime start_;
  bool text_wanted_;
  std::uint64_t digest_ = 0xcbf29ce484222325U;
  std::string text_;
};

}  // namespace flagfall::sim
