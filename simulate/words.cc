#include "simulate/words.hh"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "common/config/types.hh"
#include "simulate/places.hh"

namespace flagfall::simulate {
namespace {

/// A count from 1 to `most`; 0: it is none.
std::size_t count_of(std::string_view text, std::size_t most) {
  std::size_t value = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && at == text.data() + text.size() && value <= most ? value : 0;
}

Result<Nanos> duration(const std::string& option, const std::string& text) {
  const auto value = config::parse_duration(text);
  if (!value || *value < Nanos(0) || *value > std::chrono::hours(24 * 365))
    return Error{fmt::format("{} {}: a time such as 25ms, 10s or 1h", option, text)};
  return *value;
}

Result<std::vector<Nanos>> durations(const std::string& option, const std::vector<std::string>& texts) {
  std::vector<Nanos> out;
  for (const std::string& text : texts) {
    const auto value = duration(option, text);
    if (!value) return Error{value.error()};
    out.push_back(*value);
  }
  return out;
}

Status read_world(Words& words) {
  const std::string_view text = words.invented;
  if (text.empty()) {
    if (!words.matrix.empty() || !words.places.empty()) return Ok{};
    return Error{"write where sites and clients are: --matrix, --places or --random-places"};
  }
  const auto x = text.find('x');
  words.invented_sites = count_of(text.substr(0, x), kMostSites);
  words.invented_places = x == std::string_view::npos ? 0 : count_of(text.substr(x + 1), kMostPlaces);
  if (words.invented_sites == 0 || words.invented_places == 0)
    return Error{fmt::format("--random-places {}: write SITESxPLACES, such as 1000x25000; {}x{} at most",
                             text, kMostSites, kMostPlaces)};
  return Ok{};
}

}  // namespace

Status read_options(Words& words) {
  if (Status s = read_world(words); !s) return s;
  Options& o = words.options;
  const auto set = [&](const char* option, const std::string& text, Nanos& out) -> Status {
    const auto value = duration(option, text);
    if (!value) return Error{value.error()};
    out = *value;
    return Ok{};
  };
  if (Status s = set("--period", words.period, o.period); !s) return s;
  if (o.period <= Nanos(0)) return Error{"--period: longer than nothing"};
  if (Status s = set("--warm-up", words.warm_up, o.warm_up); !s) return s;
  if (Status s = set("--most-delay", words.at_most, o.most_delay); !s) return s;
  if (Status s = set("--clock-error", words.clock_error, o.clock_error); !s) return s;
  if (!words.remember.empty())
    if (Status s = set("--remember", words.remember, o.book.remember); !s) return s;
  if (words.delay != "auto") {
    const auto value = duration("--delay", words.delay);
    if (!value) return Error{value.error()};
    o.delay = *value;
  }
  auto delays = durations("--delays", words.delays);
  if (!delays) return Error{delays.error()};
  words.also_delays = std::move(*delays);
  auto clock_errors = durations("--clock-errors", words.clock_errors);
  if (!clock_errors) return Error{clock_errors.error()};
  words.also_clock_errors = std::move(*clock_errors);
  o.policies.clear();
  for (const std::string& name : words.policies) {
    const auto* const at = std::ranges::find(director::kPolicyNames, name);
    const auto policy = static_cast<director::Policy>(at - director::kPolicyNames.begin());
    using director::Policy;
    if (at == director::kPolicyNames.end() || (policy != Policy::race && policy != Policy::ping &&
                                               policy != Policy::geo && policy != Policy::round_robin))
      return Error{fmt::format("--policy {}: there are race, ping, geo and round-robin", name)};
    o.policies.push_back(policy);
  }
  return Ok{};
}

}  // namespace flagfall::simulate
