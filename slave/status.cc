#include "slave/status.hh"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/daemon/status_json.hh"

namespace flagfall::slave {
namespace {

using daemon::histogram_json;
using daemon::text_of;
using daemon::text_or_null;
using metrics::Families;
using metrics::in_seconds;
using nlohmann::json;

bool known(const StatusSource& s) {
  return s.clock.status != wire::ClockStatus::unknown;
}

Nanos correction(const StatusSource& s) {
  return s.clock.to_ref(s.now).time_since_epoch() - s.now.time_since_epoch() - s.real_minus_mono;
}

json clock_json(const StatusSource& s) {
  const auto or_null = [&](double value) { return known(s) ? json(value) : json(nullptr); };
  return {{"source", s.provider},
          {"status", text_of(s.clock.status)},
          {"why_not", text_or_null(s.clock.why)},
          {"correction_ms", or_null(in_ms(correction(s)))},
          {"bound_ms", or_null(in_ms(s.clock.bound_at(s.now)))},
          {"expected_error_ms", or_null(in_ms(s.clock.expected_at(s.now)))},
          {"drift_ppm", or_null(s.clock.clock_drift_ppm)},
          {"max_error_ms", in_ms(s.max_error)},
          {"age_ms", or_null(in_ms(s.now - s.clock.measured))}};
}

void add_clock(Families& out, const StatusSource& s) {
  out.gauge("flagfall_clock_max_error_seconds", "The largest bound at which hosts race (clock.max_error)",
            in_seconds(s.max_error));
  if (!known(s)) return;
  out.gauge("flagfall_clock_bound_seconds", "The worst error of the slave's clock",
            in_seconds(s.clock.bound_at(s.now)));
  out.gauge("flagfall_clock_expected_error_seconds", "The likely error of the slave's clock",
            in_seconds(s.clock.expected_at(s.now)));
  out.gauge("flagfall_clock_correction_seconds", "Reference time minus the slave's CLOCK_REALTIME",
            in_seconds(correction(s)));
  out.gauge("flagfall_clock_drift_ratio", "What reference time gains on the slave's clock",
            s.clock.clock_drift_ppm * 1e-6);
  out.gauge("flagfall_clock_age_seconds", "Since the clock's source was heard",
            in_seconds(s.now - s.clock.measured));
}

void add_transmit(Families& out, const StatusSource& s) {
  const EgressStats& stats = s.transmitter.stats();
  const auto counter = [&](const char* name, const char* help, const Counter& value) {
    out.counter(name, help, static_cast<double>(value.get()));
  };
  counter("flagfall_slave_answers_sent_total", "Answers sent", stats.sent);
  counter("flagfall_slave_answers_failed_total", "Answers that the kernel refused to send", stats.failed);
  counter("flagfall_slave_answers_unstamped_total", "Answers without a kernel transmit stamp",
          stats.unstamped);
  out.gauge("flagfall_slave_answers_pending", "Answers that wait for their instants",
            static_cast<double>(s.pending));
  out.gauge("flagfall_slave_transmit_guard_seconds",
            "How long before an answer leaves the transmit thread wakes up",
            in_seconds(s.transmitter.guard()));
  out.histogram("flagfall_slave_stamp_error_seconds", "Kernel transmit stamp's distance from the instant",
                stats.stamp, metrics::kErrorBuckets);
  out.histogram("flagfall_slave_wake_up_lateness_seconds", "How late the transmit thread's sleeps ended",
                s.transmitter.wake_ups(), metrics::kErrorBuckets);
}

json backends_json(const StatusSource& s) {
  json out = json::array();
  if (s.backends == nullptr) return out;
  for (const auto& backend : s.backends->all()) {
    json& one = out.emplace_back(json{{"service", backend->config().service},
                                      {"udp", to_string(*backend->config().udp)},
                                      {"up", backend->up()},
                                      {"sockets", backend->config().sockets},
                                      {"waiting", backend->waiting()}});
    backend->counters().for_each([&](const char* name, const Counter& n) { one[name] = n.get(); });
  }
  return out;
}

void add_backends(Families& out, const StatusSource& s) {
  if (s.backends == nullptr) return;
  for (const auto& backend : s.backends->all()) {
    const Families::Labels label{{"service", backend->config().service}};
    out.gauge("flagfall_slave_backend_up", "1 while the service's backend answers", backend->up() ? 1 : 0,
              label);
    out.gauge("flagfall_slave_backend_waiting", "Requests that wait for the backend's answer",
              static_cast<double>(backend->waiting()), label);
    backend->counters().for_each([&](const char* name, const Counter& n) {
      out.counter("flagfall_slave_backend_events_total", "What became of requests to the backend",
                  static_cast<double>(n.get()), {{"service", backend->config().service}, {"event", name}});
    });
  }
}

}  // namespace

json status_json(const StatusSource& s) {
  json masters = json::array();
  for (const Masters::View& master : s.masters)
    masters.push_back({{"name", master.name},
                       {"registered", master.registered},
                       {"racing", master.racing},
                       {"why_not", master.racing ? json(nullptr) : text_or_null(master.why_not)},
                       {"relative", master.relative},
                       {"bound_ms", master.racing ? json(in_ms(master.bound)) : json(nullptr)}});
  json counters = json::object();
  for (const auto& [name, value] : s.counters) counters[name] = value;
  return {{"program", "flagfall-slave"},
          {"version", FLAGFALL_VERSION},
          {"pid", getpid()},
          {"uptime_s", in_seconds(s.now - s.started)},
          {"masters", masters},
          {"clock", clock_json(s)},
          {"stamp_error_us", histogram_json(s.transmitter.stats().stamp, in_us)},
          {"wake_up_us", histogram_json(s.transmitter.wake_ups(), in_us)},
          {"backends", backends_json(s)},
          {"counters", counters}};
}

void add_metrics(Families& out, const StatusSource& s, const metrics::CertificateDates& certificates,
                 const net::AdminCounters& admin) {
  metrics::add_build(out, "flagfall-slave");
  for (const Masters::View& master : s.masters) {
    const Families::Labels label{{"master", master.name}};
    out.gauge("flagfall_slave_master_registered", "1 while there is a session with the master",
              master.registered ? 1 : 0, label);
    out.gauge("flagfall_slave_master_racing", "1 while this slave races for the master",
              master.racing ? 1 : 0, label);
  }
  add_clock(out, s);
  add_transmit(out, s);
  add_backends(out, s);
  // The transmitter's have families of their own; durations are no counts.
  for (const auto& [name, value] : s.counters)
    if (!name.starts_with("answers_") && !name.starts_with("backend_") && !name.ends_with("_ns"))
      out.counter("flagfall_slave_events_total", "What the slave counts, by the name in /status",
                  static_cast<double>(value), {{"event", name}});
  metrics::add_certificates(out, certificates);
  metrics::add_admin(out, admin);
  metrics::add_process(out, metrics::ProcessFacts::now());
}

}  // namespace flagfall::slave
