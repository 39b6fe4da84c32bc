// Keeps the database small: seconds become minutes, minutes become hours, hours
// go in the end; earlier than configured while the file is too large. One step a
// call, one transaction a step, so that the writer's thread is never long away
// from its batches.
#pragma once

#include <cstdint>

#include "stats/schema.hh"

namespace flagfall::stats {

struct KeepLimits {
  std::int64_t seconds = 600;       // how long cells of a second are kept, in seconds
  std::int64_t minutes = 21'600;    // and those of a minute
  std::int64_t hours = 31'536'000;  // and of an hour
  std::int64_t arrivals = 86'400;   // where slaves' answers arrive: since it was last measured
  std::int64_t most_bytes = std::int64_t{256} << 20;
  std::int64_t prefixes = 1000;  // in a minute or an hour of a service; the least busy ones join kOther
};

class RollUp {
 public:
  enum class Step : std::uint8_t { idle, worked, failed };

  /// `db` outlives it.
  RollUp(Database& db, const KeepLimits& keep) : db_(db), keep_(keep) {}

  /// The most urgent piece of work at `now` (seconds since the Unix epoch).
  Step step(std::int64_t now);

 private:
  Step roll(std::int64_t from, std::int64_t to, std::int64_t until);
  Step drop_hour(std::int64_t until);
  Step shrink(std::int64_t now);
  Step forget_arrivals(std::int64_t now);
  Step vacuum();
  [[nodiscard]] std::int64_t used_bytes();

  Database& db_;
  KeepLimits keep_;
  bool shrinking_ = false;
  std::int64_t arrivals_seen_ = 0;
};

}  // namespace flagfall::stats
