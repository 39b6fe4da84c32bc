// How far each slave's instant may be from the common one: what a win's margin
// must exceed to say anything about paths.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.hh"
#include "common/base/time.hh"

namespace flagfall::tools {

/// A slave's name, which is its answers' NSID, and its error: its clock's expected error plus the 99th
/// percentile of its kernel transmit stamps against their instants.
using RaceErrors = std::map<std::string, Nanos>;

/// From a master's status, as `flagfall status --json` prints it. Slaves that have not reported both figures
/// are left out. Total.
Result<RaceErrors> read_race_errors(std::string_view status_json);

/// The error of the difference between two slaves' instants; nothing when either is unknown.
std::optional<Nanos> error_between(const RaceErrors& errors, const std::string& a, const std::string& b);

}  // namespace flagfall::tools
