// flagfall-master's configuration: plain structs whose initial values are the
// defaults, and the table that reads them (common/config/schema.hh). The
// meaning of each key stands in the table, in config.cc.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "clocksync/config.hh"
#include "common/config/schema.hh"
#include "common/daemon/admin_config.hh"
#include "common/daemon/daemon.hh"
#include "common/dns/rate_limit.hh"
#include "common/wire/session.hh"
#include "delay/follow.hh"
#include "director/borders.hh"
#include "director/config.hh"
#include "director/store/config.hh"
#include "master/http_config.hh"
#include "master/race_core.hh"
#include "master/stats_config.hh"
#include "master/udp_config.hh"

namespace flagfall::master {

/// Service addresses are bits of a 32-bit mask (wire::Ready).
inline constexpr std::size_t kMostListen = 32;
/// A loop is the channel of its order datagrams, and the top byte of its race ids.
inline constexpr unsigned kMostThreads = 64;
inline constexpr std::uint16_t kAdminPort = 4980;

struct DnsConfig {
  std::vector<Endpoint> listen;
  unsigned threads = 0;
  std::string nsid;
  std::uint16_t udp_size = 1232;
  config::ByteSize receive_buffer{std::int64_t{4} << 20};
  unsigned tcp_connections = 1000;
  Nanos tcp_idle = std::chrono::seconds(10);
  double rate = 200;
  double burst = 400;
  unsigned slip = 2;
};

struct ZoneConfig {
  std::string origin;
  config::Path file;
};

struct CookieConfig {
  config::Path secrets;
  bool require = false;
};

struct ControlConfig {
  config::OneOrMore<Endpoint> listen;  // one of a family at most
  config::Path ca;
  config::Path certificate;
  config::Path key;
  Nanos heartbeat = std::chrono::seconds(1);
  int order_dscp = 0;
  unsigned order_size = 1200;
};

struct RaceConfig {
  RaceOptions::Timestamp timestamp = RaceOptions::Timestamp::receipt;
  Nanos retry_window = std::chrono::seconds(2);
  unsigned max_slaves = 8;
  Nanos gather = std::chrono::milliseconds(2);
  config::Path sources;
};

struct GuardConfig {
  GuardOptions::Unverified unverified = GuardOptions::Unverified::budget;
  unsigned prefix_v4 = 24;
  unsigned prefix_v6 = 56;
  double rate = 1000;
  double burst = 2000;
  double prefix_rate = 5;
  double prefix_burst = 20;
  double verified_rate = 10000;
  double verified_burst = 20000;
  double verified_prefix_rate = 500;
  double verified_prefix_burst = 1000;
};

/// Who won, learned from losers' ICMP errors.
struct VerdictConfig {
  bool icmp = true;
  Nanos certain_within = std::chrono::milliseconds(50);
  double teach = 0.1;
  unsigned runners = 2;
  unsigned races = 16384;
};

struct AdminConfig : daemon::AdminConfig {
  AdminConfig() {
    socket = {"/run/flagfall/master.sock"};
    listen.all = {{*parse_ip("127.0.0.1"), kAdminPort}};
  }
  config::Path audit;
  config::Path report_token_file;
};

/// "off" and "unknown"; a share is a table of its own.
enum class BeaconWord : std::uint8_t { off, unknown };
struct BeaconSample {
  double sample = 0.01;
};

/// A slave as a name server of its own.
struct NameServerConfig {
  std::string name;
  std::string nameserver;
  std::string beacon_zone;
};

struct SlaveConfig {
  std::string name;
  std::vector<IpAddress> answers;
  director::Capacity capacity{};
  std::string site{};
  std::vector<director::BorderAnswersConfig> borders{};
  std::string location{};  // of redirects; empty: none lead there
};

/// Whom clients are bound to, and how that is learned.
struct DirectorConfig {
  unsigned coarsest_v4 = 16;
  unsigned finest_v4 = 24;
  unsigned coarsest_v6 = 32;
  unsigned finest_v6 = 56;
  unsigned verdicts = 3;
  double share = 0.66;
  double sample = 0.01;
  Nanos remember = std::chrono::hours(1);
  Nanos forget = std::chrono::hours(24 * 7);
  double hysteresis = 0.1;
  Nanos least_gain = std::chrono::milliseconds(1);
  unsigned clusters = 1'000'000;
  bool client_subnet = true;
  std::string unique_names{};
  unsigned resolvers = 100'000;
  Nanos ping_every = std::chrono::seconds(20);
  director::ShedOptions shed{};
  director::StoreConfig store{};
};

/// Fixed, or computed from the one-way delays.
using DelayConfig = std::variant<Nanos, delay::Follow>;

struct ServiceConfig {
  std::string name;
  std::vector<std::string> names;
  DelayConfig delay = Nanos(std::chrono::milliseconds(25));
  wire::LatePolicy late = wire::LatePolicy::send;
  std::uint32_t ttl = 30;
  std::vector<SlaveConfig> slaves;
  /// Shadow: races are ordered and timed, but slaves do not send, and the master answers at once. Delegate:
  /// slaves are the name servers of `zone`. Automatic ("auto"): that, until their sources are known to
  /// arrive.
  enum class Mode : std::uint8_t { race, shadow, delegate, automatic } mode = Mode::race;
  std::string zone{};
  std::variant<BeaconWord, BeaconSample> winner_beacon = BeaconWord::off;
  double race_share = 1;
  director::PolicyConfig director{};  // no policies: no director, every query is raced
  unsigned answers = 1;
  std::uint32_t ttl_learning = 5;
  std::uint32_t ttl_bound = 60;
  std::uint32_t ttl_fallback = 5;
  ServiceHttpConfig http{};
  ServiceRtspConfig rtsp{};
  ServiceUdpConfig udp{};  // its own addresses, in place of names
};

struct Config {
  daemon::LogConfig log;
  DnsConfig dns;
  HttpConfig http;
  HttpsConfig https;
  RtspConfig rtsp;
  UdpConfig udp;
  std::vector<ZoneConfig> zones;
  CookieConfig cookies;
  ControlConfig control;
  clocksync::ClockConfig clock;
  RaceConfig race;
  GuardConfig guard;
  VerdictConfig verdicts;
  StatsConfig stats;
  DirectorConfig director;
  AdminConfig admin;
  std::vector<ServiceConfig> services;
  std::vector<NameServerConfig> slaves;
  std::vector<director::SiteConfig> sites;
  std::vector<director::InternalConfig> internal;
  director::PathConfig paths;
  director::GeoConfig geo;
};

config::Schema<Config> schema();

/// The names of all slaves, each once, sorted: a slave's place here is its index everywhere. Those that only
/// ping through a border are among them.
std::vector<std::string> slave_names(const Config& config);

/// Whose pings leave by which border: the slave, and the border's place among all.
std::multimap<std::string, director::BorderIndex> pingers(const Config& config);

/// By which borders a server's packets can leave: those that it has addresses for, and with its own addresses
/// the only one of its site; any of its site when it has addresses for none.
std::vector<director::BorderIndex> borders_of(const Config& config, const SlaveConfig& slave);

/// The index of the zone that a name ("*.race.example.test", final dot or not) lies in: the longest that
/// fits; -1 for none.
int zone_of(const Config& config, const std::string& name);

void check_name_servers(const Config& config, const config::Where& where);
/// Sites, borders, and what names them.
void check_network(const Config& config, const config::Where& where);
config::Schema<NameServerConfig> name_server_schema();
config::Schema<BeaconSample> beacon_sample_schema();
/// As it is written in the configuration.
std::string_view name_of(ServiceConfig::Mode mode);
/// What [[slave]] says of it; nullptr: nothing.
const NameServerConfig* name_server(const Config& config, const std::string& slave);
/// The names of a service's slaves as name servers, in its order.
std::vector<std::string> nameservers_of(const Config& config, const ServiceConfig& service);

RaceOptions race_options(const Config& config);
/// Whom orders leave from.
std::vector<IpAddress> order_sources(const Config& config);
/// Of ordinary answers. Client networks are the guard's, as a loop has all of a network of those.
dns::RateLimit::Options rate_limit(const Config& config);
/// The delay before anything is measured: the fixed one, or the longest that may be.
Nanos first_delay(const DelayConfig& delay);
/// How long queries may gather with these delays: race.gather, and never more than a tenth of the shortest.
Nanos gather_time(const Config& config, Nanos shortest_delay);

}  // namespace flagfall::master

namespace flagfall::config {

template <>
struct Codec<master::BeaconWord> {
  static bool read(const Value& value, const Context& context, master::BeaconWord& out);
  static std::string write(const master::BeaconWord& value);
  static std::string name() { return R"("off" or "unknown")"; }
  static std::string example() { return R"("unknown")"; }
};

}  // namespace flagfall::config
