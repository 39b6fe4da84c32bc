// Limits that orders and session messages share (docs/protocol.md §2).
#pragma once

#include <cstdint>

namespace flagfall::wire {

/// The latest time that a reader accepts, in ns since 1970 (the year 2096); the
/// earliest is 0. Sums and differences of two such times do not overflow.
inline constexpr std::int64_t kMaxTime = 4'000'000'000'000'000'000;

/// The largest clock bound, in ns: eleven days.
inline constexpr std::int64_t kMaxBound = 1'000'000'000'000'000;

}  // namespace flagfall::wire
