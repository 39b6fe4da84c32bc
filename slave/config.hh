// flagfall-slave's configuration: plain structs whose initial values are the
// defaults, and the table that reads them. The meaning of each key stands in
// the table, in config.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clocksync/config.hh"
#include "collect/config.hh"
#include "common/config/schema.hh"
#include "common/daemon/admin_config.hh"
#include "common/daemon/daemon.hh"
#include "slave/backend_config.hh"
#include "slave/front_config.hh"

namespace flagfall::slave {

struct MasterConfig {
  Endpoint address;
  std::string name;
};

struct ControlConfig {
  config::Path ca;
  config::Path certificate;
  config::Path key;
};

struct OrdersConfig {
  std::vector<Endpoint> listen = {*parse_endpoint("0.0.0.0:4954"), *parse_endpoint("[::]:4954")};
  config::ByteSize receive_buffer{std::int64_t{4} << 20};
};

/// "auto", which follows the measured wake-ups, or a duration.
struct GuardSetting {
  std::optional<Nanos> fixed;
};

/// "any", or a number.
struct CpuSetting {
  std::optional<unsigned> pinned;
};

struct TransmitConfig {
  std::vector<Endpoint> sources;
  double rate = 10000;
  double burst = 20000;
  std::uint32_t queue = 100000;
  GuardSetting guard;
  enum class Scheduler : std::uint8_t { other, fifo } scheduler = Scheduler::other;
  std::uint32_t priority = 50;
  CpuSetting cpu;
  bool lock_memory = false;
  bool cpu_dma_latency = false;
};

/// Nothing unless it is written.
struct AdminConfig : daemon::AdminConfig {};

/// The slave as a name server on its own addresses; without any, it is none.
struct DnsConfig {
  std::vector<Endpoint> listen;
  std::string nsid;
  std::uint16_t udp_size = 1232;
  double rate = 100;
  double burst = 500;
  unsigned prefix_v4 = 24;
  unsigned prefix_v6 = 56;
  unsigned tcp_connections = 500;
  Nanos tcp_idle = std::chrono::seconds(10);
};

struct Config {
  daemon::LogConfig log;
  std::vector<MasterConfig> masters;
  ControlConfig control;
  OrdersConfig orders;
  TransmitConfig transmit;
  DnsConfig dns;
  FrontConfig front;
  std::vector<BackendConfig> backends;
  clocksync::ClockConfig clock;
  collect::CollectConfig collect;
  std::vector<collect::CheckConfig> checks;
  AdminConfig admin;
};

/// `collects_only`: for a slave that takes no orders, and so needs no addresses to answer from. It reads
/// the same file, and leaves alone what it does not use.
config::Schema<Config> schema(bool collects_only = false);

}  // namespace flagfall::slave

namespace flagfall::config {

template <>
struct Codec<slave::CpuSetting> {
  static bool read(const Value& value, const Context& context, slave::CpuSetting& out);
  static std::string write(const slave::CpuSetting& value);
  static std::string name() { return "\"any\" or integer"; }
  static std::string example() { return "\"any\""; }
};

template <>
struct Codec<slave::GuardSetting> {
  static bool read(const Value& value, const Context& context, slave::GuardSetting& out);
  static std::string write(const slave::GuardSetting& value);
  static std::string name() { return "\"auto\" or duration"; }
  static std::string example() { return "\"auto\""; }
};

}  // namespace flagfall::config
