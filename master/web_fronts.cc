#include "master/web_fronts.hh"

#include <algorithm>

#include "common/base/log.hh"
#include "common/net/privileges.hh"
#include "master/request_loop.hh"
#include "master/snapshot_builder.hh"

namespace flagfall::master {
namespace {

const std::vector<Endpoint>& listen_of(const Config& config, WebScheme scheme) {
  return scheme == WebScheme::http    ? config.http.listen
         : scheme == WebScheme::https ? config.https.listen
                                      : config.rtsp.listen;
}

HttpLoopOptions loop_options(const Config& config, WebScheme scheme) {
  const HttpConfig& c = config.http;
  return {.scheme = scheme,
          .listen = listen_of(config, scheme),
          .limits = {.header = static_cast<std::size_t>(c.header.bytes),
                     .target = static_cast<std::size_t>(c.target.bytes),
                     .body = static_cast<std::uint64_t>(c.body.bytes),
                     .protocol = protocol_of(scheme)},
          .connections = c.connections,
          .network_connections = c.network_connections,
          .prefix_v4 = config.guard.prefix_v4,
          .prefix_v6 = config.guard.prefix_v6,
          .requests = c.requests,
          .header_timeout = c.header_timeout,
          .idle_timeout = c.idle_timeout,
          .services = config.services.size(),
          .unique_names = config.director.unique_names};
}

/// Segments of TLS are not for others to write.
bool raced(const Config& config, WebScheme scheme) {
  return (scheme == WebScheme::http && config.http.race) || (scheme == WebScheme::rtsp && config.rtsp.race);
}

HttpRacing::Options racing_options(const WebNeeds& needs, WebScheme scheme, unsigned loop) {
  const Config& config = needs.config;
  HttpRacing::Options o;
  o.listen = listen_of(config, scheme);
  const std::vector<Endpoint> all = service_addresses(config);
  o.first_address = static_cast<unsigned>(
      std::search(all.begin(), all.end(), o.listen.begin(), o.listen.end()) - all.begin());
  o.order_sources = order_sources(config);
  o.order_dscp = config.control.order_dscp;
  const RaceOptions race = race_options(config);
  o.core.max_slaves = race.max_slaves;
  o.core.guard = race.guard;
  o.core.fronts = static_cast<unsigned>(raced(config, WebScheme::http)) +
                  static_cast<unsigned>(raced(config, WebScheme::rtsp));
  o.core.order_size = config.control.order_size;
  o.core.slaves = slave_names(config).size();
  o.core.loop = loop;
  o.core.epoch = needs.epoch;
  o.core.early_octets = config.http.early_octets;
  o.longest_delay = Nanos(0);
  for (const ServiceConfig& service : config.services)
    if (!(scheme == WebScheme::rtsp ? service.rtsp.hosts : service.http.hosts).empty())
      o.longest_delay = std::max(o.longest_delay, first_delay(service.delay));
  return o;
}

Status may_race() {
  if (Status raw = net::need_capability(net::Capability::net_raw, "see whose redirect a client has taken");
      !raw)
    return raw;
  return net::need_capability(net::Capability::net_admin, "hand a client's connection over to the slaves");
}

}  // namespace

unsigned web_loops(const Config& config) {
  return static_cast<unsigned>(std::ranges::count_if(
      kWebSchemes, [&](WebScheme scheme) { return !listen_of(config, scheme).empty(); }));
}

Result<std::shared_ptr<const net::WebTls>> load_web_tls(const Config& config) {
  if (config.https.listen.empty()) return std::shared_ptr<const net::WebTls>();
  std::vector<net::WebTls::Files> files;
  for (const CertificateConfig& each : config.https.certificates)
    files.push_back({each.certificate.text, each.key.text});
  auto loaded = net::WebTls::load(files, SystemClock().real());
  if (!loaded) return Error{"[https] " + loaded.error()};
  return loaded;
}

std::vector<std::unique_ptr<HttpLoop>> open_web(const WebNeeds& needs) {
  std::vector<std::unique_ptr<HttpLoop>> out;
  const Status may = may_race();
  unsigned number = needs.loops_before;
  for (const WebScheme scheme : kWebSchemes) {
    if (listen_of(needs.config, scheme).empty()) continue;
    HttpLoopOptions options = loop_options(needs.config, scheme);
    options.epoch = needs.epoch;
    options.records = &needs.races.ring(number);
    const bool wanted = raced(needs.config, scheme);
    if (wanted && !may) log::warn("redirects ({}) are not raced: {}", name_of(scheme), may.error());
    if (wanted && may) options.racing = racing_options(needs, scheme, number);
    if (scheme == WebScheme::https) options.tls = needs.tls;
    out.push_back(std::make_unique<HttpLoop>(options, needs.clock, needs.random, needs.first));
    ++number;
  }
  return out;
}

}  // namespace flagfall::master
