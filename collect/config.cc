#include "collect/config.hh"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "collect/dns_probe.hh"
#include "common/wire/evidence.hh"

namespace flagfall::collect {
namespace {

using config::Where;
using Kind = CheckConfig::Kind;

bool printable(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

void check_collect(const CollectConfig& c, const Where& where) {
  for (std::size_t i = 0; i < c.tcp.size(); ++i)
    if (c.tcp[i].port == 0) where.error(fmt::format("tcp.{}", i), "needs a port");
  if (c.cgroups.size() >= wire::kMaxLoads)
    where.error("cgroups", fmt::format("has more than {} entries", wire::kMaxLoads - 1));
  std::set<std::string> names{"machine"};
  for (std::size_t i = 0; i < c.cgroups.size(); ++i) {
    std::string path = c.cgroups[i].text;
    while (path.ends_with('/')) path.pop_back();
    if (!names.insert(path.substr(path.find_last_of('/') + 1)).second)
      where.error(fmt::format("cgroups.{}", i),
                  "ends as another one does: loads go by the last part of the path");
  }
}

void check_one(const CheckConfig& c, const Where& where) {
  if (c.name.empty() || c.name.size() > 64 || !printable(c.name))
    where.error("name", "must be 1 to 64 letters, digits and signs, without spaces");
  if (c.kind == Kind::script) {
    if (c.command.empty() || c.command[0].empty() || c.command[0][0] != '/')
      where.error("command",
                  "is what a check of kind \"script\" runs: a program with its whole path, and arguments");
  } else if (c.address == Endpoint{} || c.address.port == 0 || !c.address.ip.unicast()) {
    where.error("address", "is what this check asks: write one host's address with a port");
  }
  if (c.kind == Kind::dns && !encode_dns_name(c.query))
    where.error("query", "is the name that this check asks for: labels of 1 to 63 letters, 253 in all");
  if (!printable(c.host)) where.error("host", "must be a host name");
  if (!c.path.starts_with('/') || !printable(c.path))
    where.error("path", "must begin with / and have no spaces");
  if (c.timeout > c.interval) where.error("timeout", "is longer than interval");
}

}  // namespace

config::Schema<CollectConfig> collect_schema() {
  using C = CollectConfig;
  config::Schema<C> s;
  s.key(
      "ping", &C::ping,
      {.help = "Ping client addresses when a master orders it, and only then; needs CAP_NET_RAW at start, or "
               "net.ipv4.ping_group_range"});
  s.key("ping_rate", &C::ping_rate, {.help = "Echoes a second", .least = "0.1", .most = "100000"});
  s.key("ping_burst", &C::ping_burst, {.help = "And at once", .least = "1", .most = "100000"});
  s.key("ping_at_once", &C::ping_at_once,
        {.help = "Echoes without a reply yet", .least = "1", .most = "512"});
  s.key("ping_tries", &C::ping_tries,
        {.help = "An address that answers none of so many echoes is silent", .least = "1", .most = "10"});
  s.key("ping_timeout", &C::ping_timeout, {.help = "How long each may take", .least = "10ms", .most = "10s"});
  s.key("ping_keep", &C::ping_keep,
        {.help = "For so long a result answers later orders", .least = "0ms", .most = "1h"});
  s.key("tcp", &C::tcp,
        {.help =
             "This host's content servers: of their TCP connections the kernel tells round trips, rates and "
             "losses, by client network; a wildcard is every address; none: it is not asked",
         .example = R"(["198.51.100.80:443", "[::]:80"])"});
  s.key("tcp_interval", &C::tcp_interval, {.help = "How often it is asked", .least = "500ms", .most = "10m"});
  s.key("prefix_v4", &C::prefix_v4, {.help = "IPv4 bits of a client network", .least = "8", .most = "32"});
  s.key("prefix_v6", &C::prefix_v6, {.help = "IPv6 bits of a client network", .least = "16", .most = "128"});
  s.key("load", &C::load,
        {.help = "Tell masters every two seconds how much of this machine, and of `cgroups`, is left"});
  s.key("cgroups", &C::cgroups,
        {.help = "Folders of content servers' cgroups, of version 2 or 1",
         .example = R"(["/sys/fs/cgroup/system.slice/nginx.service"])"});
  s.check(check_collect);
  return s;
}

config::Schema<CheckConfig> check_schema() {
  using C = CheckConfig;
  config::Schema<C> s;
  s.key("name", &C::name,
        {.help = "Of the check, in status and metrics", .required = true, .example = "\"web\""});
  s.choice(
      "kind", &C::kind,
      {{"tcp", Kind::tcp},
       {"http", Kind::http},
       {"https", Kind::https},
       {"dns", Kind::dns},
       {"script", Kind::script}},
      {.help =
           "What is tried: a connection, a GET, a query, or a program that ends with 0 when all is well"});
  s.key(
      "address", &C::address,
      {.help = "Where the content server really listens, all but \"script\"", .example = "\"10.0.0.80:80\""});
  s.key(
      "host", &C::host,
      {.help = "Host of the GET, and the server's name for TLS, whose certificate is not judged; empty: the "
               "address",
       .example = "\"www.example.test\""});
  s.key("path", &C::path, {.help = "Of the GET"});
  s.key("status", &C::status,
        {.help = "That its answer must have; 0: any from 200 to 399", .least = "0", .most = "599"});
  s.key(
      "text", &C::text,
      {.help = "That must be in the first 64 KiB of its body; empty: nothing", .example = "\"all is well\""});
  s.key("query", &C::query,
        {.help = "Name to ask for, \"dns\"; good is NOERROR with an answer",
         .example = "\"www.example.test\""});
  s.choice("type", &C::type, {{"A", C::Type::a}, {"AAAA", C::Type::aaaa}, {"SOA", C::Type::soa}},
           {.help = "And its type"});
  s.key("command", &C::command,
        {.help = "Program with its arguments, \"script\"; one that does not end by itself says nothing",
         .example = R"(["/usr/local/bin/check-web", "--quick"])"});
  s.key("answer", &C::answer,
        {.help = "The content address that this check speaks for; without one, all of this slave's",
         .example = "\"198.51.100.80\""});
  s.key("interval", &C::interval, {.help = "From one try to the next", .least = "100ms", .most = "1h"});
  s.key("timeout", &C::timeout, {.help = "How long one may take", .least = "10ms", .most = "1m"});
  s.key("rise", &C::rise, {.help = "Good ones in a row that make it up", .least = "1", .most = "100"});
  s.key("fall", &C::fall, {.help = "Bad ones in a row that make it down", .least = "1", .most = "100"});
  s.check(check_one);
  return s;
}

void check_checks(const std::vector<CheckConfig>& checks, const Where& where) {
  if (checks.size() > wire::kMaxChecks)
    where.error("check", fmt::format("is there more than {} times", wire::kMaxChecks));
  std::set<std::string> names;
  for (std::size_t i = 0; i < checks.size(); ++i)
    if (!names.insert(checks[i].name).second) where.error(fmt::format("check.{}.name", i), "is there twice");
}

}  // namespace flagfall::collect
