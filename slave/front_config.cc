#include "slave/front_config.hh"

#include <fmt/core.h>

#include <algorithm>
#include <set>

namespace flagfall::slave {
namespace {

using config::Where;

config::Schema<FrontServerConfig> server_schema() {
  using C = FrontServerConfig;
  config::Schema<C> s;
  s.key("listen", &C::listen,
        {.help = "The content server's public address, where its clients ask (HTTP/1.1)",
         .required = true,
         .port = 80,
         .example = R"("192.0.2.10:80")"});
  s.key("backend", &C::backend,
        {.help = "The content server itself", .required = true, .example = R"("127.0.0.1:8080")"});
  s.key("proxy_protocol", &C::proxy_protocol,
        {.help = "Tells the content server each client's address first, by PROXY protocol version 2; it must "
                 "expect that"});
  return s;
}

void check(const FrontConfig& c, const Where& where) {
  std::set<Endpoint> seen;
  for (std::size_t i = 0; i < c.servers.size(); ++i) {
    const FrontServerConfig& server = c.servers[i];
    const std::string key = fmt::format("server.{}", i);
    if (server.listen.ip.unspecified())
      where.error(key + ".listen", "is a wildcard: write each address that clients are sent to");
    if (!seen.insert(server.listen).second) where.error(key + ".listen", "is there twice");
    if (server.backend.ip.unspecified())
      where.error(key + ".backend", "is a wildcard: write where the content server listens");
    if (std::ranges::find(c.servers, server.backend, &FrontServerConfig::listen) != c.servers.end())
      where.error(key + ".backend",
                  "is an address that the front end listens on: let the content server listen elsewhere");
  }
  if (c.target.bytes > c.header.bytes) where.error("target", "is more than front.header");
}

}  // namespace

config::Schema<FrontConfig> front_schema() {
  using C = FrontConfig;
  config::Schema<C> s;
  s.list("server", &C::servers, server_schema(),
         {.help = "A content server of this site; none: the slave is no front end"});
  s.key("wait", &C::wait,
        {.help = "A new client's first request waits so long at most for the master's word; without it the "
                 "client is served here",
         .least = "1ms",
         .most = "2s"});
  s.key("keep", &C::keep,
        {.help = "The master's word about a client network is believed so long, or shorter when it says so",
         .least = "100ms",
         .most = "1h"});
  s.key("stay", &C::stay,
        {.help = "Who was sent on and asks for the same again within this time is served here",
         .least = "1s",
         .most = "10m"});
  s.key("questions", &C::questions,
        {.help = "To the masters, a second and at once; of what is more the clients are served here",
         .least = "1",
         .most = "1000"});
  s.key("header", &C::header,
        {.help = "A first request's line and fields at most", .least = "512B", .most = "64KiB"});
  s.key("target", &C::target, {.help = "Its target at most", .least = "64B", .most = "16KiB"});
  s.key("connections", &C::connections,
        {.help = "Of clients, at once; each takes two descriptors", .least = "1", .most = "500000"});
  s.key("network_connections", &C::network_connections,
        {.help = "Of these, of one client network; more are closed at once", .least = "1", .most = "500000"});
  s.key("prefix_v4", &C::prefix_v4, {.help = "IPv4 bits of a client network", .least = "8", .most = "32"});
  s.key("prefix_v6", &C::prefix_v6, {.help = "IPv6 bits of a client network", .least = "16", .most = "128"});
  s.key("header_timeout", &C::header_timeout,
        {.help = "A first request's header takes so long at most, from its first octet on",
         .least = "100ms",
         .most = "10m"});
  s.key("idle_timeout", &C::idle_timeout,
        {.help = "A connection without an octet in either direction for this long is closed",
         .least = "100ms",
         .most = "24h"});
  s.key("backend_timeout", &C::backend_timeout,
        {.help = "The content server takes a connection within this time, otherwise the client is told 502",
         .least = "10ms",
         .most = "1m"});
  s.check(check);
  return s;
}

}  // namespace flagfall::slave
