// `[clock]`, the same table for masters and slaves: who knows the time, and how
// wrong it may be. Reads the key file; asks nobody for the time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clocksync/clock_source.hh"
#include "common/base/result.hh"
#include "common/config/schema.hh"

namespace flagfall::clocksync {

struct ClockConfig {
  enum class Source : std::uint8_t { chrony, ntp } source = Source::chrony;
  std::string chrony = "127.0.0.1:323";
  Nanos poll = std::chrono::seconds(1);
  std::vector<Endpoint> servers;
  config::Path key_file;
  std::uint32_t key_id = 0;
  Nanos poll_least = std::chrono::seconds(1);
  Nanos poll_most = std::chrono::seconds(16);
  unsigned agree = 1;
  double asymmetry = 0.05;
  Nanos max_error = std::chrono::milliseconds(5);
};

/// `max_error_help`: what a daemon does beyond clock.max_error.
config::Schema<ClockConfig> clock_schema(const std::string& max_error_help);

/// What make_clock_source() takes. Reads `key_file`; the error is one line that says what to do.
Result<ClockSourceOptions> source_options(const ClockConfig& config);

}  // namespace flagfall::clocksync
