#include "common/config/table.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <numeric>

namespace flagfall::config {
namespace {

/// Levenshtein's distance (1965), two rows.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

const Value* descend(const Value& value, std::string_view step) {
  if (const auto* array = std::get_if<Value::Array>(&value.data)) {
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
    return error == std::errc{} && index < array->size() ? &(*array)[index] : nullptr;
  }
  return value.find(step);
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  constexpr std::size_t kLongest = 64;  // no suggestion for nonsense, and no quadratic work on it
  std::string best;
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
  if (word.size() > kLongest) return best;
  for (const std::string& candidate : known) {
    const std::size_t d = distance(word, candidate);
    if (d < least) {
      least = d;
      best = candidate;
    }
  }
  return best;
}

void Where::error(std::string_view key, std::string_view text) const {
  const Value* at = &table_;
  for (std::string_view rest = key; !rest.empty();) {
    const std::size_t dot = rest.find('.');
    const Value* next = descend(*at, rest.substr(0, dot));
    if (next == nullptr) break;
    at = next;
    rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
  }
  errors_.add(at->error(fmt::format("{}{}: {}", prefix_, key, text)));
}

void Table::add(Item item) {
  assert(std::none_of(items_.begin(), items_.end(), [&](const Item& i) { return i.name == item.name; }));
  items_.push_back(std::move(item));
}

void Table::report_unknown(const Value& value, const std::string& prefix, Errors& errors) const {
  std::vector<std::string> known;
  for (const Item& item : items_) known.push_back(item.name);
  for (const auto& [name, child] : std::get<Value::Table>(value.data)) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string guess = nearest(name, known);
    errors.add(
        child.error(fmt::format("{}{}: no such key{}", prefix, name,
                                guess.empty() ? std::string() : fmt::format("; did you mean {}?", guess))));
  }
}

void Table::read(const Value& value, const std::string& prefix, void* object, Errors& errors) const {
  if (!std::holds_alternative<Value::Table>(value.data)) {
    errors.add(value.error(fmt::format("{}: expected a table, found {}", prefix, value.describe())));
    return;
  }
  report_unknown(value, prefix, errors);
  for (const Item& item : items_) read_item(item, value.find(item.name), value, prefix, object, errors);
  if (!errors.empty()) return;  // a check may rely on each key's own rules
  for (const Check& check : checks_) check(object, Where(value, prefix, errors));
}

void Table::read_item(const Item& item, const Value* value, const Value& table, const std::string& prefix,
                      void* object, Errors& errors) {
  const std::string name = prefix + item.name;
  const Context context{item.key, name, errors};
  if (item.kind == Kind::scalar) {
    if (value != nullptr) {
      item.read(*value, context, object);
    } else if (item.key.required) {
      context.fail(table,
                   fmt::format("is missing: {}; write {} = {}", item.key.help, item.name, item.example));
    }
  } else if (item.kind == Kind::section) {
    Value absent{Value::Table{}, table.file, table.line};
    const Value& section = value == nullptr ? absent : *value;
    if (std::holds_alternative<Value::Table>(section.data))
      item.child->read(section, name + ".", item.enter(object), errors);
    else
      context.fail(section, fmt::format("is a section: write [{}]", name));
  } else {
    if (value == nullptr) {
      if (item.key.required)
        context.fail(table, fmt::format("is missing: {}; write [[{}]]", item.key.help, name));
      return;
    }
    const auto* array = std::get_if<Value::Array>(&value->data);
    if (array == nullptr) {
      context.fail(*value, fmt::format("is a list of sections: write [[{}]]", name));
      return;
    }
    if (item.key.required && array->empty()) context.fail(*value, "must not be empty");
    for (const Value& element : *array) item.child->read(element, name + ".", item.append(object), errors);
  }
}

}  // namespace flagfall::config
