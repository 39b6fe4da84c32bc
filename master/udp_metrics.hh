// Services of datagrams in the status and as Prometheus' families (docs/metrics.md). Control thread only.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "common/metrics/families.hh"
#include "master/config.hh"
#include "master/udp_loop.hh"

namespace flagfall::master {

/// "udp" of a service in GET /status.
nlohmann::json udp_json(const UdpLoop& udp, const ServiceConfig& service, std::size_t index);
void add_udp(metrics::Families& out, const UdpLoop& udp, const Config& config);

}  // namespace flagfall::master
