// Fields of text files as people and spreadsheets write them: blanks around, quotes around, a byte order mark
// in front of the file. Pure.
#pragma once

#include <string_view>

namespace flagfall::simulate {

inline constexpr std::string_view kBlank = " \t\r";

inline std::string_view trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(kBlank);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kBlank) - from + 1);
}

/// Without blanks and one pair of quotes around it. A comma between quotes divides fields nevertheless: the
/// quote that is left in a name is an error, not a part of it.
inline std::string_view field(std::string_view text) {
  text = trimmed(text);
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return text;
  return trimmed(text.substr(1, text.size() - 2));
}

/// UTF-8's, which some editors and spreadsheets write.
inline std::string_view without_mark(std::string_view file) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  return file.starts_with(kMark) ? file.substr(kMark.size()) : file;
}

/// Of what no name is made, but for a blank.
inline bool no_letter(unsigned char c) {
  return c < 0x20 || c == 0x7f || c == '"';
}

}  // namespace flagfall::simulate
