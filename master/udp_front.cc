#include "master/udp_front.hh"

namespace flagfall::master {
namespace {

UdpRaceOptions race_options_of(const Config& config, const UdpNeeds& needs) {
  const RaceOptions race = race_options(config);
  UdpRaceOptions o;
  o.max_slaves = race.max_slaves;
  o.timestamp = race.timestamp;
  o.guard = race.guard;
  o.limit = {.network = {config.udp.rate, config.udp.burst},
             .slip = 0,
             .prefix_v4 = config.guard.prefix_v4,
             .prefix_v6 = config.guard.prefix_v6};
  o.order_size = config.control.order_size;
  o.slaves = slave_names(config).size();
  o.own = config.dns.listen;
  for (const ServiceConfig& service : config.services) {
    o.max_request.push_back(service.udp.max_request);
    o.own.insert(o.own.end(), service.udp.listen.begin(), service.udp.listen.end());
  }
  o.loop = needs.loop;
  o.epoch = needs.epoch;
  return o;
}

}  // namespace

std::unique_ptr<UdpLoop> open_udp(const Config& config, const Clock& clock, Random& random,
                                  const UdpNeeds& needs) {
  UdpLoopOptions o;
  for (std::size_t s = 0; s < config.services.size(); ++s)
    for (std::size_t i = 0; i < config.services[s].udp.listen.size(); ++i)
      o.listen.push_back({.at = config.services[s].udp.listen[i],
                          .service = static_cast<std::uint16_t>(s),
                          .address = static_cast<std::uint8_t>(i)});
  if (o.listen.empty()) return nullptr;
  o.receive_buffer = static_cast<int>(config.udp.receive_buffer.bytes);
  o.order_sources = order_sources(config);
  o.order_dscp = config.control.order_dscp;
  o.core = race_options_of(config, needs);
  o.records = needs.records;
  return std::make_unique<UdpLoop>(o, clock, random, needs.first);
}

}  // namespace flagfall::master
