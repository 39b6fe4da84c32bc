// [[backend]]: this site's servers, which are asked for what is raced. The meaning of each key stands in the
// table, in backend_config.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/config/schema.hh"

namespace flagfall::slave {

struct BackendConfig {
  std::string service;
  std::optional<Endpoint> udp;
  std::optional<Endpoint> http;
  Nanos timeout = std::chrono::milliseconds(500);
  unsigned connections = 32;  // of http
  // Of udp:
  unsigned sockets = 256;
  Nanos rest = std::chrono::milliseconds(20);
  bool proxy = false;
  std::string probe;
  Nanos probe_every = std::chrono::seconds(2);
};

config::Schema<BackendConfig> backend_schema();
/// The rules that span several of them, and `sources`, which this slave answers from.
void check_backends(const std::vector<BackendConfig>& backends, const std::vector<Endpoint>& sources,
                    std::size_t queue, const config::Where& where);
/// The octets that "48656c6c6f" stands for; an error says what is wrong.
Result<std::vector<std::uint8_t>> octets_of(const std::string& hex);

}  // namespace flagfall::slave
