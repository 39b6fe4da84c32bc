// The schema without its types: keys, sections and lists over `void*` objects.
// schema.hh puts the types back. Keeping this part untyped keeps templates thin.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/types.hh"
#include "common/config/value.hh"

namespace flagfall::config {

/// For a check that spans keys: reports an error at a key's line.
class Where {
 public:
  Where(const Value& table, std::string prefix, Errors& errors)
      : table_(table), prefix_(std::move(prefix)), errors_(errors) {}
  /// `key` below the checked table, dotted, list elements by index: "dns.listen.1", "service.0.slave.2.name".
  /// Points at the nearest line that the file has for it.
  void error(std::string_view key, std::string_view text) const;

 private:
  const Value& table_;
  std::string prefix_;
  Errors& errors_;
};

class Table {
 public:
  enum class Kind : std::uint8_t { scalar, section, list };
  struct Item {
    std::string name;
    Kind kind = Kind::scalar;
    Key key;
    // scalar
    std::string type;
    std::string example;
    std::vector<std::string> choices = {};
    std::function<bool(const Value&, const Context&, void* object)> read = {};
    std::function<std::string(const void* object)> write = {};
    // section and list; a scalar that may be written as a table instead
    std::shared_ptr<const Table> child = {};
    std::function<void*(void* object)> enter = {};                             // section
    std::function<void*(void* object)> append = {};                            // list
    std::function<std::size_t(const void* object)> size = {};                  // list
    std::function<const void*(const void* object, std::size_t)> element = {};  // list, and section (index 0)
    std::function<std::string()> initial = {};  // what the struct itself says, in TOML notation
  };
  using Check = std::function<void(const void* object, const Where&)>;

  void add(Item item);
  void add(Check check) { checks_.push_back(std::move(check)); }

  /// Fills the object from a table value; whatever is wrong goes to `errors`.
  void read(const Value& value, const std::string& prefix, void* object, Errors& errors) const;
  /// Commented TOML of the object; `path` is the header's name, empty at the root.
  void print(const std::string& path, const void* object, std::string& out) const;
  /// The object as one TOML value: { on_time = 0.99, at_most = "80ms" }. Scalars only.
  [[nodiscard]] std::string inline_text(const void* object) const;
  /// Markdown: one table a section.
  void reference(const std::string& path, std::string& out) const;
  /// Full names of all keys: "dns.listen", "service.slave.name".
  void names(const std::string& path, std::vector<std::string>& out) const;

 private:
  static void read_item(const Item& item, const Value* value, const Value& table, const std::string& prefix,
                        void* object, Errors& errors);
  void report_unknown(const Value& value, const std::string& prefix, Errors& errors) const;
  std::vector<Item> items_;
  std::vector<Check> checks_;
};

/// The entry of `known` that was probably meant, or empty.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace flagfall::config
