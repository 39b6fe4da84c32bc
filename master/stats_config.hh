// `[stats]` of the master's configuration: where winning-server statistics are
// kept, how finely and how long. The meaning of each key stands in its table.
#pragma once

#include "common/config/schema.hh"

namespace flagfall::master {

struct StatsConfig {
  bool enabled = true;
  config::Path database{"/var/lib/flagfall/statistics.db"};
  unsigned prefix_v4 = 24;
  unsigned prefix_v6 = 56;
  unsigned prefixes = 1000;
  Nanos keep_seconds = std::chrono::minutes(10);
  Nanos keep_minutes = std::chrono::hours(6);
  Nanos keep_hours = std::chrono::hours(24 * 365);
  config::ByteSize most_size{std::int64_t{256} << 20};
};

config::Schema<StatsConfig> stats_schema();

}  // namespace flagfall::master
