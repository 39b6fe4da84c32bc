// The configuration is a table: every key with its type, range, default, unit
// and help, bound to a member of a plain struct. From the one table come
// parsing with file:line errors, --print-config, and the reference in the docs.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/result.hh"
#include "common/base/time.hh"

namespace flagfall::config {

/// A parsed TOML value with where it stands; keeps toml++ out of headers.
struct Value {
  using Array = std::vector<Value>;
  using Table = std::vector<std::pair<std::string, Value>>;  // in the file's order
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Table> data;
  std::string file;
  unsigned line = 0;
  /// "file:line: text"
  [[nodiscard]] Error error(std::string_view text) const;
};

/// Reads and parses; errors are "file:line: what is wrong".
Result<Value> parse_file(const std::string& path);
Result<Value> parse_text(std::string_view text, const std::string& name);

/// What the table says of one key.
struct Key {
  std::string name;
  std::string help;             // one sentence
  std::string least = {};       // in the key's own notation: "1ms", "0"; empty: no limit
  std::string most = {};
  bool required = false;
  std::vector<std::string> choices = {};  // for enums
};

}  // namespace flagfall::config
