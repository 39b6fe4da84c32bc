// Who is who in a world: names and addresses.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "common/base/ip.hh"

namespace flagfall::sim {

inline std::string master_name(unsigned i) {
  return fmt::format("master{}", i);
}
inline std::string slave_name(unsigned i) {
  return fmt::format("slave{}", i);
}
inline std::vector<Endpoint> service_addresses(unsigned master) {
  return {*parse_endpoint(fmt::format("192.0.2.{}:53", 53 + master)),
          *parse_endpoint(fmt::format("[2001:db8::{}]:53", 53 + master))};
}
inline Endpoint control(unsigned master) {
  return *parse_endpoint(fmt::format("10.0.{}.1:4953", master));
}
inline Endpoint orders(unsigned slave) {
  return *parse_endpoint(fmt::format("10.1.{}.1:4954", slave));
}
inline std::vector<IpAddress> answers(unsigned slave) {
  return {*parse_ip(fmt::format("198.51.100.{}", slave + 1)),
          *parse_ip(fmt::format("2001:db8:1::{}", slave + 1))};
}

}  // namespace flagfall::sim
