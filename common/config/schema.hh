// The configuration is a table: every key with its type, range, default and
// help, bound to a member of a plain struct whose initial values are the
// defaults. From the one table come parsing with file:line errors,
// --print-config, and the reference in the docs.
//
//   const auto schema = config::Schema<Dns>()
//       .key("listen", &Dns::listen, {.help = "Addresses to serve", .required = true, .port = 53})
//       .key("udp_size", &Dns::udp_size, {.help = "Largest UDP answer", .least = "512", .most = "4096"});
//   const auto root = config::Schema<Root>().section("dns", &Root::dns, schema);
//   Result<Root> config = root.load(path);
//
// Immutable once built; any thread. It opens files to read them, nothing else.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/config/table.hh"
#include "common/config/types.hh"
#include "common/config/value.hh"

namespace flagfall::config {

template <class T>
class Schema {
 public:
  /// One key; M is any type with a Codec (common/config/types.hh).
  template <class M>
  Schema& key(const std::string& name, M T::*member, const Key& info) {
    Table::Item item = scalar(name, info, Codec<M>::name(), Codec<M>::example());
    item.read = [member](const Value& v, const Context& c, void* object) {
      return Codec<M>::read(v, c, static_cast<T*>(object)->*member);
    };
    item.write = [member](const void* object) {
      return Codec<M>::write(static_cast<const T*>(object)->*member);
    };
    return add_scalar(std::move(item));
  }

  /// A key whose value is one of several words.
  template <class E>
  Schema& choice(const std::string& name, E T::*member, const std::vector<std::pair<std::string, E>>& words,
                 const Key& info) {
    Table::Item item = scalar(name, info, "string", toml_string(words.front().first));
    for (const auto& [word, value] : words) item.choices.push_back(word);
    item.read = [member, words](const Value& v, const Context& c, void* object) {
      const auto* text = std::get_if<std::string>(&v.data);
      const auto at = std::find_if(words.begin(), words.end(),
                                   [&](const auto& w) { return text != nullptr && w.first == *text; });
      if (at != words.end()) static_cast<T*>(object)->*member = at->second;
      return at != words.end() || fail_choice(v, c, words);
    };
    item.write = [member, words](const void* object) {
      const E value = static_cast<const T*>(object)->*member;
      const auto at =
          std::find_if(words.begin(), words.end(), [&](const auto& w) { return w.second == value; });
      return at == words.end() ? std::string() : toml_string(at->first);
    };
    return add_scalar(std::move(item));
  }

  /// A key that is written as a value (`delay = "25ms"`) or as a table of keys (`delay = { on_time = 0.99
  /// }`).
  template <class V, class S>
  Schema& value_or_table(const std::string& name, std::variant<V, S> T::*member, const Schema<S>& schema,
                         const Key& info) {
    Table::Item item = scalar(name, info, Codec<V>::name() + " or table", Codec<V>::example());
    item.child = schema.table_;
    item.read = [member, child = schema.table_](const Value& v, const Context& c, void* object) {
      auto& out = static_cast<T*>(object)->*member;
      if (!std::holds_alternative<Value::Table>(v.data)) {
        V value{};
        if (!Codec<V>::read(v, c, value)) return false;
        out = std::move(value);
        return true;
      }
      S table{};
      child->read(v, c.name + ".", &table, c.errors);
      out = std::move(table);
      return c.errors.empty();
    };
    item.write = [member, child = schema.table_](const void* object) {
      const auto& value = static_cast<const T*>(object)->*member;
      const S* const table = std::get_if<S>(&value);
      return table != nullptr ? child->inline_text(table) : Codec<V>::write(std::get<V>(value));
    };
    return add_scalar(std::move(item));
  }

  /// [name]
  template <class S>
  Schema& section(const std::string& name, S T::*member, const Schema<S>& schema,
                  const std::string& help = {}) {
    Table::Item item;
    item.name = name;
    item.kind = Table::Kind::section;
    item.key.help = help;
    item.child = schema.table_;
    item.enter = [member](void* object) -> void* { return &(static_cast<T*>(object)->*member); };
    item.element = [member](const void* object, std::size_t) -> const void* {
      return &(static_cast<const T*>(object)->*member);
    };
    table_->add(std::move(item));
    return *this;
  }

  /// [[name]], any number of times; at least once when `info.required`.
  template <class S>
  Schema& list(const std::string& name, std::vector<S> T::*member, const Schema<S>& schema,
               const Key& info = {}) {
    Table::Item item;
    item.name = name;
    item.kind = Table::Kind::list;
    item.key = info;
    item.child = schema.table_;
    item.append = [member](void* object) -> void* {
      return &(static_cast<T*>(object)->*member).emplace_back();
    };
    item.size = [member](const void* object) { return (static_cast<const T*>(object)->*member).size(); };
    item.element = [member](const void* object, std::size_t i) -> const void* {
      return &(static_cast<const T*>(object)->*member)[i];
    };
    table_->add(std::move(item));
    return *this;
  }

  /// A rule that spans keys. Runs only when every key before it was right.
  Schema& check(std::function<void(const T&, const Where&)> rule) {
    table_->add([rule = std::move(rule)](const void* object, const Where& where) {
      rule(*static_cast<const T*>(object), where);
    });
    return *this;
  }

  /// All errors of the file, one a line, each "file:line: ...".
  [[nodiscard]] Result<T> load(const std::string& path) const { return read(parse_file(path)); }
  [[nodiscard]] Result<T> parse(std::string_view text, const std::string& name) const {
    return read(parse_text(text, name));
  }
  /// Commented TOML that load() reads back to the same values.
  [[nodiscard]] std::string print(const T& object) const {
    std::string out;
    table_->print("", &object, out);
    return out;
  }
  /// Markdown tables of all keys.
  [[nodiscard]] std::string reference() const {
    std::string out;
    table_->reference("", out);
    return out;
  }
  /// Full names of all keys: "dns.listen".
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    table_->names("", out);
    return out;
  }

 private:
  template <class>
  friend class Schema;

  static Table::Item scalar(const std::string& name, const Key& info, std::string type,
                            const std::string& example) {
    Table::Item item;
    item.name = name;
    item.example = info.example.empty() ? example : info.example;
    item.key = info;
    item.type = std::move(type);
    return item;
  }
  Schema& add_scalar(Table::Item item) {
    item.initial = [write = item.write] {
      const T fresh{};
      return write(&fresh);
    };
    table_->add(std::move(item));
    return *this;
  }
  template <class Words>
  static bool fail_choice(const Value& v, const Context& c, const Words& words) {
    std::string known;
    for (const auto& word : words) known += (known.empty() ? "" : " or ") + toml_string(word.first);
    return c.fail(v, "expected " + known + ", found " + v.describe());
  }
  Result<T> read(const Result<Value>& value) const {
    if (!value) return Error{value.error()};
    T object{};
    Errors errors;
    table_->read(*value, "", &object, errors);
    if (!errors.empty()) return errors.all();
    return object;
  }

  std::shared_ptr<Table> table_ = std::make_shared<Table>();
};

}  // namespace flagfall::config
