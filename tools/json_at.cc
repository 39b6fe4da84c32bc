#include "tools/json_at.hh"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

namespace flagfall::tools {

using Json = nlohmann::json;

const Json& json_at(const Json& json, std::initializer_list<std::string_view> path) {
  static const Json null;
  const Json* here = &json;
  for (const std::string_view key : path) {
    if (!here->is_object()) return null;
    const auto found = here->find(key);
    if (found == here->end()) return null;
    here = &*found;
  }
  return *here;
}

std::string json_text(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  if (json.is_boolean()) return json.get<bool>() ? "yes" : "no";
  return json.is_number_integer() ? json.dump() : "-";
}

std::string json_number(const Json& json, int digits, std::string_view unit) {
  // Past this a figure is no measurement, and would only fill the screen.
  constexpr double kMost = 1e15;
  if (!json.is_number() || !(std::abs(json.get<double>()) < kMost)) return "-";
  return fmt::format("{:.{}f}{}", json.get<double>(), digits, unit);
}

std::string json_list(const Json& json) {
  std::string out;
  if (json.is_array())
    for (const Json& one : json) out += (out.empty() ? "" : ", ") + json_text(one);
  return out.empty() ? "-" : out;
}

std::string json_period(const Json& seconds) {
  if (!seconds.is_number()) return "-";
  const double value = seconds.get<double>();
  if (!std::isfinite(value) || value < 0 || value > 1e12) return "-";
  const auto s = static_cast<std::uint64_t>(value);
  if (s >= 86400) return fmt::format("{}d {}h", s / 86400, s % 86400 / 3600);
  if (s >= 3600) return fmt::format("{}h {}m", s / 3600, s % 3600 / 60);
  if (s >= 60) return fmt::format("{}m {}s", s / 60, s % 60);
  return fmt::format("{}s", s);
}

std::string csv_cell(const Json& json) {
  if (json.is_number_integer()) return json.dump();
  if (json.is_number()) return fmt::format("{:.6g}", json.get<double>());
  if (!json.is_string()) return {};
  std::string out = json.get<std::string>();
  // A spreadsheet must not take a name for a formula.
  if (!out.empty() && std::string_view("=+-@").find(out.front()) != std::string_view::npos)
    out.insert(0, "'");
  if (out.find_first_of(",\"\r\n") == std::string::npos) return out;
  for (std::size_t i = 0; (i = out.find('"', i)) != std::string::npos; i += 2) out.insert(i, "\"");
  return '"' + out + '"';
}

}  // namespace flagfall::tools
