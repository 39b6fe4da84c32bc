// `[clock]`, the same table for masters and slaves: who knows the time, and how
// wrong it may be. Reads the key file; asks nobody for the time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clocksync/clock_source.hh"
#include "common/base/result.hh"
#include "common/config/schema.hh"
#include "common/wire/session.hh"

namespace flagfall::clocksync {

/// `[clock.serve]`: what a master tells its slaves to ask.
struct ServeConfig {
  std::vector<Endpoint> addresses;
  config::Path key_file;
  std::uint32_t key_id = 0;
};

struct ClockConfig {
  enum class Source : std::uint8_t { chrony, ntp, master } source = Source::chrony;
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
  // At slaves: whether instants are told by this host's clock or by the master's heartbeats.
  enum class Sync : std::uint8_t { absolute, relative } sync = Sync::absolute;
  enum class Fallback : std::uint8_t { none, relative } fallback = Fallback::none;
  ServeConfig serve;  // at masters
};

/// Masters serve; only slaves may have source "master".
enum class Role : std::uint8_t { master, slave };
config::Schema<ClockConfig> clock_schema(Role role);

/// What make_clock_source() takes; for source "master" what LearnedSource takes, without servers.
/// Reads `key_file`; the error is one line that says what to do.
Result<ClockSourceOptions> source_options(const ClockConfig& config);

/// What a master's Welcome names. Reads `serve.key_file`.
Result<std::vector<wire::TimeServer>> time_servers(const ServeConfig& config);

}  // namespace flagfall::clocksync
