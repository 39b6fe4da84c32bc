#include "master/stats_config.hh"

namespace flagfall::master {

config::Schema<StatsConfig> stats_schema() {
  config::Schema<StatsConfig> s;
  s.key("enabled", &StatsConfig::enabled, {.help = "Keep statistics of who wins where"});
  s.key(
      "database", &StatsConfig::database,
      {.help = "SQLite file of the statistics; each master needs one of its own. Where it cannot be written, "
               "the master serves without, says so once, and tries again every second"});
  s.key("prefix_v4", &StatsConfig::prefix_v4,
        {.help = "Clients are counted by so many bits of their IPv4 address", .least = "0", .most = "32"});
  s.key("prefix_v6", &StatsConfig::prefix_v6,
        {.help = "Clients are counted by so many bits of their IPv6 address", .least = "0", .most = "128"});
  s.key(
      "prefixes", &StatsConfig::prefixes,
      {.help =
           "Prefixes with figures of their own in a second, minute or hour; the rest is counted as \"other\"",
       .least = "1",
       .most = "100000"});
  s.key("keep_seconds", &StatsConfig::keep_seconds,
        {.help = "Figures of each second are kept so long; then they become those of a minute",
         .least = "1m",
         .most = "24h"});
  s.key("keep_minutes", &StatsConfig::keep_minutes,
        {.help = "Figures of each minute are kept so long; then they become those of an hour",
         .least = "1h",
         .most = "720h"});
  s.key("keep_hours", &StatsConfig::keep_hours,
        {.help = "Figures of each hour are kept so long", .least = "1h", .most = "87600h"});
  s.key("most_size", &StatsConfig::most_size,
        {.help = "The file grows no larger: what is finest and oldest is summed up or dropped earlier",
         .least = "4MiB",
         .most = "1024GiB"});
  return s;
}

}  // namespace flagfall::master
