// The types that a key may have: how each is read from a value (with its range),
// written in TOML's notation, named and exemplified. Codec<T> is the one
// customisation point; everything else here is what the codecs are made of.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "common/config/value.hh"

namespace flagfall::config {

/// A number of bytes: 4194304, "64KiB", "4MiB", "1GiB", "10kB", "10MB".
struct ByteSize {
  std::int64_t bytes = 0;
  bool operator==(const ByteSize&) const = default;
};

/// A file's name. Relative ones are resolved from the folder of the configuration file.
struct Path {
  std::string text;
  [[nodiscard]] bool empty() const { return text.empty(); }
  bool operator==(const Path&) const = default;
};

/// A key that is written as one value or as an array of them; in either case a list.
template <class T>
struct OneOrMore {
  std::vector<T> all;
  bool operator==(const OneOrMore&) const = default;
};

/// What the table says of one key.
struct Key {
  std::string help = {};     // one sentence without a full stop
  std::string least = {};    // in the key's own notation: "1ms", "0"; empty: the type's limit
  std::string most = {};     //
  bool required = false;     // absent or empty is an error
  std::uint16_t port = 0;    // endpoints: the port when none is written; 0: it must be written
  std::string example = {};  // a better one than the type's, in TOML notation: "\"www.example.test\""
};

/// Where reading is: the key, its full name, and the errors so far. Bounded.
class Errors {
 public:
  static constexpr std::size_t kMost = 20;
  void add(const Error& error);
  [[nodiscard]] bool empty() const { return count_ == 0; }
  /// All of them, one a line.
  [[nodiscard]] Error all() const;

 private:
  std::vector<std::string> lines_;
  std::size_t count_ = 0;
};

struct Context {
  const Key& key;
  const std::string& name;  // "dns.listen"
  Errors& errors;
  /// Adds "file:line: name: text"; returns false.
  bool fail(const Value& at, std::string_view text) const;
  /// "expected WHAT, such as EXAMPLE, found VALUE"; returns false.
  bool mismatch(const Value& at, std::string_view what, std::string_view example) const;
};

/// Digits, at most one point, one of ns us ms s m h.
Result<Nanos> parse_duration(std::string_view text);
/// The largest unit that leaves a whole number: "25ms".
std::string to_string(Nanos duration);
Result<ByteSize> parse_byte_size(std::string_view text);
std::string to_string(ByteSize size);

/// A TOML basic string with everything escaped that must be.
std::string toml_string(std::string_view text);

bool read_bool(const Value& value, const Context& context, bool& out);
bool read_integer(const Value& value, const Context& context, std::int64_t least, std::int64_t most,
                  std::int64_t& out);
bool read_double(const Value& value, const Context& context, double& out);
bool read_string(const Value& value, const Context& context, std::string& out);
bool read_duration(const Value& value, const Context& context, Nanos& out);
bool read_byte_size(const Value& value, const Context& context, ByteSize& out);
bool read_endpoint(const Value& value, const Context& context, Endpoint& out);
bool read_ip(const Value& value, const Context& context, IpAddress& out);
bool read_prefix(const Value& value, const Context& context, Prefix& out);
bool read_path(const Value& value, const Context& context, Path& out);
std::string write_double(double value);

/// static bool read(const Value&, const Context&, T& out): errors go to the context, out is then untouched;
/// static std::string write(const T&): TOML notation, empty when there is no value to write;
/// static std::string name(), example();
/// static std::string element(const T&): like write() but inside an array, for types where a value means
/// "none".
template <class T>
struct Codec;

template <>
struct Codec<bool> {
  static bool read(const Value& v, const Context& c, bool& out) { return read_bool(v, c, out); }
  static std::string write(bool value) { return value ? "true" : "false"; }
  static std::string name() { return "boolean"; }
  static std::string example() { return "true"; }
};

template <std::integral T>
struct Codec<T> {
  static bool read(const Value& v, const Context& c, T& out) {
    constexpr auto least = static_cast<std::int64_t>(std::numeric_limits<T>::min());
    constexpr auto most = sizeof(T) < sizeof(std::int64_t) || std::is_signed_v<T>
                              ? static_cast<std::int64_t>(std::numeric_limits<T>::max())
                              : std::numeric_limits<std::int64_t>::max();
    std::int64_t n = 0;
    if (!read_integer(v, c, least, most, n)) return false;
    out = static_cast<T>(n);
    return true;
  }
  static std::string write(T value) { return std::to_string(value); }
  static std::string name() { return "integer"; }
  static std::string example() { return "1"; }
};

template <>
struct Codec<double> {
  static bool read(const Value& v, const Context& c, double& out) { return read_double(v, c, out); }
  static std::string write(double value) { return write_double(value); }
  static std::string name() { return "number"; }
  static std::string example() { return "0.5"; }
};

template <>
struct Codec<std::string> {
  static bool read(const Value& v, const Context& c, std::string& out) { return read_string(v, c, out); }
  static std::string write(const std::string& value) { return toml_string(value); }
  static std::string name() { return "string"; }
  static std::string example() { return "\"text\""; }
};

template <>
struct Codec<Nanos> {
  static bool read(const Value& v, const Context& c, Nanos& out) { return read_duration(v, c, out); }
  static std::string write(Nanos value) { return toml_string(to_string(value)); }
  static std::string name() { return "duration"; }
  static std::string example() { return "\"25ms\""; }
};

template <>
struct Codec<ByteSize> {
  static bool read(const Value& v, const Context& c, ByteSize& out) { return read_byte_size(v, c, out); }
  static std::string write(ByteSize value) { return value.bytes == 0 ? "0" : toml_string(to_string(value)); }
  static std::string name() { return "size"; }
  static std::string example() { return "\"4MiB\""; }
};

template <>
struct Codec<Endpoint> {
  static bool read(const Value& v, const Context& c, Endpoint& out) { return read_endpoint(v, c, out); }
  static std::string write(const Endpoint& value) {
    return value == Endpoint{} ? std::string() : element(value);
  }
  static std::string element(const Endpoint& value) { return toml_string(flagfall::to_string(value)); }
  static std::string name() { return "address:port"; }
  static std::string example() { return "\"192.0.2.1:53\""; }
};

template <>
struct Codec<IpAddress> {
  static bool read(const Value& v, const Context& c, IpAddress& out) { return read_ip(v, c, out); }
  static std::string write(const IpAddress& value) {
    return value == IpAddress{} ? std::string() : element(value);
  }
  static std::string element(const IpAddress& value) { return toml_string(flagfall::to_string(value)); }
  static std::string name() { return "address"; }
  static std::string example() { return "\"192.0.2.1\""; }
};

template <>
struct Codec<Prefix> {
  static bool read(const Value& v, const Context& c, Prefix& out) { return read_prefix(v, c, out); }
  static std::string write(const Prefix& value) { return value == Prefix{} ? std::string() : element(value); }
  static std::string element(const Prefix& value) { return toml_string(flagfall::to_string(value)); }
  static std::string name() { return "prefix"; }
  static std::string example() { return "\"192.0.2.0/24\""; }
};

template <>
struct Codec<Path> {
  static bool read(const Value& v, const Context& c, Path& out) { return read_path(v, c, out); }
  static std::string write(const Path& value) { return value.empty() ? std::string() : element(value); }
  static std::string element(const Path& value) { return toml_string(value.text); }
  static std::string name() { return "file"; }
  static std::string example() { return "\"file\""; }
};

template <class T>
struct Codec<std::vector<T>> {
  static bool read(const Value& v, const Context& c, std::vector<T>& out) {
    const auto* array = std::get_if<Value::Array>(&v.data);
    if (array == nullptr) return c.mismatch(v, name(), example());
    if (c.key.required && array->empty()) return c.fail(v, "must not be empty");
    std::vector<T> elements;
    bool all = true;
    for (const Value& element : *array) {
      T one{};
      all = Codec<T>::read(element, c, one) && all;
      elements.push_back(std::move(one));
    }
    if (all) out = std::move(elements);
    return all;
  }
  static std::string write(const std::vector<T>& value) {
    std::string out = "[";
    for (const T& one : value) out += (out.size() > 1 ? ", " : "") + write_element(one);
    return out + "]";
  }
  static std::string name() { return "array of " + Codec<T>::name(); }
  static std::string example() { return "[" + Codec<T>::example() + "]"; }

 private:
  static std::string write_element(const T& one) {
    if constexpr (requires { Codec<T>::element(one); }) {
      return Codec<T>::element(one);
    } else {
      return Codec<T>::write(one);
    }
  }
};

template <class T>
struct Codec<OneOrMore<T>> {
  static bool read(const Value& v, const Context& c, OneOrMore<T>& out) {
    if (std::holds_alternative<Value::Array>(v.data)) return Codec<std::vector<T>>::read(v, c, out.all);
    T one{};
    if (!Codec<T>::read(v, c, one)) return false;
    out.all = {std::move(one)};
    return true;
  }
  static std::string write(const OneOrMore<T>& value) {
    return value.all.size() == 1 ? Codec<T>::write(value.all.front())
                                 : Codec<std::vector<T>>::write(value.all);
  }
  static std::string name() { return Codec<T>::name() + " or array of them"; }
  static std::string example() { return Codec<T>::example(); }
};

/// A key that has no value unless one is written.
template <class T>
struct Codec<std::optional<T>> {
  static bool read(const Value& v, const Context& c, std::optional<T>& out) {
    T one{};
    if (!Codec<T>::read(v, c, one)) return false;
    out = std::move(one);
    return true;
  }
  static std::string write(const std::optional<T>& value) {
    return value ? Codec<T>::write(*value) : std::string();
  }
  static std::string name() { return Codec<T>::name(); }
  static std::string example() { return Codec<T>::example(); }
};

}  // namespace flagfall::config
