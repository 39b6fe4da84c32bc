#include "tools/race_errors.hh"

#include <cmath>
#include <nlohmann/json.hpp>

namespace flagfall::tools {
namespace {

using Json = nlohmann::json;

/// The number at `object[key]`, not negative and of sane size; nothing otherwise.
std::optional<double> figure(const Json& json, const char* object, const char* key) {
  const auto outer = json.find(object);
  if (outer == json.end() || !outer->is_object()) return {};
  const auto inner = outer->find(key);
  if (inner == outer->end() || !inner->is_number()) return {};
  const double value = std::abs(inner->get<double>());
  if (!(value < 1e9)) return {};
  return value;
}

}  // namespace

Result<RaceErrors> read_race_errors(std::string_view status_json) {
  const Json status = Json::parse(status_json, nullptr, false);
  if (!status.is_object() || !status.contains("slaves") || !status["slaves"].is_array())
    return Error{"no status of a master; write it with: flagfall status --json"};
  RaceErrors errors;
  for (const Json& slave : status["slaves"]) {
    if (!slave.is_object() || !slave.contains("name") || !slave["name"].is_string()) continue;
    const auto clock = figure(slave, "clock", "expected_error_ms");
    auto transmit = figure(slave, "stamp_error_us", "p99");
    if (!transmit) transmit = figure(slave, "transmit_error_us", "p99");  // where stamps are not to be had
    if (!clock || !transmit) continue;
    errors[slave["name"].get<std::string>()] = Nanos(std::llround(*clock * 1e6 + *transmit * 1e3));
  }
  return errors;
}

std::optional<Nanos> error_between(const RaceErrors& errors, const std::string& a, const std::string& b) {
  const auto first = errors.find(a);
  const auto second = errors.find(b);
  if (first == errors.end() || second == errors.end()) return {};
  return first->second + second->second;
}

}  // namespace flagfall::tools
