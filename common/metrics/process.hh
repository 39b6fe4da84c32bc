// What every daemon tells of itself: its build, its process, its certificates, its admin listener.
#pragma once

#include <optional>
#include <string>

#include "common/base/time.hh"
#include "common/metrics/families.hh"
#include "common/net/admin.hh"

namespace flagfall::metrics {

/// When certificates end; the epoch: not known.
struct CertificateDates {
  RealTime own;  // of the sessions
  RealTime ca;
  std::optional<RealTime> admin;
  std::optional<RealTime> https{};  // of web clients: the first one to end
};

/// This process, as /proc says; what it does not say is left out.
struct ProcessFacts {
  std::optional<double> started;  // seconds since 1970
  std::optional<double> cpu_seconds;
  std::optional<double> resident_bytes;
  std::optional<double> virtual_bytes;
  std::optional<double> open_descriptors;
  std::optional<double> most_descriptors;
  std::optional<double> threads;
  static ProcessFacts now();
};

void add_build(Families& out, const std::string& program);
void add_process(Families& out, const ProcessFacts& facts);
void add_certificates(Families& out, const CertificateDates& dates);
void add_admin(Families& out, const net::AdminCounters& counters);

}  // namespace flagfall::metrics
