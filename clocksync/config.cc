#include "clocksync/config.hh"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <utility>

#include "clocksync/ntp_keys.hh"

namespace flagfall::clocksync {
namespace {

using Source = ClockConfig::Source;
using config::Where;

void check_servers(const ClockConfig& clock, const Where& where) {
  std::set<Endpoint> seen;
  for (std::size_t i = 0; i < clock.servers.size(); ++i) {
    const std::string key = fmt::format("servers.{}", i);
    if (clock.servers[i].ip.unspecified()) where.error(key, "is a wildcard: write the NTP server's address");
    if (!seen.insert(clock.servers[i]).second) where.error(key, "is there twice");
  }
  if (clock.servers.size() > kMostServers)
    where.error("servers", fmt::format("at most {} servers", kMostServers));
  if (clock.source != Source::ntp) return;
  if (clock.servers.empty())
    where.error("servers", R"(must name at least one NTP server, as source is "ntp")");
  else if (clock.agree > clock.servers.size())
    where.error("agree", fmt::format("is more than the {} servers", clock.servers.size()));
}

void check_key(const config::Path& file, std::uint32_t id, const Where& where) {
  if ((id == 0) != file.empty())
    where.error(id == 0 ? "key_file" : "key_id", "key_file and key_id go together");
}

void check_serve(const ServeConfig& serve, const Where& where) {
  for (std::size_t i = 0; i < serve.addresses.size(); ++i)
    if (serve.addresses[i].ip.unspecified() || serve.addresses[i].port == 0)
      where.error(fmt::format("addresses.{}", i), "write the address that slaves reach the server at");
  if (serve.addresses.size() > wire::kMaxTimeServers)
    where.error("addresses", fmt::format("at most {} servers", wire::kMaxTimeServers));
  if (serve.addresses.empty() && serve.key_id != 0)
    where.error("key_id", "there are no addresses that it is for");
  check_key(serve.key_file, serve.key_id, where);
}

void check_clock(const ClockConfig& clock, const Where& where) {
  check_servers(clock, where);
  check_key(clock.key_file, clock.key_id, where);
  if (clock.source == Source::master && (!clock.servers.empty() || clock.key_id != 0))
    where.error(clock.servers.empty() ? "key_id" : "servers",
                R"(with source "master" the masters name servers and key)");
  if (clock.poll_least > clock.poll_most) where.error("poll_least", "is more than poll_most");
  if (clock.source == Source::chrony && !clock.chrony.starts_with('/'))
    if (const auto address = parse_endpoint(clock.chrony, 323); !address)
      where.error("chrony", address.error());
}

using Octets = std::vector<std::uint8_t>;

/// Empty when no key is wanted.
Result<Octets> key_of(const config::Path& file, std::uint32_t id) {
  return id == 0 ? Result<Octets>(Octets{}) : read_ntp_key(file.text, id);
}

Result<NtpOptions> ntp_options(const ClockConfig& config) {
  const auto key = key_of(config.key_file, config.key_id);
  if (!key) return Error{key.error()};
  NtpOptions out;
  for (const Endpoint& server : config.servers) out.servers.push_back({server, config.key_id, *key});
  out.poll_least = config.poll_least;
  out.poll_most = config.poll_most;
  out.pool.agree = config.agree;
  out.pool.estimator.asymmetry = config.asymmetry;
  return out;
}

config::Schema<ServeConfig> serve_schema() {
  config::Schema<ServeConfig> s;
  s.key(
      "addresses", &ServeConfig::addresses,
      {.help =
           "NTP servers, up to 4, by the addresses that slaves reach them at: the chronyd on this host, as a "
           "rule",
       .port = 123,
       .example = R"(["192.0.2.1"])"});
  s.key("key_file", &ServeConfig::key_file,
        {.help = "Their keys; slaves get theirs through the session", .example = R"("ntp.keys")"});
  s.key("key_id", &ServeConfig::key_id, {.help = "Their key in key_file; 0: none"});
  s.check(check_serve);
  return s;
}

}  // namespace

config::Schema<ClockConfig> clock_schema(Role role) {
  const bool master = role == Role::master;
  std::vector<std::pair<std::string, Source>> sources{{"chrony", Source::chrony}, {"ntp", Source::ntp}};
  if (!master) sources.emplace_back("master", Source::master);
  config::Schema<ClockConfig> s;
  s.choice(
      "source", &ClockConfig::source, sources,
      {.help = master
                   ? "Who knows the time: a chronyd on this host, or NTP servers, which are asked directly"
                   : "Who knows the time: a chronyd on this host, NTP servers, which are asked directly, or "
                     "those that the masters name"});
  s.key("chrony", &ClockConfig::chrony, {.help = "chronyd's command port, or the path of its Unix socket"});
  s.key("poll", &ClockConfig::poll, {.help = "Between two looks at chronyd", .least = "50ms", .most = "1m"});
  s.key("servers", &ClockConfig::servers,
        {.help = "NTP servers to ask, up to 16", .port = 123, .example = R"(["192.0.2.123"])"});
  s.key("key_file", &ClockConfig::key_file,
        {.help = "Keys as chrony has them (`chronyc keygen 1 AES128`); with it, unsigned replies do not "
                 "count; others must not be able to read it",
         .example = R"("ntp.keys")"});
  s.key("key_id", &ClockConfig::key_id, {.help = "The servers' key in key_file; 0: none"});
  s.key("poll_least", &ClockConfig::poll_least,
        {.help = "Between two questions to an NTP server, while its answers spread",
         .least = "100ms",
         .most = "10m"});
  s.key("poll_most", &ClockConfig::poll_most,
        {.help = "And when more of them would tell nothing new", .least = "100ms", .most = "10m"});
  s.key("agree", &ClockConfig::agree,
        {.help = "Servers that must agree, besides being a majority of those that answer",
         .least = "1",
         .most = std::to_string(kMostServers)});
  s.key("asymmetry", &ClockConfig::asymmetry,
        {.help = "Share of the way to the source and back that may well be one direction's alone; enters the "
                 "expected error, never the bound",
         .least = "0",
         .most = "1"});
  s.key("max_error", &ClockConfig::max_error,
        {.help = master ? "No races while the clock's bound is above this"
                        : "No races while this clock's bound and the master's are together above this",
         .least = "1us",
         .most = "10s"});
  if (!master) {
    s.choice("sync", &ClockConfig::sync,
             {{"absolute", ClockConfig::Sync::absolute}, {"relative", ClockConfig::Sync::relative}},
             {.help = "Instants by this host's clock, or, where no clock can be had, by the master's, as its "
                      "heartbeats tell it: wrong by up to half the round trip to it"});
    s.choice(
        "fallback", &ClockConfig::fallback,
        {{"none", ClockConfig::Fallback::none}, {"relative", ClockConfig::Fallback::relative}},
        {.help =
             "While this host's clock is unknown or beyond max_error: stand down, or race by the master's "
             "heartbeats"});
  }
  if (master)
    s.section("serve", &ClockConfig::serve, serve_schema(), "Whom slaves with `source = \"master\"` ask");
  s.check(check_clock);
  return s;
}

Result<ClockSourceOptions> source_options(const ClockConfig& config) {
  switch (config.source) {
    case Source::chrony:
      return ClockSourceOptions(ChronyOptions{config.chrony, config.poll, config.asymmetry});
    case Source::ntp:
    case Source::master:
      break;
  }
  auto options = ntp_options(config);
  if (!options) return Error{options.error()};
  return ClockSourceOptions(std::move(*options));
}

Result<std::vector<wire::TimeServer>> time_servers(const ServeConfig& config) {
  const auto key = key_of(config.key_file, config.key_id);
  if (!key) return Error{key.error()};
  std::vector<wire::TimeServer> out;
  for (const Endpoint& address : config.addresses)
    out.push_back({address, config.key_id, std::string(key->begin(), key->end())});
  return out;
}

}  // namespace flagfall::clocksync
