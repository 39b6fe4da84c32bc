// The director's part of the master's configuration: plain structs whose initial values are the defaults, and
// the tables that read them. Who has a service or a server in its own configuration takes these as sections.
// The meaning of each key stands in the table, in config.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/config/schema.hh"
#include "director/capacity.hh"
#include "director/health_rules.hh"
#include "director/load_policies.hh"
#include "director/overload.hh"
#include "director/policy.hh"

namespace flagfall::director {

/// [[site.border]]: a way out of the network, at that site.
struct BorderConfig {
  std::string name;
  std::vector<IpAddress> gateways;  // one of a family at most
  std::string device;
  std::optional<IpAddress> tunnel;
  unsigned table = 0;
  std::string pinger{};
};

/// [[site]]
struct SiteConfig {
  std::string name;
  std::optional<double> latitude;   // degrees north
  std::optional<double> longitude;  // degrees east
  std::vector<BorderConfig> borders;
};

/// [[internal]]: the way between two sites inside the network.
struct InternalConfig {
  std::vector<std::string> between;  // two sites
  Nanos delay{};                     // one way
  std::optional<Nanos> back;         // the other way, where it differs
};

/// Where replies to pings enter the network (director/borders.hh).
enum class PingSource : std::uint8_t { own, shared };

/// [paths]
struct PathConfig {
  std::string site;
  PingSource ping_source = PingSource::own;
};

/// [[service.slave.border]]: with what this server answers so that its packets leave by that border.
struct BorderAnswersConfig {
  std::string border;
  std::vector<IpAddress> answers;
  std::optional<IpAddress> local;
};

/// [[geo.region]]
struct GeoRegionConfig {
  std::string country;    // one of the two
  std::string continent;  //
  std::string site;
};

/// [geo]
struct GeoConfig {
  config::Path database;
  std::vector<GeoRegionConfig> regions;
};

/// How a service's requests are answered.
struct PolicyConfig {
  std::vector<Policy> policies;
  config::Path prefixes;  // of policy "static"
  double fuzz = 0.05;
  double near = LoadOptions().near;
  Nanos load_fresh = LoadOptions().fresh;
  Nanos wait{};  // for the first pings of an unknown network
  AllDown all_down;
};

config::Schema<SiteConfig> site_schema();
config::Schema<InternalConfig> internal_schema();
config::Schema<PathConfig> path_schema();
config::Schema<GeoConfig> geo_schema();
config::Schema<PolicyConfig> policy_schema();
config::Schema<Capacity> capacity_schema();
config::Schema<ShedOptions> shed_schema();
config::Schema<BorderAnswersConfig> border_answers_schema();

/// Rules that span the sites, the ways between them and [paths]; `where` is the whole file's.
void check_sites(const std::vector<SiteConfig>& sites, const std::vector<InternalConfig>& internal,
                 const PathConfig& paths, const config::Where& where);
/// [geo] needs sites with coordinates, or a region's site by name.
void check_geo(const GeoConfig& geo, const std::vector<SiteConfig>& sites, const config::Where& where);
/// Where every border of a site stands among all: the names, in their order.
std::vector<std::string> border_names(const std::vector<SiteConfig>& sites);
/// Borders of one server: known, each once. `key`: of the list, "service.0.slave.2.border".
void check_border_answers(const std::vector<BorderAnswersConfig>& borders,
                          const std::vector<SiteConfig>& sites, const std::string& key,
                          const config::Where& where);

}  // namespace flagfall::director

namespace flagfall::config {

template <>
struct Codec<director::Policy> {
  static bool read(const Value& value, const Context& context, director::Policy& out);
  static std::string write(director::Policy value) { return toml_string(director::name_of(value)); }
  static std::string name() { return "policy"; }
  static std::string example() { return R"("race")"; }
};

template <>
struct Codec<director::AllDown> {
  static bool read(const Value& value, const Context& context, director::AllDown& out);
  static std::string write(const director::AllDown& value);
  static std::string name() { return R"("all", "last", "refuse" or array of address)"; }
  static std::string example() { return R"("all")"; }
};

}  // namespace flagfall::config
