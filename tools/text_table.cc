#include "tools/text_table.hh"

#include <algorithm>

namespace flagfall::tools {
namespace {

/// A terminal must not obey what a peer has named itself.
std::string harmless(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return text;
}

}  // namespace

std::string text_table(const std::vector<std::vector<std::string>>& rows) {
  if (rows.empty()) return {};
  const std::size_t columns = rows.front().size();
  std::vector<std::size_t> widths(columns);
  std::vector<bool> right(columns);
  std::vector<std::vector<std::string>> cells;
  for (const auto& row : rows) {
    auto& out = cells.emplace_back(columns);
    for (std::size_t i = 0; i < columns && i < row.size(); ++i) {
      const bool header = cells.size() == 1;
      if (header) right[i] = row[i].starts_with('>');
      out[i] = harmless(header && right[i] ? row[i].substr(1) : row[i]);
      widths[i] = std::max(widths[i], out[i].size());
    }
  }
  std::string text;
  for (const auto& row : cells) {
    std::string line;
    for (std::size_t i = 0; i < columns; ++i) {
      const std::string pad(widths[i] - row[i].size(), ' ');
      line += (i == 0 ? "" : "  ") + (right[i] ? pad + row[i] : row[i] + pad);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace flagfall::tools
