// The table as text: commented TOML for --print-config, markdown for the docs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/config/table.hh"

namespace flagfall::config {
namespace {

std::string range(const Table::Item& item) {
  if (!item.choices.empty()) {
    std::string out;
    for (const std::string& choice : item.choices) out += (out.empty() ? "" : " or ") + toml_string(choice);
    return out;
  }
  const std::string& least = item.key.least;
  const std::string& most = item.key.most;
  if (!least.empty() && !most.empty()) return fmt::format("{} to {}", least, most);
  if (!least.empty()) return fmt::format("at least {}", least);
  if (!most.empty()) return fmt::format("at most {}", most);
  return {};
}

std::string join(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

/// "help (type; range; default ...)"
std::string comment(const Table::Item& item) {
  std::string facts = item.type;
  if (item.child != nullptr) {
    std::vector<std::string> keys;
    item.child->names("", keys);
    facts += fmt::format(" of {}", fmt::join(keys, ", "));
  }
  if (const std::string r = range(item); !r.empty()) facts += "; " + r;
  if (item.key.required) {
    facts += "; required";
  } else if (const std::string initial = item.initial(); !initial.empty()) {
    facts += "; default " + initial;
  }
  return fmt::format("# {} ({})\n", item.key.help, facts);
}

void print_header(const Table::Item& item, const std::string& path, std::string& out) {
  if (!out.empty()) out += "\n";
  if (!item.key.help.empty()) out += "# " + item.key.help + "\n";
  out += item.kind == Table::Kind::list ? "[[" + path + "]]\n" : "[" + path + "]\n";
}

std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string code(const std::string& text) {
  return text.empty() ? std::string() : "`" + cell(text) + "`";
}

void reference_row(const Table::Item& item, const std::string& name, std::string& out) {
  const std::string initial = item.key.required ? "required" : code(item.initial());
  std::string r = range(item);
  out += fmt::format("| `{}` | {} | {} | {} | {} |\n", name, cell(item.type), initial, cell(r),
                     cell(item.key.help));
}

}  // namespace

std::string Table::inline_text(const void* object) const {
  std::string out;
  for (const Item& item : items_)
    if (const std::string value = item.write(object); !value.empty())
      out += fmt::format("{} {} = {}", out.empty() ? "" : ",", item.name, value);
  return "{" + out + " }";
}

void Table::print(const std::string& path, const void* object, std::string& out) const {
  // A table's own keys come before its sub-tables, as TOML wants it.
  for (const Item& item : items_) {
    if (item.kind != Kind::scalar) continue;
    const std::string value = item.write(object);
    out += comment(item);
    out += value.empty() ? fmt::format("# {} = {}\n", item.name, item.example)
                         : fmt::format("{} = {}\n", item.name, value);
  }
  for (const Item& item : items_) {
    const std::string name = join(path, item.name);
    if (item.kind == Kind::section) {
      print_header(item, name, out);
      item.child->print(name, item.element(object, 0), out);
    } else if (item.kind == Kind::list) {
      for (std::size_t i = 0; i < item.size(object); ++i) {
        print_header(item, name, out);
        item.child->print(name, item.element(object, i), out);
      }
    }
  }
}

void Table::reference(const std::string& path, std::string& out) const {
  bool header = false;
  for (const Item& item : items_) {
    if (item.kind != Kind::scalar) continue;
    if (!header) out += "| key | type | default | range | what it is |\n|---|---|---|---|---|\n";
    header = true;
    reference_row(item, item.name, out);
    if (item.child == nullptr) continue;
    for (const Item& inner : item.child->items_) reference_row(inner, item.name + "." + inner.name, out);
  }
  for (const Item& item : items_) {
    if (item.kind == Kind::scalar) continue;
    const std::string name = join(path, item.name);
    out += fmt::format("\n### `{}{}{}`\n\n", item.kind == Kind::list ? "[[" : "[", name,
                       item.kind == Kind::list ? "]]" : "]");
    if (!item.key.help.empty())
      out +=
          fmt::format("{}{}.\n\n", item.key.help,
                      item.kind == Kind::list ? (item.key.required ? "; one or more" : "; any number") : "");
    item.child->reference(name, out);
  }
}

void Table::names(const std::string& path, std::vector<std::string>& out) const {
  for (const Item& item : items_) {
    const std::string name = join(path, item.name);
    if (item.kind == Kind::scalar)
      out.push_back(name);
    else
      item.child->names(name, out);
  }
}

}  // namespace flagfall::config
