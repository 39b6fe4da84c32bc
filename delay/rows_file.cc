#include "delay/rows_file.hh"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "common/base/units.hh"

namespace flagfall::delay {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostName = 255;
/// What a need, a delay or a bound can be; far beyond any race's.
constexpr Nanos kMostTime = std::chrono::hours(1);
/// Where a double still holds every whole number.
constexpr double kMostCount = 9e15;

/// Printable, so that no terminal obeys it.
bool good_name(const std::string& name) {
  return !name.empty() && name.size() <= kMostName &&
         std::ranges::all_of(name, [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
}

const Json* find(const Json& object, const char* key) {
  const auto at = object.find(key);
  return at == object.end() ? nullptr : &*at;
}

/// A number in [0, most]; `otherwise` where the key is missing or null; nothing where it is something else.
std::optional<double> figure(const Json& object, const char* key, double most, double otherwise) {
  const Json* at = find(object, key);
  if (at == nullptr || at->is_null()) return otherwise;
  if (!at->is_number()) return std::nullopt;
  const double value = at->get<double>();
  if (!(value >= 0 && value <= most)) return std::nullopt;
  return value;
}

std::optional<Nanos> time(const Json& object, const char* key) {
  const auto ms = figure(object, key, in_ms(kMostTime), 0);
  if (!ms) return std::nullopt;
  return Nanos(std::llround(*ms * 1e6));
}

std::optional<std::uint64_t> hex(const Json* value) {
  if (value == nullptr || !value->is_string()) return std::nullopt;
  const auto& text = value->get_ref<const std::string&>();
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, 16);
  if (error != std::errc() || end != text.data() + text.size() || text.size() > 16) return std::nullopt;
  return out;
}

Error bad(const char* what) {
  return Error{fmt::format("'{}' is missing, or not what it should be", what)};
}

Status read_names(const Json& json, RowsHeader& out) {
  const Json* service = find(json, "service");
  if (service == nullptr || !service->is_string()) return bad("service");
  out.service = service->get<std::string>();
  const Json* slaves = find(json, "slaves");
  if (!good_name(out.service)) return bad("service");
  if (slaves == nullptr || !slaves->is_array() || slaves->empty() ||
      slaves->size() > NeedsTable::kMostColumns)
    return bad("slaves");
  std::set<std::string> seen;
  for (const Json& slave : *slaves) {
    if (!slave.is_string() || !good_name(slave.get<std::string>())) return bad("slaves");
    out.slaves.push_back(slave.get<std::string>());
    if (!seen.insert(out.slaves.back()).second) return bad("slaves");
  }
  return Ok{};
}

Status read_weights(const Json& json, RowsHeader& out) {
  const Json* weights = find(json, "weights");
  if (weights == nullptr || weights->is_null()) return Ok{};
  if (!weights->is_array() || weights->size() != out.slaves.size()) return bad("weights");
  for (const Json& weight : *weights) {
    if (!weight.is_number()) return bad("weights");
    const double value = weight.get<double>();
    if (!(value >= 0 && value <= kMostCount)) return bad("weights");
    out.weights.push_back(value);
  }
  return Ok{};
}

Status read_policy(const Json& json, RowsHeader& out) {
  const auto delay = time(json, "delay_ms");
  if (!delay) return bad("delay_ms");
  out.delay = *delay;
  const auto bound = time(json, "bound_ms");
  if (!bound) return bad("bound_ms");
  out.bound = *bound;
  const auto on_time = figure(json, "on_time", 1, 0);
  if (!on_time) return bad("on_time");
  if (*on_time > 0) out.on_time = *on_time;
  const auto nearest = figure(json, "nearest", NeedsTable::kMostColumns, 0);
  if (!nearest) return bad("nearest");
  out.nearest = static_cast<unsigned>(*nearest);
  const Json* late = find(json, "late");
  if (late == nullptr || (*late != "send" && *late != "drop")) return bad("late");
  out.late_drops = *late == "drop";
  return Ok{};
}

Status read_place(const Json& json, RowsHeader& out) {
  const auto instance = hex(find(json, "instance"));
  if (!instance) return bad("instance");
  out.instance = *instance;
  struct Count {
    const char* key;
    std::uint64_t* value;
    double otherwise;
  };
  const std::array counts{Count{"networks", &out.networks, 0}, Count{"next", &out.next, 0},
                          Count{"missed", &out.missed, 0}, Count{"one_in", &out.one_in, 1}};
  for (const auto& each : counts) {
    const auto value = figure(json, each.key, kMostCount, each.otherwise);
    if (!value) return bad(each.key);
    *each.value = static_cast<std::uint64_t>(*value);
  }
  return Ok{};
}

Result<RowsHeader> read_header(const Json& json) {
  if (const Json* kind = find(json, "flagfall"); kind == nullptr || *kind != "rows")
    return Error{"these are no rows of flagfall; record some with: flagfall record SERVICE --output FILE"};
  const Json* version = find(json, "version");
  if (version == nullptr || !version->is_number_integer()) return bad("version");
  if (*version != kRowsVersion)
    return Error{
        fmt::format("rows of version {}, and this program knows {}; take the flagfall that recorded them",
                    version->dump(), kRowsVersion)};
  RowsHeader out;
  for (const auto& read : {read_names, read_weights, read_policy, read_place})
    if (const Status good = read(json, out); !good) return Error{good.error()};
  return out;
}

}  // namespace

void write_header(std::string& out, const RowsHeader& header) {
  const Json json = {{"flagfall", "rows"},
                     {"version", kRowsVersion},
                     {"service", header.service},
                     {"slaves", header.slaves},
                     {"delay_ms", in_ms(header.delay)},
                     {"on_time", header.on_time ? Json(*header.on_time) : Json(nullptr)},
                     {"nearest", header.nearest},
                     {"late", header.late_drops ? "drop" : "send"},
                     {"bound_ms", in_ms(header.bound)},
                     {"weights", header.weights.empty() ? Json(nullptr) : Json(header.weights)},
                     {"networks", header.networks},
                     {"instance", fmt::format("{:016x}", header.instance)},
                     {"next", header.next},
                     {"missed", header.missed},
                     {"one_in", header.one_in}};
  out += json.dump(-1, ' ', true, Json::error_handler_t::replace);
  out += '\n';
}

void write_row(std::string& out, RealTime at, std::uint64_t race, std::span<const Nanos> needed) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, R"({{"at_ms":{},"race":"{:016x}","needed_us":[)", to_ns(at) / 1'000'000, race);
  for (std::size_t i = 0; i < needed.size(); ++i) {
    if (i > 0) out += ',';
    if (needed[i] == NeedsTable::kAbsent)
      out += "null";
    else
      fmt::format_to(to, "{}.{:03}", needed[i].count() / 1000, needed[i].count() % 1000);
  }
  out += "]}\n";
}

Status RowsReader::take_header(RowsHeader header) {
  if (header_) {
    if (header.service != header_->service || header.slaves != header_->slaves)
      return Error{"the rows go on with another service or other slaves; record each in a file of its own"};
    if (header.instance != header_->instance) ++restarts_;
  } else {
    table_.emplace(header.slaves.size());
  }
  missed_ = std::min(missed_ + header.missed, static_cast<std::uint64_t>(kMostCount));
  header_ = std::move(header);
  return Ok{};
}

Status RowsReader::line(std::string_view text) {
  if (text.size() > kMostRowLine) return Error{"the line is too long for a row"};
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return Error{"no JSON object"};
  if (!header_ || json.contains("flagfall")) {
    auto header = read_header(json);
    if (!header) return Error{header.error()};
    return take_header(std::move(*header));
  }
  const auto race = hex(find(json, "race"));
  if (!race) return bad("race");
  const auto at = figure(json, "at_ms", kMostCount / 1e3, -1);
  if (!at || *at < 0) return bad("at_ms");
  const Json* needed = find(json, "needed_us");
  if (needed == nullptr || !needed->is_array() || needed->size() != table_->slaves()) return bad("needed_us");
  std::array<Nanos, NeedsTable::kMostColumns> row{};
  bool any = false;
  for (std::size_t i = 0; i < needed->size(); ++i) {
    const Json& value = (*needed)[i];
    row.at(i) = NeedsTable::kAbsent;
    if (value.is_null()) continue;
    if (!value.is_number()) return bad("needed_us");
    const double us = value.get<double>();
    if (!(us >= 0 && us <= in_ms(kMostTime) * 1e3)) return bad("needed_us");
    row.at(i) = Nanos(std::llround(us * 1e3));
    any = true;
  }
  if (!any) return bad("needed_us");
  if (!races_.insert(*race).second) {
    ++repeated_;
    return Ok{};
  }
  if (const std::size_t most = std::min(kMostFileRows, kMostFileNeeds / table_->slaves());
      table_->races() == most)
    return Error{fmt::format("more than {} races; cut the file with head", most)};
  last_ = from_ns<RealTime>(std::llround(*at) * 1'000'000);
  if (table_->races() == 0) first_ = last_;
  table_->add(std::span(row).first(needed->size()));
  return Ok{};
}

Status read_rows(std::string_view text, RowsReader& reader, bool& cut) {
  cut = false;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      cut = true;
      break;
    }
    if (const Status good = reader.line(text.substr(0, end)); !good)
      return Error{fmt::format("line {}: {}", number, good.error())};
    text.remove_prefix(end + 1);
  }
  if (reader.header() == nullptr)
    return Error{"no header: this is no file of rows, or it was cut off at once"};
  return Ok{};
}

}  // namespace flagfall::delay
