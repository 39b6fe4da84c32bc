// What a slave collects: the plain structs of `[collect]` and `[[check]]`, and the
// tables that read them.
#pragma once

#include <string>
#include <vector>

#include "collect/health_core.hh"
#include "common/base/ip.hh"
#include "common/config/schema.hh"

namespace flagfall::collect {

struct CollectConfig {
  bool ping = true;
  double ping_rate = 100;
  double ping_burst = 100;
  unsigned ping_at_once = 64;
  unsigned ping_tries = 2;
  Nanos ping_timeout = std::chrono::seconds(1);
  Nanos ping_keep = std::chrono::seconds(60);
  std::vector<Endpoint> tcp;
  Nanos tcp_interval = std::chrono::seconds(5);
  unsigned prefix_v4 = 24;
  unsigned prefix_v6 = 56;
  bool load = true;
  std::vector<config::Path> cgroups;
};

struct CheckConfig {
  std::string name;
  enum class Kind : std::uint8_t { tcp, http, https, dns, script } kind = Kind::tcp;
  Endpoint address;
  std::string host;
  std::string path = "/";
  unsigned status = 200;
  std::string text;
  std::string query;
  enum class Type : std::uint8_t { a, aaaa, soa } type = Type::a;
  std::vector<std::string> command;
  IpAddress answer;
  Nanos interval = std::chrono::seconds(5);
  Nanos timeout = std::chrono::seconds(2);
  unsigned rise = 2;
  unsigned fall = 3;

  [[nodiscard]] HealthOptions health() const { return {interval, timeout, rise, fall}; }
};

config::Schema<CollectConfig> collect_schema();
config::Schema<CheckConfig> check_schema();
/// What spans the entries: names that are there twice, and too many.
void check_checks(const std::vector<CheckConfig>& checks, const config::Where& where);

}  // namespace flagfall::collect
