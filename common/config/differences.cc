#include "common/config/differences.hh"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "common/config/types.hh"

namespace flagfall::config {
namespace {

using Array = Value::Array;
using Table = Value::Table;

std::string text_of(const Value& value) {
  struct {
    std::string operator()(std::monostate /*date*/) const { return "?"; }
    std::string operator()(bool b) const { return b ? "true" : "false"; }
    std::string operator()(std::int64_t n) const { return std::to_string(n); }
    std::string operator()(double n) const { return fmt::format("{}", n); }
    std::string operator()(const std::string& s) const { return toml_string(s); }
    std::string operator()(const Array& all) const {
      std::string out;
      for (const Value& one : all) out += (out.empty() ? "" : ", ") + text_of(one);
      return "[" + out + "]";
    }
    std::string operator()(const Table& all) const {
      std::string out;
      for (const Value::Entry& one : all)
        out += fmt::format("{}{} = {}", out.empty() ? " " : ", ", one.key, text_of(one.value));
      return "{" + out + " }";
    }
  } const write;
  return std::visit(write, value.data);
}

bool tables(const Value& value) {
  const auto* const all = std::get_if<Array>(&value.data);
  if (all == nullptr || all->empty()) return false;
  return std::ranges::all_of(*all, [](const Value& one) { return std::holds_alternative<Table>(one.data); });
}

/// The parts of a table, or of a list of tables by their names.
using Parts = std::map<std::string, const Value*>;

std::optional<Parts> parts_of(const Value& value) {
  Parts out;
  if (const auto* const table = std::get_if<Table>(&value.data)) {
    for (const Value::Entry& one : *table) out.emplace(one.key, &one.value);
    return out;
  }
  if (!tables(value)) return std::nullopt;
  std::size_t n = 0;
  for (const Value& one : std::get<Array>(value.data)) {
    const Value* const name = one.find("name");
    const auto* const text = name != nullptr ? std::get_if<std::string>(&name->data) : nullptr;
    if (text == nullptr || !out.emplace(*text, &one).second) out.emplace(std::to_string(n), &one);
    ++n;
  }
  return out;
}

void compare(const std::string& key, const Value& before, const Value& after, std::vector<Difference>& out) {
  const auto old_parts = parts_of(before);
  const auto new_parts = parts_of(after);
  if (!old_parts || !new_parts) {
    const std::string was = text_of(before), is = text_of(after);
    if (was != is) out.push_back({key, was, is});
    return;
  }
  std::set<std::string> names;
  for (const Parts* parts : {&*old_parts, &*new_parts})
    for (const auto& [name, value] : *parts) names.insert(name);
  for (const std::string& name : names) {
    const auto was = old_parts->find(name), is = new_parts->find(name);
    const std::string at = key.empty() ? name : fmt::format("{}.{}", key, name);
    if (was == old_parts->end()) {
      out.push_back({at, {}, text_of(*is->second)});
    } else if (is == new_parts->end()) {
      out.push_back({at, text_of(*was->second), {}});
    } else {
      compare(at, *was->second, *is->second, out);
    }
  }
}

}  // namespace

std::vector<Difference> differences(const Value& before, const Value& after) {
  std::vector<Difference> out;
  compare({}, before, after, out);
  return out;
}

std::string to_text(const Difference& difference) {
  const auto or_nothing = [](const std::string& text) { return text.empty() ? "(not there)" : text; };
  return fmt::format("{}: {} -> {}", difference.key, or_nothing(difference.before),
                     or_nothing(difference.after));
}

}  // namespace flagfall::config
