// The master's state as Prometheus' families (docs/metrics.md): the numbers of GET
// /status, for machines. Reads counters that the request loops write. Control thread only.
#pragma once

#include <functional>
#include <string>

#include "common/metrics/families.hh"
#include "common/metrics/process.hh"
#include "master/director_metrics.hh"
#include "master/status.hh"
#include "master/win_metrics.hh"

namespace flagfall::master {

/// What is beside the status.
struct MetricsSource {
  const StatusSource& status;
  metrics::CertificateDates certificates;
  /// When a slave's certificate ends; the epoch before its first session.
  std::function<RealTime(const std::string& slave)> slave_certificate;
  net::AdminCounters admin;
  const WinMetrics& wins;
  DirectorMetrics director;
};

void add_metrics(metrics::Families& out, const MetricsSource& source);

}  // namespace flagfall::master
