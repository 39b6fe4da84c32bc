#include "common/config/value.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

// Header-only in this one file: no exceptions, and a nesting limit that keeps
// the parser's recursion (and its destructors') within any thread's stack.
#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_MAX_NESTED_VALUES 16
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace flagfall::config {
namespace {

// A dotted key nests as deep as it has dots, and toml++ 3.3 has no limit for
// that. One line of ours (a hundred IPv4 addresses) stays below it.
constexpr int kMaxDotsInLine = 300;

Value convert(const toml::node& node, const std::string& file) {
  Value out;
  out.file = file;
  out.line = node.source().begin.line;
  if (const auto* table = node.as_table()) {
    Value::Table entries;
    for (const auto& [key, child] : *table) {
      Value value = convert(child, file);
      if (value.line == 0) value.line = key.source().begin.line;
      entries.emplace_back(std::string(key.str()), std::move(value));
    }
    out.data = std::move(entries);
  } else if (const auto* array = node.as_array()) {
    Value::Array elements;
    for (const auto& child : *array) elements.push_back(convert(child, file));
    out.data = std::move(elements);
  } else if (const auto* boolean = node.as_boolean()) {
    out.data = boolean->get();
  } else if (const auto* integer = node.as_integer()) {
    out.data = integer->get();
  } else if (const auto* real = node.as_floating_point()) {
    out.data = real->get();
  } else if (const auto* text = node.as_string()) {
    out.data = text->get();
  }
  return out;
}

Status check_depth(std::string_view text, const std::string& name) {
  unsigned line = 1;
  int dots = 0;
  for (const char c : text) {
    if (c == '\n') {
      ++line;
      dots = 0;
    } else if (c == '.' && ++dots > kMaxDotsInLine) {
      return Error{
          fmt::format("{}:{}: more than {} dots in a line; break it up", name, line, kMaxDotsInLine)};
    }
  }
  return Ok{};
}

}  // namespace

Error Value::error(std::string_view text) const {
  return Error{fmt::format("{}:{}: {}", file, line, text)};
}

std::string Value::describe() const {
  struct Describe {
    std::string operator()(std::monostate) const { return "a date or time"; }
    std::string operator()(bool b) const { return b ? "true" : "false"; }
    std::string operator()(std::int64_t n) const { return fmt::format("the integer {}", n); }
    std::string operator()(double d) const { return fmt::format("the number {}", d); }
    std::string operator()(const std::string& s) const {
      return s.size() > 60 ? fmt::format("a string of {} characters", s.size())
                           : fmt::format("the string \"{}\"", s);
    }
    std::string operator()(const Array&) const { return "an array"; }
    std::string operator()(const Table&) const { return "a table"; }
  };
  return std::visit(Describe{}, data);
}

const Value* Value::find(std::string_view key) const {
  const auto* table = std::get_if<Table>(&data);
  if (table == nullptr) return nullptr;
  const auto at =
      std::find_if(table->begin(), table->end(), [&](const auto& entry) { return entry.first == key; });
  return at == table->end() ? nullptr : &at->second;
}

Result<Value> parse_text(std::string_view text, const std::string& name) {
  if (text.size() > kMaxFileSize) return Error{fmt::format("{}: larger than {} bytes", name, kMaxFileSize)};
  if (const Status depth = check_depth(text, name); !depth) return Error{depth.error()};
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return Error{fmt::format("{}:{}: {}", name, error.source().begin.line, error.description())};
  }
  Value root = convert(parsed.table(), name);
  if (root.line == 0) root.line = 1;
  return root;
}

Result<Value> parse_file(const std::string& path) {
  std::error_code failed;
  if (std::filesystem::is_directory(path, failed))
    return Error{fmt::format("{}: is a folder, not a file", path)};
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error{fmt::format("{}: cannot be read: {}", path, std::strerror(errno))};
  std::string text(kMaxFileSize + 1, '\0');  // one more than fits, so that parse_text sees what is too large
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (in.bad()) return Error{fmt::format("{}: cannot be read: {}", path, std::strerror(errno))};
  return parse_text(text, path);
}

}  // namespace flagfall::config
