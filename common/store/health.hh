// How the keeping of a store goes, for status and metrics. A value.
#pragma once

#include <cstdint>
#include <string>

namespace flagfall::store {

struct Health {
  bool opened = false;         // it could be written when that was last tried
  std::string why_not;         // empty: all is kept
  std::uint64_t waiting = 0;   // things that are not written yet
  std::uint64_t kept = 0;      // things that are written since the start
  std::uint64_t not_kept = 0;  // things that are lost
  std::uint64_t wrong = 0;     // things that were read, and make no sense
  std::uint64_t transactions = 0;
  std::uint64_t failures = 0;
  std::uint64_t moved_aside = 0;  // damaged files
};

}  // namespace flagfall::store
