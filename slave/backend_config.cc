#include "slave/backend_config.hh"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <set>

namespace flagfall::slave {
namespace {

constexpr std::size_t kMostProbe = 1200;
/// Each has sockets or connections of its own.
constexpr std::size_t kMostBackends = 64;
/// Of all: the kernel has some 28,000 ports for them, and for everything else on the host.
constexpr std::size_t kMostSockets = 20000;
/// Of all: each takes some 12 KiB.
constexpr std::size_t kMostConnections = 4096;

}  // namespace

Result<std::vector<std::uint8_t>> octets_of(const std::string& hex) {
  if (hex.size() % 2 != 0) return Error{"an octet is two hexadecimal digits, and one digit is left over"};
  std::vector<std::uint8_t> out;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    std::uint8_t octet = 0;
    const char* const end = hex.data() + i + 2;
    const auto [at, error] = std::from_chars(hex.data() + i, end, octet, 16);
    if (error != std::errc() || at != end)
      return Error{fmt::format("'{}' is no octet in hexadecimal digits", hex.substr(i, 2))};
    out.push_back(octet);
  }
  return out;
}

config::Schema<BackendConfig> backend_schema() {
  using C = BackendConfig;
  config::Schema<C> s;
  s.key("service", &C::service,
        {.help = "The masters' service that it answers for", .required = true, .example = R"("web")"});
  s.key("http", &C::http,
        {.help =
             "Where it listens for HTTP/1.1, best on this host: with responder = \"backend\" at the master, "
             "its answers to GETs are raced when they fit a segment and come in time",
         .port = 80,
         .example = R"("127.0.0.1:8080")"});
  s.key("connections", &C::connections,
        {.help = "Of http: to it, at once, each with one request; while all are in use redirects are raced",
         .least = "1",
         .most = "1024"});
  s.key("udp", &C::udp,
        {.help = "Where it is asked for the answers to a service of datagrams ([service.udp] at the master), "
                 "best on this host",
         .example = R"("127.0.0.1:3478")"});
  s.key(
      "timeout", &C::timeout,
      {.help =
           "A request without an answer for so long is given up; of http its connection is closed, too, and "
           "an answer that comes after its instant is of no use, but the connection is",
       .least = "1ms",
       .most = "5s"});
  s.key(
      "sockets", &C::sockets,
      {.help = "Of udp: requests at once; each has a socket of its own, so that answers cannot be mistaken; "
               "sockets / (timeout + rest) a second may stay unanswered, 3200 at most",
       .least = "1",
       .most = "16384"});
  s.key("rest", &C::rest,
        {.help = "Of udp: a socket that was answered is not used for so long: what comes in it then is "
                 "dropped; longer "
                 "than the server takes to send anything again",
         .least = "0s",
         .most = "5s"});
  s.key("proxy", &C::proxy,
        {.help = "Of udp: each request begins with a header of the PROXY protocol, version 2, that says who "
                 "the client "
                 "is: otherwise a backend knows this host only"});
  s.key(
      "probe", &C::probe,
      {.help =
           "Of udp: a request, in hexadecimal digits, that it always answers: whether it is up is then known "
           "without clients; empty: only that nobody listens at its port is known",
       .example = R"("000100002112a442000000000000000000000000")"});
  s.key("probe_every", &C::probe_every,
        {.help = "Of udp: between two probes; three in a row without an answer, and it is down",
         .least = "10ms",
         .most = "1h"});
  s.check([](const C& c, const config::Where& where) {
    if (c.udp.has_value() == c.http.has_value())
      return where.error("service", "has one server: write http or udp");
    if (c.udp && (c.udp->ip.unspecified() || c.udp->port == 0))
      where.error("udp", "is no address to ask: write it, with its port");
    if (c.http && (c.http->port == 0 || !c.http->ip.unicast()))
      where.error("http", "is what this slave asks: write one server's address with a port");
    if (const auto probe = octets_of(c.probe); !probe)
      where.error("probe", probe.error());
    else if (probe->size() > kMostProbe)
      where.error("probe", fmt::format("at most {} octets", kMostProbe));
  });
  return s;
}

void check_backends(const std::vector<BackendConfig>& backends, const std::vector<Endpoint>& sources,
                    std::size_t queue, const config::Where& where) {
  std::set<std::string> seen;
  std::size_t sockets = 0, connections = 0;
  for (std::size_t i = 0; i < backends.size(); ++i) {
    if (backends[i].udp && std::ranges::find(sources, *backends[i].udp) != sources.end())
      where.error(fmt::format("backend.{}.udp", i),
                  "is a service address, in transmit.sources: the master would be asked, and order it again");
    if (backends[i].http && std::ranges::find(sources, *backends[i].http) != sources.end())
      where.error(fmt::format("backend.{}.http", i),
                  "is a service address, in transmit.sources: the master would be asked; write the address "
                  "where this site's own server listens");
    connections += backends[i].http ? backends[i].connections : 0;
    sockets += backends[i].udp ? backends[i].sockets : 0;
    if (!seen.insert(backends[i].service).second)
      where.error(fmt::format("backend.{}.service", i),
                  fmt::format("service '{}' has a backend already", backends[i].service));
  }
  if (sockets > kMostSockets)
    where.error("backend", fmt::format("{} sockets in all backends: at most {}, for each has a port", sockets,
                                       kMostSockets));
  if (sockets > queue / 2)
    where.error("backend", fmt::format("{} sockets in all backends: transmit.queue must be twice as many, so "
                                       "that requests without an answer leave room for races",
                                       sockets));
  if (connections > kMostConnections)
    where.error("backend",
                fmt::format("{} connections to all backends: at most {}", connections, kMostConnections));
  if (backends.size() > kMostBackends) where.error("backend", fmt::format("at most {}", kMostBackends));
}

}  // namespace flagfall::slave
