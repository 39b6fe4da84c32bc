#include "stats/since.hh"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <optional>

namespace flagfall::stats {
namespace {

using std::chrono::sys_days;

/// Further back is a mistake; and nothing that is added to it can overflow.
constexpr std::int64_t kMost = std::int64_t{1} << 40;

/// Takes `digits` digits from the front.
std::optional<unsigned> take_number(std::string_view& text, std::size_t digits) {
  unsigned value = 0;
  if (text.size() < digits) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc() || end != text.data() + digits) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::int64_t> take_date(std::string_view& text) {
  const auto year = take_number(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day));
  if (!date.ok()) return std::nullopt;
  return std::int64_t{sys_days(date).time_since_epoch().count()} * 86'400;
}

/// "09:30" or "09:30:15"
std::optional<std::int64_t> take_clock(std::string_view& text) {
  const auto hour = take_number(text, 2);
  if (!hour || *hour > 23 || !take(text, ":")) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  unsigned second = 0;
  if (take(text, ":")) {
    const auto s = take_number(text, 2);
    if (!s || *s > 60) return std::nullopt;
    second = *s;
  }
  return *hour * 3600 + *minute * 60 + second;
}

std::optional<std::int64_t> absolute(std::string_view text) {
  const auto date = take_date(text);
  if (!date || text.empty()) return date;
  if (!take(text, "T ")) return std::nullopt;
  const auto clock = take_clock(text);
  if (!clock) return std::nullopt;
  (void)take(text, "Z");
  if (!text.empty()) return std::nullopt;
  return *date + *clock;
}

std::optional<std::int64_t> integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > kMost)
    return std::nullopt;
  return value;
}

std::optional<std::int64_t> ago(std::string_view text) {
  constexpr std::array<std::pair<char, std::int64_t>, 5> kUnits{
      {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86'400}, {'w', 604'800}}};
  for (const auto& [unit, seconds] : kUnits) {
    if (!text.ends_with(unit)) continue;
    const auto value = integer(text.substr(0, text.size() - 1));
    if (!value || *value > kMost / seconds) return std::nullopt;
    return *value * seconds;
  }
  return std::nullopt;
}

}  // namespace

Result<std::int64_t> parse_since(std::string_view text, std::int64_t now) {
  if (text.starts_with('@')) {
    if (const auto time = integer(text.substr(1))) return *time;
  } else if (const auto before = ago(text)) {
    return now - *before;
  } else if (const auto time = absolute(text)) {
    return *time;
  }
  return Error{fmt::format("'{}' is no time: write 15m, 1h, 2d, 2026-11-21 or 2026-11-21T09:30 (UTC)",
                           text.substr(0, 40))};
}

std::string time_text(std::int64_t time) {
  constexpr std::int64_t kFirst = -62'135'596'800;  // 0001-01-01
  constexpr std::int64_t kLast = 253'402'300'799;   // 9999-12-31T23:59:59
  if (time < kFirst || time > kLast) return fmt::format("@{}", time);
  const std::chrono::sys_seconds at{std::chrono::seconds(time)};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(at - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

}  // namespace flagfall::stats
