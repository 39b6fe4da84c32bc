// Measured round trips as an operator has them: a file of milliseconds, a row a client place, a column a
// site. Total and bounded: any bytes give a matrix or one line that says what is wrong, and where.
//
//   # comment                         Slices of one shape in time, an empty line between two.
//   ms      fra    iad    sin         With names: the first line names the columns, each other line its row.
//   berlin  12.5   98.1   161         Without names rows and columns are called "1", "2", ...
//   paris   9.8    83     170         Between fields: blanks and tabs, or one comma.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hh"

namespace flagfall::simulate {

inline constexpr std::size_t kMostCells = 250'000'000;  // in all slices: 1 GB of figures
inline constexpr std::size_t kMostColumns = 16'384;     // more of all by all have too many cells anyway
inline constexpr std::size_t kMostRows = 1'000'000;
inline constexpr std::size_t kMostSlices = 1000;
inline constexpr std::size_t kMostName = 64;                    // octets
inline constexpr double kLongest = 60'000;                      // ms: longer is no round trip
inline constexpr std::size_t kMostFile = std::size_t{2} << 30;  // octets

struct Matrix {
  std::vector<std::string> rows, columns;
  std::size_t slices = 0;
  std::vector<float> ms;  // by slice, row, column

  [[nodiscard]] double at(std::size_t slice, std::size_t row, std::size_t column) const {
    return static_cast<double>(ms[(slice * rows.size() + row) * columns.size() + column]);
  }
};

/// `name`: of the file, for errors.
Result<Matrix> parse_matrix(std::string_view text, const std::string& name);
/// Another file's slices behind those that are there: of the same rows and columns.
Status append(Matrix& matrix, Matrix more, const std::string& name);
/// Several files are the slices, in this order. Blocks.
Result<Matrix> load_matrix(const std::vector<std::string>& paths);

}  // namespace flagfall::simulate
