// The part of the slave's configuration that is about the front end of its site. The meaning of each key
// stands in the table, in front_config.cc.
#pragma once

#include <vector>

#include "common/config/schema.hh"

namespace flagfall::slave {

/// [[front.server]]
struct FrontServerConfig {
  Endpoint listen;
  Endpoint backend;
  bool proxy_protocol = false;
};

/// [front]
struct FrontConfig {
  std::vector<FrontServerConfig> servers;
  Nanos wait = std::chrono::milliseconds(50);
  Nanos keep = std::chrono::seconds(10);
  Nanos stay = std::chrono::seconds(10);
  double questions = 200;
  config::ByteSize header{16384};
  config::ByteSize target{8192};
  unsigned connections = 10000;
  unsigned network_connections = 1000;
  unsigned prefix_v4 = 24;
  unsigned prefix_v6 = 56;
  Nanos header_timeout = std::chrono::seconds(10);
  Nanos idle_timeout = std::chrono::minutes(2);
  Nanos backend_timeout = std::chrono::seconds(3);
};

config::Schema<FrontConfig> front_schema();

}  // namespace flagfall::slave
