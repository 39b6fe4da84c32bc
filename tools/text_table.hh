// Rows of text in aligned columns.
#pragma once

#include <string>
#include <vector>

namespace flagfall::tools {

/// The first row is the header. Columns are as wide as their widest cell, two blanks
/// apart; those whose header begins with '>' are flush right. Control characters become '?'.
std::string text_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace flagfall::tools
