// The part of the master's configuration that is about redirects over HTTP, HTTPS and RTSP. The meaning of
// each key stands in the tables, in http_config.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/config/schema.hh"
#include "common/http/host_table.hh"

namespace flagfall::master {

struct Config;

/// [http]
struct HttpConfig {
  std::vector<Endpoint> listen;
  config::ByteSize header{8192};
  config::ByteSize target{2048};
  config::ByteSize body{1 << 20};
  unsigned connections = 10000;
  unsigned network_connections = 1000;
  Nanos header_timeout = std::chrono::seconds(10);
  Nanos idle_timeout = std::chrono::seconds(60);
  unsigned requests = 1000;
  bool race = true;
  bool early_octets = false;
};

/// [[https.certificate]]
struct CertificateConfig {
  config::Path certificate;
  config::Path key;
};
/// [https]
struct HttpsConfig {
  std::vector<Endpoint> listen;
  std::vector<CertificateConfig> certificates;
};
/// [rtsp]
struct RtspConfig {
  std::vector<Endpoint> listen;
  bool race = true;
};

/// [service.http]
struct ServiceHttpConfig {
  std::vector<std::string> hosts;
  std::string path = "/";
  unsigned status = 302;
  unsigned status_other = 307;
  enum class Responder : std::uint8_t { redirect, backend } responder = Responder::redirect;
};

/// [service.rtsp]
struct ServiceRtspConfig {
  std::vector<std::string> hosts;
  std::string path = "/";
};

config::Schema<HttpConfig> http_schema();
config::Schema<HttpsConfig> https_schema();
config::Schema<RtspConfig> rtsp_schema();
config::Schema<ServiceHttpConfig> service_http_schema();
config::Schema<ServiceRtspConfig> service_rtsp_schema();
/// What spans services and slaves; `where` is the whole file's.
void check_http(const Config& config, const config::Where& where);

using http::canonical_host;
using http::canonical_prefix;

}  // namespace flagfall::master
