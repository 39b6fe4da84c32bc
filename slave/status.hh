// A slave's state as the JSON of GET /status and as Prometheus' families
// (docs/admin.md, docs/metrics.md). Loop thread only.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "clocksync/ref_clock.hh"
#include "common/metrics/process.hh"
#include "slave/masters.hh"
#include "slave/transmitter.hh"
#include "slave/udp_backends.hh"

namespace flagfall::slave {

/// Views of everything that status tells.
struct StatusSource {
  std::vector<Masters::View> masters;
  Masters::Counters counters;
  const clocksync::RefMap& clock;
  std::string_view provider;
  Nanos max_error{};
  const Transmitter& transmitter;
  std::size_t pending = 0;
  const UdpBackends* backends;  // null: none
  MonoTime now;
  MonoTime started;
  Nanos real_minus_mono{};
};

nlohmann::json status_json(const StatusSource& source);
/// `certificates`, `admin`: what is beside the status.
void add_metrics(metrics::Families& out, const StatusSource& source,
                 const metrics::CertificateDates& certificates, const net::AdminCounters& admin);

}  // namespace flagfall::slave
