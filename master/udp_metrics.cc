#include "master/udp_metrics.hh"

#include <nlohmann/json.hpp>

namespace flagfall::master {

nlohmann::json udp_json(const UdpLoop& udp, const ServiceConfig& service, std::size_t index) {
  nlohmann::json out;
  out["listen"] = nlohmann::json::array();
  for (const Endpoint& at : service.udp.listen) out["listen"].push_back(to_string(at));
  udp.counters(index).for_each([&](const char* name, const Counter& n) { out[name] = n.get(); });
  return out;
}

void add_udp(metrics::Families& out, const UdpLoop& udp, const Config& config) {
  for (std::size_t s = 0; s < config.services.size(); ++s) {
    const ServiceConfig& service = config.services[s];
    if (service.udp.listen.empty()) continue;
    udp.counters(s).for_each([&](const char* name, const Counter& n) {
      out.counter("flagfall_udp_events_total",
                  "Requests to services of datagrams and what became of them, by the name in /status",
                  static_cast<double>(n.get()), {{"service", service.name}, {"event", name}});
    });
    for (std::size_t i = 0; i < service.slaves.size() && i < director::kMostServers; ++i)
      out.counter("flagfall_udp_alone_total", "Requests that one server got without a race",
                  static_cast<double>(udp.led(s, static_cast<director::ServerIndex>(i))),
                  {{"service", service.name}, {"server", service.slaves[i].name}});
  }
  out.counter("flagfall_udp_receive_queue_drops_total",
              "Requests to services of datagrams that the kernel dropped, as a socket's queue was full",
              static_cast<double>(udp.receive_queue_drops()));
}

}  // namespace flagfall::master
