#include "master/http_config.hh"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "common/http/authority.hh"
#include "master/config.hh"
#include "master/http_answer.hh"

namespace flagfall::master {
namespace {

using config::Where;

constexpr std::array<unsigned, 5> kStatus = {301, 302, 303, 307, 308};
constexpr std::array<unsigned, 2> kStatusOther = {307, 308};
constexpr std::size_t kMostHost = 253;

/// One in front stands for any labels.
std::string_view without_wildcard(std::string_view host) {
  return host.starts_with("*.") ? host.substr(2) : host;
}

void check_host(const std::string& host, const std::string& key, const Where& where) {
  const std::string name = canonical_host(host);
  const auto parsed = http::parse_authority(without_wildcard(name));
  if (!parsed || parsed->host.empty() || !parsed->port.empty() || name.size() > kMostHost ||
      name.ends_with(':') || without_wildcard(name).starts_with('.'))
    where.error(key, fmt::format("'{}' is no host: write a name, \"*.\" and a name, or an address, without "
                                 "port",
                                 host));
}

void check_location(const Config& config, std::size_t index, std::size_t slave, const Where& where) {
  const ServiceConfig& service = config.services[index];
  const std::string key = fmt::format("service.{}.slave.{}.location", index, slave);
  const std::string& text = service.slaves[slave].location;
  if (text.empty()) return;
  std::vector<std::string_view> schemes;  // that it is asked by
  if (!service.http.hosts.empty()) schemes.emplace_back("http");
  if (!service.http.hosts.empty() && !config.https.listen.empty()) schemes.emplace_back("https");
  if (!service.rtsp.hosts.empty()) schemes.emplace_back("rtsp");
  if (schemes.empty())
    return where.error(key, "nothing reads it: neither [service.http] nor [service.rtsp] has hosts");
  const auto location = HttpLocation::parse(text);
  if (!location) return where.error(key, location.error());
  for (const std::string_view scheme : schemes) {
    if (!location->suits(scheme))
      where.error(
          key, fmt::format("clients that ask by {} would be sent there, too: begin with {{scheme}}", scheme));
    if (location->leads_back(scheme))
      where.error(key, fmt::format("leads back to the very address that was asked for by {}", scheme));
  }
  const auto literal = [](const std::vector<std::string>& hosts) {
    return std::ranges::any_of(hosts, [](const std::string& h) { return h.starts_with('['); });
  };
  if (location->takes_host() && (literal(service.http.hosts) || literal(service.rtsp.hosts)))
    where.error(key, "{host} would be an IPv6 address: write the host");
}

/// [service.http] or [service.rtsp]
void check_redirects(const ServiceConfig& service, const std::vector<std::string>& hosts,
                     const std::string& path, const std::string& key, const Where& where) {
  if (hosts.empty()) return;
  for (std::size_t i = 0; i < hosts.size(); ++i)
    check_host(hosts[i], fmt::format("{}.hosts.{}", key, i), where);
  if (!path.starts_with('/') || path.find("//") != std::string::npos || path.find('?') != std::string::npos ||
      !std::ranges::all_of(path, http::in_path))
    where.error(key + ".path", fmt::format("'{}' is no path such as \"/videos\"", path));
  if (service.director.policies.empty())
    where.error(key + ".hosts", fmt::format("service '{}' redirects by its director's choice: write "
                                            "[service.director] policies",
                                            service.name));
  if (std::ranges::all_of(service.slaves, [](const SlaveConfig& s) { return s.location.empty(); }))
    where.error(key + ".hosts", fmt::format("no slave of service '{}' has a location", service.name));
}

/// By which service a host and a prefix are held.
using Held = std::map<std::pair<std::string, std::string>, std::string>;

void check_held(Held& held, const ServiceConfig& service, const std::vector<std::string>& hosts,
                const std::string& path, const std::string& key, const Where& where) {
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const std::pair at(canonical_host(hosts[i]), canonical_prefix(path));
    const auto [other, fresh] = held.emplace(at, service.name);
    if (!fresh)
      where.error(fmt::format("{}.hosts.{}", key, i),
                  fmt::format("'{}' with this path is service '{}' already", hosts[i], other->second));
  }
}

void check_twice(const std::vector<Endpoint>& listen, const Where& where) {
  for (std::size_t i = 0; i < listen.size(); ++i)
    if (std::ranges::count(listen, listen[i]) > 1) where.error(fmt::format("listen.{}", i), "is there twice");
}

constexpr auto kRaceHelp =
    "Whether redirects may be raced, where the policies say so; needs CAP_NET_ADMIN and CAP_NET_RAW, "
    "and slaves with these addresses in transmit.sources";

}  // namespace

config::Schema<HttpConfig> http_schema() {
  using C = HttpConfig;
  config::Schema<C> s;
  s.key("listen", &C::listen,
        {.help = "Where web clients ask (HTTP/1.1) and are redirected; none: nowhere",
         .port = 80,
         .example = R"(["192.0.2.1:80", "[2001:db8::1]:80"])"});
  s.key("header", &C::header,
        {.help = "A request's line and fields at most", .least = "512B", .most = "64KiB"});
  s.key("target", &C::target, {.help = "Its target at most", .least = "64B", .most = "16KiB"});
  s.key("body", &C::body,
        {.help = "Content that is skipped at most; more is refused", .least = "1KiB", .most = "1GiB"});
  s.key("connections", &C::connections,
        {.help = "Connections at once; one more closes the one that was idle longest",
         .least = "1",
         .most = "1000000"});
  s.key("network_connections", &C::network_connections,
        {.help = "Of these, of one client network (guard.prefix_v4, prefix_v6); more are closed at once",
         .least = "1",
         .most = "1000000"});
  s.key("header_timeout", &C::header_timeout,
        {.help = "A request's header is complete so long after its first octet, or the connection is closed",
         .least = "100ms",
         .most = "1h"});
  s.key("idle_timeout", &C::idle_timeout,
        {.help = "Between two requests; also for the content of one, and for a client to take its answers",
         .least = "100ms",
         .most = "1h"});
  s.key("requests", &C::requests,
        {.help = "Of one connection; then it is closed", .least = "1", .most = "1000000000"});
  s.key("race", &C::race, {.help = kRaceHelp});
  s.key(
      "early_octets", &C::early_octets,
      {.help = "Race for clients whose TCP has no timestamps, too: segments begin with some octets that they "
               "have already, which firewalls on the way may not like"});
  s.check([](const C& c, const Where& where) {
    check_twice(c.listen, where);
    if (c.target.bytes > c.header.bytes) where.error("target", "is more than http.header");
  });
  return s;
}

config::Schema<HttpsConfig> https_schema() {
  config::Schema<CertificateConfig> certificate;
  certificate.key("certificate", &CertificateConfig::certificate,
                  {.help = "PEM: the certificate, and those between it and its CA behind it",
                   .required = true,
                   .example = R"("www.crt")"});
  certificate.key("key", &CertificateConfig::key,
                  {.help = "PEM, mode 0600", .required = true, .example = R"("www.key")"});
  using C = HttpsConfig;
  config::Schema<C> s;
  s.key("listen", &C::listen,
        {.help = "Where web clients ask over TLS and are redirected by the director's choice; none: nowhere",
         .port = 443,
         .example = R"(["192.0.2.1:443", "[2001:db8::1]:443"])"});
  s.list("certificate", &C::certificates, certificate,
         {.help = "Chosen by the name that a client asks for (SNI); the first one for all others"});
  s.check([](const C& c, const Where& where) {
    check_twice(c.listen, where);
    if (!c.listen.empty() && c.certificates.empty())
      where.error("listen", "needs a certificate: write [[https.certificate]]");
  });
  return s;
}

config::Schema<RtspConfig> rtsp_schema() {
  using C = RtspConfig;
  config::Schema<C> s;
  s.key("listen", &C::listen,
        {.help = "Where RTSP clients ask (RTSP/1.0 and 2.0 over TCP) and are redirected; none: nowhere",
         .port = 554,
         .example = R"(["192.0.2.1:554", "[2001:db8::1]:554"])"});
  s.key("race", &C::race, {.help = kRaceHelp});
  s.check([](const C& c, const Where& where) { check_twice(c.listen, where); });
  return s;
}

config::Schema<ServiceRtspConfig> service_rtsp_schema() {
  using C = ServiceRtspConfig;
  config::Schema<C> s;
  s.key("hosts", &C::hosts,
        {.help = "Hosts whose RTSP requests are redirected to this service's slaves; as http.hosts",
         .example = R"(["media.example.test"])"});
  s.key("path", &C::path,
        {.help = "And paths that begin with these segments; of several services the longest",
         .example = R"("/live")"});
  return s;
}

config::Schema<ServiceHttpConfig> service_http_schema() {
  using C = ServiceHttpConfig;
  config::Schema<C> s;
  s.key("hosts", &C::hosts,
        {.help = R"(Hosts whose requests are redirected to this service's slaves; "*.x.test" stands for all )"
                 "names below",
         .example = R"(["www.example.test"])"});
  s.key("path", &C::path,
        {.help = "And paths that begin with these segments; of several services the longest",
         .example = R"("/videos")"});
  s.key("status", &C::status, {.help = "Of redirects for GET and HEAD: 301, 302, 303, 307 or 308"});
  s.key("status_other", &C::status_other, {.help = "For other methods: 307 or 308"});
  s.choice("responder", &C::responder,
           {{"redirect", C::Responder::redirect}, {"backend", C::Responder::backend}},
           {.help = "What slaves race: redirects to themselves, or for a GET what the server of their site "
                    "answers ([[backend]] of the slave), and the redirect where that does not fit"});
  s.check([](const C& c, const Where& where) {
    if (std::ranges::count(kStatus, c.status) == 0)
      where.error("status", fmt::format("{} is none of {}", c.status, fmt::join(kStatus, ", ")));
    if (std::ranges::count(kStatusOther, c.status_other) == 0)
      where.error("status_other", fmt::format("{} is none of {}: with others clients would send a GET",
                                              c.status_other, fmt::join(kStatusOther, ", ")));
  });
  return s;
}

void check_http(const Config& config, const Where& where) {
  const std::size_t raced =
      (config.http.race ? config.http.listen.size() : 0) + (config.rtsp.race ? config.rtsp.listen.size() : 0);
  if (raced > 0 && config.dns.listen.size() + raced > kMostListen)
    where.error(config.http.listen.empty() ? "rtsp.listen" : "http.listen",
                fmt::format("with the others that are raced more than {} addresses", kMostListen));
  Held http;
  Held rtsp;
  for (std::size_t s = 0; s < config.services.size(); ++s) {
    const ServiceConfig& service = config.services[s];
    for (std::size_t i = 0; i < service.slaves.size(); ++i) check_location(config, s, i, where);
    const std::string key = fmt::format("service.{}.", s);
    check_redirects(service, service.http.hosts, service.http.path, key + "http", where);
    check_redirects(service, service.rtsp.hosts, service.rtsp.path, key + "rtsp", where);
    check_held(http, service, service.http.hosts, service.http.path, key + "http", where);
    check_held(rtsp, service, service.rtsp.hosts, service.rtsp.path, key + "rtsp", where);
  }
}

}  // namespace flagfall::master
