#include "delay/needs_table.hh"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/config/types.hh"

namespace flagfall::delay {
namespace {

/// No delay is longer; what is computed with it fits 64 bits by far.
constexpr Nanos kMostNeed = std::chrono::hours(1);

std::optional<double> factor(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!std::isfinite(value) || value < 0 || value > 1000) return std::nullopt;
  return value;
}

}  // namespace

Result<WhatIf> parse_what_if(std::string_view text) {
  const auto wrong = [text](std::string_view why) {
    return Error{
        fmt::format("'{}': {}; write slave=fra,+15ms or slave=fra,-5ms or slave=fra,*1.2", text, why)};
  };
  constexpr std::string_view kSlave = "slave=";
  if (!text.starts_with(kSlave)) return wrong("it does not begin with slave=");
  const std::string_view rest = text.substr(kSlave.size());
  const std::size_t comma = rest.rfind(',');
  if (comma == std::string_view::npos) return wrong("no comma");
  if (comma == 0) return wrong("no slave");
  WhatIf out{std::string(rest.substr(0, comma))};
  const std::string_view change = rest.substr(comma + 1);
  if (change.size() < 2) return wrong("no change behind the comma");
  if (change.front() == '*') {
    const auto value = factor(change.substr(1));
    if (!value) return wrong("a factor is a number from 0 to 1000");
    out.factor = *value;
    return out;
  }
  if (change.front() != '+' && change.front() != '-') return wrong("a change begins with +, - or *");
  const auto duration = config::parse_duration(change.substr(1));
  if (!duration) return wrong(duration.error());
  if (*duration < Nanos(0) || *duration > kMostNeed) return wrong("at most 1h");
  out.shift = change.front() == '-' ? -*duration : *duration;
  return out;
}

void NeedsTable::apply(std::size_t slave, const WhatIf& what) {
  assert(slave < slaves_);
  for (std::size_t i = slave; i < needed_.size(); i += slaves_) {
    if (needed_[i] == kAbsent) continue;
    const double changed = static_cast<double>(needed_[i].count()) * what.factor;
    const auto most = static_cast<double>(kMostNeed.count());
    needed_[i] = std::clamp(Nanos(std::llround(std::min(changed, most))) + what.shift, Nanos(0), kMostNeed);
  }
}

}  // namespace flagfall::delay
