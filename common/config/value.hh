// A parsed configuration file as plain values that know their line. toml++ stays
// inside value.cc. Parsing is total: any bytes give a value or an error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/result.hh"

namespace flagfall::config {

/// One TOML value with where it stands. Dates and times, which no key uses, are monostate.
struct Value {
  struct Entry;
  using Array = std::vector<Value>;
  using Table = std::vector<Entry>;  // in alphabetical order
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Table> data;
  std::string file;
  unsigned line = 0;
  /// "file:line: text"
  [[nodiscard]] Error error(std::string_view text) const;
  /// What this is, for an error: `the integer 7`, `the string "x"`, `a table`.
  [[nodiscard]] std::string describe() const;
  /// The value of a key when this is a table that has it.
  [[nodiscard]] const Value* find(std::string_view key) const;
};

struct Value::Entry {
  std::string key;
  Value value;
};

/// Larger files are refused: nobody writes them, and the parser recurses.
inline constexpr std::size_t kMaxFileSize = std::size_t{4} << 20;

/// Reads and parses; errors are "file:line: what is wrong". The value is a table.
Result<Value> parse_file(const std::string& path);
Result<Value> parse_text(std::string_view text, const std::string& name);

}  // namespace flagfall::config
