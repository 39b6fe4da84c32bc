// The pieces of JSON that the status of every daemon has (docs/admin.md, rules of the
// JSON). Pure; any thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "common/base/histogram.hh"
#include "common/base/units.hh"
#include "common/wire/session.hh"

namespace flagfall::daemon {

/// null for an empty text: there is nothing to say.
nlohmann::json text_or_null(const std::string& text);
/// "unknown", "synchronised", "free_running"
const char* text_of(wire::ClockStatus status);
/// {"count", "p50", "p90", "p99", "max"}, in a unit: in_ms, in_us. Null but for the count while it is 0.
nlohmann::json histogram_json(const Histogram& histogram, double (*unit)(Nanos));
nlohmann::json spread_json(const wire::Spread& spread, double (*unit)(Nanos));

}  // namespace flagfall::daemon
