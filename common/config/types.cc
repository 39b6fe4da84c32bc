#include "common/config/types.hh"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <numeric>

namespace flagfall::config {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t size;
};

// Largest first: the order in which to_string tries them.
constexpr std::array kTimeUnits{
    Unit{"h", 3'600'000'000'000}, Unit{"m", 60'000'000'000}, Unit{"s", 1'000'000'000},
    Unit{"ms", 1'000'000},        Unit{"us", 1'000},         Unit{"ns", 1}};
constexpr std::array kSizeUnits{Unit{"GiB", 1LL << 30},
                                Unit{"MiB", 1LL << 20},
                                Unit{"KiB", 1LL << 10},
                                Unit{"GB", 1'000'000'000},
                                Unit{"MB", 1'000'000},
                                Unit{"kB", 1'000},
                                Unit{"B", 1}};

template <std::size_t N>
const Unit* find_unit(const std::array<Unit, N>& units, std::string_view name) {
  for (const Unit& unit : units)
    if (unit.name == name) return &unit;
  return nullptr;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Up to 18 digits, so that they and their power of ten fit 64 bits; none for anything else.
std::optional<std::int64_t> digits(std::string_view text) {
  constexpr std::size_t kMostDigits = 18;
  if (text.empty() || text.size() > kMostDigits || !std::all_of(text.begin(), text.end(), is_digit))
    return std::nullopt;
  std::int64_t n = 0;
  for (const char c : text) n = n * 10 + (c - '0');
  return n;
}

/// digits[.digits] of a unit; none when that is no whole number, or overflows.
std::optional<std::int64_t> scaled(std::string_view number, std::int64_t unit) {
  const std::size_t point = number.find('.');
  const auto whole = digits(number.substr(0, point));
  std::int64_t total = 0;
  if (!whole || __builtin_mul_overflow(*whole, unit, &total)) return std::nullopt;
  if (point == std::string_view::npos) return total;
  const auto fraction = digits(number.substr(point + 1));
  if (!fraction) return std::nullopt;
  std::int64_t power = 1;
  for (std::size_t i = point + 1; i < number.size(); ++i) power *= 10;
  // fraction * unit / power without leaving 64 bits.
  const std::int64_t common = std::gcd(unit, power);
  if (*fraction % (power / common) != 0) return std::nullopt;
  const std::int64_t part = *fraction / (power / common) * (unit / common);
  return __builtin_add_overflow(total, part, &total) ? std::nullopt : std::optional(total);
}

template <std::size_t N>
std::optional<std::int64_t> parse_scaled(const std::array<Unit, N>& units, std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && (is_digit(text[end]) || text[end] == '.')) ++end;
  const Unit* unit = find_unit(units, text.substr(end));
  return unit == nullptr ? std::nullopt : scaled(text.substr(0, end), unit->size);
}

template <std::size_t N>
std::string write_scaled(const std::array<Unit, N>& units, std::int64_t value, std::string_view zero) {
  if (value == 0) return std::string(zero);
  for (const Unit& unit : units)
    if (value % unit.size == 0) return fmt::format("{}{}", value / unit.size, unit.name);
  return fmt::format("{}{}", value, units.back().name);
}

/// A limit written in a schema; that it parses is ours to get right.
template <class T, class Parse>
T limit(const std::string& text, T otherwise, Parse parse) {
  if (text.empty()) return otherwise;
  const auto parsed = parse(text);
  assert(parsed.ok() && "a range in a schema does not parse");
  return *parsed;
}

template <class T>
bool in_range(const Value& v, const Context& c, const T& value, const T& least, const T& most,
              const std::string& shown, const std::string& least_shown, const std::string& most_shown) {
  if (value < least) return c.fail(v, fmt::format("{} is too small: at least {}", shown, least_shown));
  if (value > most) return c.fail(v, fmt::format("{} is too large: at most {}", shown, most_shown));
  return true;
}

Result<std::int64_t> parse_int(const std::string& text) {
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size()) return Error{"not an integer"};
  return n;
}

Result<double> parse_double(const std::string& text) {
  double d = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), d);
  if (error != std::errc{} || end != text.data() + text.size()) return Error{"not a number"};
  return d;
}

/// A string value, or a mismatch said in the terms of the type it stands for.
const std::string* as_string(const Value& v, const Context& c, std::string_view what,
                             std::string_view example) {
  const auto* text = std::get_if<std::string>(&v.data);
  if (text == nullptr) c.mismatch(v, what, c.key.example.empty() ? example : std::string_view(c.key.example));
  return text;
}

}  // namespace

void Errors::add(const Error& error) {
  if (++count_ <= kMost) lines_.push_back(error.text);
}

Error Errors::all() const {
  std::string out;
  for (const std::string& line : lines_) out += (out.empty() ? "" : "\n") + line;
  if (count_ > lines_.size()) out += fmt::format("\nand {} more errors", count_ - lines_.size());
  return Error{out};
}

bool Context::fail(const Value& at, std::string_view text) const {
  errors.add(at.error(fmt::format("{}: {}", name, text)));
  return false;
}

bool Context::mismatch(const Value& at, std::string_view what, std::string_view example) const {
  return fail(at, fmt::format("expected {} {}, such as {}, found {}",
                              what.starts_with('i') || what.starts_with('a') ? "an" : "a", what, example,
                              at.describe()));
}

Result<Nanos> parse_duration(std::string_view text) {
  const auto ns = parse_scaled(kTimeUnits, text);
  if (!ns)
    return Error{
        fmt::format(R"("{}" is not a duration: a number and one of ns us ms s m h, such as "25ms")", text)};
  return Nanos(*ns);
}

std::string to_string(Nanos duration) {
  return write_scaled(kTimeUnits, duration.count(), "0s");
}

Result<ByteSize> parse_byte_size(std::string_view text) {
  const auto bytes = parse_scaled(kSizeUnits, text);
  if (!bytes)
    return Error{fmt::format(
        R"("{}" is not a size: a number and one of B kB MB GB KiB MiB GiB, such as "4MiB")", text)};
  return ByteSize{*bytes};
}

std::string to_string(ByteSize size) {
  // Binary units only, so that what is written is what one would read: 4MiB, not 4194304B.
  for (const Unit& unit : kSizeUnits)
    if (unit.name.size() != 2 && size.bytes % unit.size == 0 && size.bytes != 0)
      return fmt::format("{}{}", size.bytes / unit.size, unit.name);
  return "0B";
}

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

bool read_bool(const Value& value, const Context& context, bool& out) {
  const auto* b = std::get_if<bool>(&value.data);
  if (b == nullptr) return context.mismatch(value, "boolean", "true");
  out = *b;
  return true;
}

bool read_integer(const Value& value, const Context& context, std::int64_t least, std::int64_t most,
                  std::int64_t& out) {
  const auto* n = std::get_if<std::int64_t>(&value.data);
  if (n == nullptr)
    return context.mismatch(value, "integer", context.key.example.empty() ? "1" : context.key.example);
  const std::int64_t low = limit(context.key.least, least, parse_int);
  const std::int64_t high = limit(context.key.most, most, parse_int);
  if (!in_range(value, context, *n, low, high, std::to_string(*n), std::to_string(low), std::to_string(high)))
    return false;
  out = *n;
  return true;
}

bool read_double(const Value& value, const Context& context, double& out) {
  double d = 0;
  if (const auto* real = std::get_if<double>(&value.data))
    d = *real;
  else if (const auto* n = std::get_if<std::int64_t>(&value.data))
    d = static_cast<double>(*n);
  else
    return context.mismatch(value, "number", context.key.example.empty() ? "0.5" : context.key.example);
  if (!std::isfinite(d)) return context.fail(value, "must be a finite number");
  const double low = limit(context.key.least, std::numeric_limits<double>::lowest(), parse_double);
  const double high = limit(context.key.most, std::numeric_limits<double>::max(), parse_double);
  if (!in_range(value, context, d, low, high, fmt::format("{}", d), context.key.least, context.key.most))
    return false;
  out = d;
  return true;
}

bool read_string(const Value& value, const Context& context, std::string& out) {
  const std::string* text = as_string(value, context, "string", "\"text\"");
  if (text == nullptr) return false;
  if (context.key.required && text->empty()) return context.fail(value, "must not be empty");
  if (text->find('\0') != std::string::npos) return context.fail(value, "must not hold a zero byte");
  out = *text;
  return true;
}

bool read_duration(const Value& value, const Context& context, Nanos& out) {
  const std::string* text = as_string(value, context, "duration", "\"25ms\"");
  if (text == nullptr) return false;
  const Result<Nanos> parsed = parse_duration(*text);
  if (!parsed) return context.fail(value, parsed.error());
  const Nanos low = limit(context.key.least, Nanos(0), parse_duration);
  const Nanos high = limit(context.key.most, Nanos::max(), parse_duration);
  if (!in_range(value, context, *parsed, low, high, *text, context.key.least, context.key.most)) return false;
  out = *parsed;
  return true;
}

bool read_byte_size(const Value& value, const Context& context, ByteSize& out) {
  ByteSize size;
  if (const auto* n = std::get_if<std::int64_t>(&value.data)) {
    size.bytes = *n;
  } else {
    const std::string* text = as_string(value, context, "size", "\"4MiB\"");
    if (text == nullptr) return false;
    const Result<ByteSize> parsed = parse_byte_size(*text);
    if (!parsed) return context.fail(value, parsed.error());
    size = *parsed;
  }
  const ByteSize low = limit(context.key.least, ByteSize{0}, parse_byte_size);
  const ByteSize high =
      limit(context.key.most, ByteSize{std::numeric_limits<std::int64_t>::max()}, parse_byte_size);
  if (!in_range(value, context, size.bytes, low.bytes, high.bytes, value.describe(), to_string(low),
                to_string(high)))
    return false;
  out = size;
  return true;
}

bool read_endpoint(const Value& value, const Context& context, Endpoint& out) {
  const std::string* text = as_string(value, context, "address:port", "\"192.0.2.1:53\"");
  if (text == nullptr) return false;
  const Result<Endpoint> parsed = parse_endpoint(*text, context.key.port);
  if (!parsed) return context.fail(value, parsed.error());
  out = *parsed;
  return true;
}

bool read_ip(const Value& value, const Context& context, IpAddress& out) {
  const std::string* text = as_string(value, context, "address", "\"192.0.2.1\"");
  if (text == nullptr) return false;
  const Result<IpAddress> parsed = parse_ip(*text);
  if (!parsed) return context.fail(value, parsed.error());
  out = *parsed;
  return true;
}

bool read_prefix(const Value& value, const Context& context, Prefix& out) {
  const std::string* text = as_string(value, context, "prefix", "\"192.0.2.0/24\"");
  if (text == nullptr) return false;
  const Result<Prefix> parsed = parse_prefix(*text);
  if (!parsed) return context.fail(value, parsed.error());
  out = *parsed;
  return true;
}

bool read_path(const Value& value, const Context& context, Path& out) {
  std::string text;
  if (!read_string(value, context, text)) return false;
  if (!text.empty()) {
    const std::filesystem::path path(text);
    text = path.is_absolute() ? text : (std::filesystem::path(value.file).parent_path() / path).string();
  }
  out.text = std::move(text);
  return true;
}

std::string write_double(double value) {
  std::string out = fmt::format("{}", value);
  if (out.find_first_of(".en") == std::string::npos) out += ".0";
  return out;
}

}  // namespace flagfall::config
