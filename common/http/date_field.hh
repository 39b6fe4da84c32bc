// The Date field of answers (RFC 9110 §6.6.1), written once a second. One owner thread.
#pragma once

#include <array>
#include <string_view>

#include "common/base/time.hh"

namespace flagfall::http {

class DateField {
 public:
  void set(RealTime now);
  /// "Date: Sun, 06 Nov 1994 08:49:37 GMT" and the line's end; empty before the first set().
  [[nodiscard]] std::string_view text() const { return {text_.data(), size_}; }

 private:
  std::array<char, 40> text_{};
  std::size_t size_ = 0;
};

}  // namespace flagfall::http
