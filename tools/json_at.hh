// JSON that a daemon sent, whatever it holds: looked at without trust, shown as text. Total.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace flagfall::tools {

/// The value at a path of keys; null when any step is missing.
const nlohmann::json& json_at(const nlohmann::json& json, std::initializer_list<std::string_view> path);
inline const nlohmann::json& json_at(const nlohmann::json& json, std::string_view key) {
  return json_at(json, {key});
}
/// A string, an integer, yes or no; "-" for anything else.
std::string json_text(const nlohmann::json& json);
/// With so many digits behind the point; "-" when it is no number.
std::string json_number(const nlohmann::json& json, int digits, std::string_view unit = {});
/// "fra, nyc"; "-" when there is nothing.
std::string json_list(const nlohmann::json& json);
/// 86.2 -> "1m 26s"; "-" when it is no such number.
std::string json_period(const nlohmann::json& seconds);

/// A value in CSV (RFC 4180), so that no spreadsheet takes it for a formula.
std::string csv_cell(const nlohmann::json& json);

}  // namespace flagfall::tools
