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

void check_clock(const ClockConfig& clock, const Where& where) {
  check_servers(clock, where);
  if ((clock.key_id == 0) != clock.key_file.empty())
    where.error(clock.key_id == 0 ? "key_file" : "key_id", "key_file and key_id go together");
  if (clock.poll_least > clock.poll_most) where.error("poll_least", "is more than poll_most");
  if (clock.source == Source::chrony && !clock.chrony.starts_with('/'))
    if (const auto address = parse_endpoint(clock.chrony, 323); !address)
      where.error("chrony", address.error());
}

Result<NtpOptions> ntp_options(const ClockConfig& config) {
  std::vector<std::uint8_t> key;
  if (config.key_id != 0) {
    auto found = read_ntp_key(config.key_file.text, config.key_id);
    if (!found) return Error{found.error()};
    key = std::move(*found);
  }
  NtpOptions out;
  for (const Endpoint& server : config.servers) out.servers.push_back({server, config.key_id, key});
  out.poll_least = config.poll_least;
  out.poll_most = config.poll_most;
  out.pool.agree = config.agree;
  out.pool.estimator.asymmetry = config.asymmetry;
  return out;
}

}  // namespace

config::Schema<ClockConfig> clock_schema(const std::string& max_error_help) {
  config::Schema<ClockConfig> s;
  s.choice("source", &ClockConfig::source, {{"chrony", Source::chrony}, {"ntp", Source::ntp}},
           {.help = "Who knows the time: a chronyd on this host, or NTP servers, which are asked directly"});
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
  s.key("max_error", &ClockConfig::max_error, {.help = max_error_help, .least = "1us", .most = "10s"});
  s.check(check_clock);
  return s;
}

Result<ClockSourceOptions> source_options(const ClockConfig& config) {
  switch (config.source) {
    case Source::chrony:
      return ClockSourceOptions(ChronyOptions{config.chrony, config.poll, config.asymmetry});
    case Source::ntp:
      break;
  }
  auto options = ntp_options(config);
  if (!options) return Error{options.error()};
  return ClockSourceOptions(std::move(*options));
}

}  // namespace flagfall::clocksync
