#include "master/client_report.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>

#include "common/wire/dns.hh"

namespace flagfall::master {
namespace {

using Json = nlohmann::json;

const Json* find(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto at = object.find(key);
  return at == object.end() ? nullptr : &*at;
}

const std::string* text(const Json& object, const char* key) {
  const Json* value = find(object, key);
  return value == nullptr ? nullptr : value->get_ptr<const std::string*>();
}

/// "www.example.test" in wire form, lower case; nothing when it is no name. Escapes are not understood.
std::optional<std::vector<std::uint8_t>> wire_form(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::vector<std::uint8_t> out;
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    if (label.empty() || label.size() > wire::kMaxLabel) return std::nullopt;
    out.push_back(static_cast<std::uint8_t>(label.size()));
    for (const char c : label) out.push_back(wire::lower(static_cast<std::uint8_t>(c)));
    if (out.size() >= wire::kMaxName) return std::nullopt;
    if (label.size() == name.size()) break;
    name.remove_prefix(label.size() + 1);
    if (name.empty()) return std::nullopt;
  }
  out.push_back(0);
  return out;
}

std::optional<ClientArrival> arrival(const Json& json) {
  ClientArrival out;
  const Json* ms = find(json, "ms");
  if (ms == nullptr || !ms->is_number()) return std::nullopt;
  const double value = ms->get<double>();
  if (!(value >= 0 && value <= std::chrono::duration<double, std::milli>(kMostClientWait).count()))
    return std::nullopt;
  out.after = Nanos(std::llround(value * 1e6));
  const Json* answers = find(json, "answers");
  if (answers == nullptr || !answers->is_array() || answers->empty()) return std::nullopt;
  for (const Json& answer : *answers) {
    if (out.count == ClientArrival::kMostAddresses) break;
    const auto* address = answer.get_ptr<const std::string*>();
    if (address == nullptr) return std::nullopt;
    const auto ip = parse_ip(*address);
    if (!ip) return std::nullopt;
    out.answers.at(out.count++) = *ip;
  }
  return out;
}

/// What is wrong with the race, or nullptr.
const char* read_race(const Json& json, ClientReport& out) {
  const std::string* client = text(json, "client");
  const Result<Endpoint> endpoint = client == nullptr ? Error{"none"} : parse_endpoint(*client);
  if (!endpoint || endpoint->port == 0) return "'client' is no address with a port";
  out.client = *endpoint;
  const Json* id = find(json, "id");
  if (id == nullptr || !id->is_number_unsigned() || id->get<std::uint64_t>() > 0xffff)
    return "'id' is no number below 65536";
  out.dns_id = static_cast<std::uint16_t>(id->get<std::uint64_t>());
  const std::string* type = text(json, "type");
  if (type == nullptr || (*type != "A" && *type != "AAAA")) return "'type' is neither A nor AAAA";
  out.type = *type == "A" ? wire::rrtype::kA : wire::rrtype::kAaaa;
  const std::string* name = text(json, "name");
  auto wire = name == nullptr ? std::nullopt : wire_form(*name);
  if (!wire) return "'name' is no name";
  out.name = std::move(*wire);
  const Json* arrivals = find(json, "arrivals");
  if (arrivals == nullptr || !arrivals->is_array() || arrivals->size() > out.arrivals.size())
    return "'arrivals' is no list, or one of more answers than a race has";
  for (const Json& each : *arrivals) {
    const auto one = arrival(each);
    if (!one) return "an arrival has no 'answers', or no 'ms' that can be";
    if (out.count > 0 && one->after < out.arrivals.at(out.count - 1U).after)
      return "arrivals are not in order";
    out.arrivals.at(out.count++) = *one;
  }
  return nullptr;
}

}  // namespace

Result<std::vector<ClientReport>> parse_client_reports(std::string_view json) {
  const Json whole = Json::parse(json, nullptr, false);
  const Json* races = find(whole, "races");
  if (races == nullptr || !races->is_array()) return Error{"no JSON object with 'races'"};
  if (races->size() > kMostClientReports)
    return Error{fmt::format("more than {} races in one report", kMostClientReports)};
  std::vector<ClientReport> out(races->size());
  for (std::size_t i = 0; i < out.size(); ++i)
    if (const char* wrong = read_race((*races)[i], out[i]); wrong != nullptr)
      return Error{fmt::format("race {}: {}", i + 1, wrong)};
  return out;
}

}  // namespace flagfall::master
