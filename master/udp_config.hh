// The part of the master's configuration that is about services of datagrams. The meaning of each key stands
// in the tables, in udp_config.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "common/config/schema.hh"

namespace flagfall::master {

struct Config;

/// [udp]
struct UdpConfig {
  double rate = 50;
  double burst = 100;
  config::ByteSize receive_buffer{std::int64_t{4} << 20};
};

/// [service.udp]
struct ServiceUdpConfig {
  std::vector<Endpoint> listen;
  std::uint16_t max_request = 1024;
  std::uint16_t max_answer = 1200;
  double amplification = 3;
};

config::Schema<UdpConfig> udp_schema();
config::Schema<ServiceUdpConfig> service_udp_schema();
/// What spans services; `where` is the whole file's.
void check_udp(const Config& config, const config::Where& where);

}  // namespace flagfall::master
