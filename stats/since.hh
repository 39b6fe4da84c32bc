// "since when" as people write it. Pure and total.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.hh"

namespace flagfall::stats {

/// "90s", "15m", "1h", "2d", "4w" (before `now`), "2026-11-21", "2026-11-21T09:30", "2026-11-21 09:30:15Z"
/// (UTC), or seconds since the Unix epoch after '@'. Returns seconds since the Unix epoch.
Result<std::int64_t> parse_since(std::string_view text, std::int64_t now);

/// "2026-11-21T09:30:15Z"; years 1 to 9999, else "@SECONDS".
std::string time_text(std::int64_t time);

}  // namespace flagfall::stats
