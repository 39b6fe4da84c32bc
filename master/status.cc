#include "master/status.hh"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "common/daemon/status_json.hh"
#include "master/delay_status.hh"
#include "master/udp_metrics.hh"

namespace flagfall::master {
namespace {

using daemon::histogram_json;
using daemon::spread_json;
using daemon::text_of;
using daemon::text_or_null;
using nlohmann::json;
using Fate = SlaveStats::Fate;

json verdicts_json(const StatusSource& s) {
  const LedgerCounters& c = s.races.counters();
  std::uint64_t judged = 0;
  json by = json::object();
  for (std::size_t way = 0; way < race::kWayNames.size(); ++way)
    for (std::size_t sure = 0; sure < race::kCertaintyNames.size(); ++sure) {
      const std::uint64_t n = c.verdicts.at(way).at(sure);
      by[std::string(race::kWayNames.at(way))][std::string(race::kCertaintyNames.at(sure))] = n;
      judged += n;
    }
  const double share = c.finished == 0 ? 0 : static_cast<double>(judged) / static_cast<double>(c.finished);
  return {{"finished", c.finished},
          {"judged", judged},
          {"share", c.finished == 0 ? json(nullptr) : json(share)},
          {"by", by},
          {"remembered", s.races.remembered()}};
}

json clock_json(const StatusSource& s) {
  const clocksync::RefMap& clock = s.snapshot.clock;
  const bool known = clock.status != wire::ClockStatus::unknown;
  const std::string why = clock_why_not(clock, s.config.clock.max_error, s.now);
  const auto or_null = [&](double value) { return known ? json(value) : json(nullptr); };
  const Nanos here = clock.to_ref(s.now).time_since_epoch() - s.now.time_since_epoch();
  return {{"source", s.clock.provider()},
          {"status", text_of(clock.status)},
          {"usable", why.empty()},
          {"why_not", text_or_null(why)},
          {"correction_ms", or_null(in_ms(here - s.real_minus_mono))},
          {"bound_ms", or_null(in_ms(clock.bound_at(s.now)))},
          {"expected_error_ms", or_null(in_ms(clock.expected_at(s.now)))},
          {"drift_ppm", or_null(clock.clock_drift_ppm)},
          {"max_error_ms", in_ms(s.config.clock.max_error)},
          {"age_ms", or_null(in_ms(s.now - clock.measured))}};
}

void add_orders(json& out, const StatusSource& s, std::size_t index) {
  const Loops::Orders sent = s.loops.orders(index);
  out["orders_sent"] = sent.orders;
  out["order_datagrams"] = sent.datagrams;
  out["order_datagrams_failed"] = sent.failed;
}

void add_outcomes(json& out, const SlaveStats& stats) {
  out["outcomes"] = {{"sent", stats.count(Fate::sent)},
                     {"sent_late", stats.count(Fate::sent_late)},
                     {"dropped_late", stats.count(Fate::dropped_late)},
                     {"refused", stats.count(Fate::refused)},
                     {"failed", stats.count(Fate::failed)},
                     {"withheld", stats.count(Fate::withheld)}};
  const auto share = stats.on_time_share();
  out["on_time_share"] = share ? json(*share) : json(nullptr);
  out["one_way_ms"] = histogram_json(stats.one_way, in_ms);
  out["transmit_error_us"] = histogram_json(stats.transmit_error, in_us);
}

const char* text_of(wire::Health health) {
  switch (health) {
    case wire::Health::unknown:
      return "unknown";
    case wire::Health::up:
      return "up";
    case wire::Health::down:
      return "down";
  }
  return "unknown";
}

/// What the slave's collectors say of its machine and its content servers.
void add_collected(json& out, const SlaveState& slave, MonoTime now) {
  const auto or_null = [](const auto& value) { return value ? json(*value) : json(nullptr); };
  out["collects_only"] = slave.collects_only;
  const Nanos age = now - slave.gathered;
  out["collected_ago_ms"] = slave.gathered == MonoTime() ? json(nullptr) : json(in_ms(age));
  json& loads = out["loads"] = json::array();
  for (const wire::Load& load : slave.loads)
    loads.push_back(
        {{"name", load.name},
         {"connections", or_null(load.connections)},
         {"free_memory", or_null(load.free_memory)},
         {"free_swap", or_null(load.free_swap)},
         {"idle_cpu", load.idle_cpu ? json(*load.idle_cpu / double{wire::kWhole}) : json(nullptr)}});
  json& checks = out["checks"] = json::array();
  for (const wire::Check& check : slave.checks)
    checks.push_back({{"name", check.name},
                      {"answer", check.answer ? json(to_string(*check.answer)) : json(nullptr)},
                      {"state", text_of(check.state)},
                      {"since_s", in_s(check.since + age)},
                      {"why", text_or_null(check.why)}});
}

json slave_json(const StatusSource& s, const SlaveState& slave) {
  const std::string why = s.builder.why_not(slave);
  const bool on = slave.registered;
  const wire::Report& report = slave.last_report;
  json out = {
      {"name", slave.name},
      {"registered", on},
      {"fit", why.empty()},
      {"why_not", text_or_null(why)},
      {"session", on ? json(slave.session) : json(nullptr)},
      {"sessions", slave.sessions},
      {"orders", on ? json(to_string(slave.orders)) : json(nullptr)},
      {"software", text_or_null(slave.software)},
      {"registered_for_s", on ? json(in_s(s.now - slave.registered_at)) : json(nullptr)},
      {"heard_ago_ms", slave.sessions > 0 ? json(in_ms(s.now - slave.last_heard)) : json(nullptr)},
      {"round_trip_ms", on && slave.round_trip > Nanos(0) ? json(in_ms(slave.round_trip)) : json(nullptr)}};
  const bool known = on && report.clock != wire::ClockStatus::unknown;
  const auto or_null = [&](Nanos value) { return known ? json(in_ms(value)) : json(nullptr); };
  out["clock"] = {{"provider", text_or_null(report.provider)},
                  {"status", text_of(on ? report.clock : wire::ClockStatus::unknown)},
                  {"correction_ms", or_null(report.correction)},
                  {"own_bound_ms", or_null(report.own_bound)},
                  {"bound_ms", or_null(report.bound)},
                  {"expected_error_ms", or_null(report.expected)},
                  {"drift_ppm", known ? json(in_us(report.drift)) : json(nullptr)},
                  {"updated_ago_ms", or_null(report.age)},
                  {"own_bounds_ms", spread_json(report.own_bounds, in_ms)},
                  {"expected_errors_ms", spread_json(report.expected_errors, in_ms)}};
  out["stamp_error_us"] = spread_json(report.transmit_errors, in_us);
  json& services = out["services"] = json::array();
  for (const ServiceConfig& service : s.config.services)
    if (std::ranges::any_of(service.slaves, [&](const SlaveConfig& c) { return c.name == slave.name; }))
      services.push_back(service.name);
  const auto index = static_cast<std::size_t>(std::ranges::lower_bound(s.builder.names(), slave.name) -
                                              s.builder.names().begin());
  add_orders(out, s, index);
  add_outcomes(out, s.stats.at(index));
  json& counters = out["counters"] = json::object();
  for (const auto& [name, value] : report.counters) counters[name] = value;
  add_collected(out, slave, s.now);
  return out;
}

json service_json(const StatusSource& s, std::size_t index) {
  const ServiceConfig& service = s.config.services[index];
  json slaves = json::array();
  json fit = json::array();
  json why_not = json::object();
  for (const SlaveConfig& slave : service.slaves) {
    slaves.push_back(slave.name);
    const auto state =
        std::ranges::find_if(s.slaves, [&](const SlaveState* x) { return x->name == slave.name; });
    const std::string why =
        state == s.slaves.end() ? "has not connected" : s.builder.why_not(**state, service);
    if (why.empty())
      fit.push_back(slave.name);
    else
      why_not[slave.name] = why;
  }
  return {{"name", service.name},
          {"names", service.names},
          {"delay_ms", in_ms(s.delays.delay(index))},
          {"delay", delay_json(s.delays, index, s.now)},
          {"ways_ms", ways_json(s.delays, index)},
          {"mode", name_of(service.mode)},
          {"race_share", service.race_share},
          {"late", service.late == wire::LatePolicy::send ? "send" : "drop"},
          {"slaves", slaves},
          {"fit", fit},
          {"why_not", why_not},
          {"udp", service.udp.listen.empty() || !s.loops.udp ? json(nullptr)
                                                             : udp_json(*s.loops.udp, service, index)}};
}

json guard_json(const StatusSource& s) {
  const GuardConfig& g = s.config.guard;
  std::uint64_t tracked = 0;
  for (const auto& loop : s.loops.dns)
    tracked += loop->counters().tracked_networks.load(std::memory_order_relaxed);
  return {{"unverified", g.unverified == GuardOptions::Unverified::budget ? "budget" : "never"},
          {"rate", g.rate},
          {"burst", g.burst},
          {"prefix_rate", g.prefix_rate},
          {"prefix_burst", g.prefix_burst},
          {"verified_rate", g.verified_rate},
          {"verified_burst", g.verified_burst},
          {"verified_prefix_rate", g.verified_prefix_rate},
          {"verified_prefix_burst", g.verified_prefix_burst},
          {"max_slaves", s.config.race.max_slaves},
          {"tracked_prefixes", tracked}};
}

void count_tcp(std::map<std::string, std::uint64_t>& sums, const RequestLoop& loop) {
  for (const net::TcpCounters* tcp : loop.tcp()) {
    sums["tcp_accepted"] += tcp->accepted.get();
    sums["tcp_open"] += tcp->accepted.get() - std::min(tcp->accepted.get(), tcp->closed.get());
    sums["tcp_evicted"] += tcp->evicted.get();
    sums["tcp_idle_closed"] += tcp->idle_closed.get();
    sums["tcp_accept_errors"] += tcp->accept_errors.get();
  }
}

json counters_json(const StatusSource& s) {
  std::map<std::string, std::uint64_t> sums;
  s.clock.for_each_counter([&](std::string_view name, std::uint64_t n) { sums[std::string(name)] = n; });
  for (const auto& loop : s.loops.dns) {
    loop->dns().for_each([&](const char* name, const Counter& c) { sums[name] += c.get(); });
    const LoopCounters& c = loop->counters();
    sums["bursts"] += c.bursts.get();
    sums["answers_sent"] += c.answers_sent.get();
    sums["answers_failed"] += c.answers_failed.get();
    sums["icmp_errors"] += c.icmp_errors.get();
    sums["receive_queue_drops"] += c.receive_queue_drops.get();
    sums["icmp_errors_elsewhere"] += loop->requests().errors_elsewhere.get();
    sums["icmp_errors_unreadable"] += loop->requests().errors_unreadable.get();
    loop->requests().for_each_dns([&](const char* name, const Counter& n) { sums[name] += n.get(); });
    sums["truncated_datagrams"] += loop->requests().truncated_datagrams.get();
    count_tcp(sums, *loop);
  }
  s.races.counters().for_each([&](const char* name, std::uint64_t n) { sums[name] = n; });
  return sums;
}

}  // namespace

std::string clock_why_not(const clocksync::RefMap& clock, Nanos max_error, MonoTime now) {
  if (clock.status == wire::ClockStatus::unknown) return clock.why.empty() ? "not known yet" : clock.why;
  if (clock.status != wire::ClockStatus::synchronised) return "its source has fallen silent";
  const Nanos bound = clock.bound_at(now);
  if (bound > max_error)
    return fmt::format("its bound of {:.3f} ms is above clock.max_error, {}", in_ms(bound),
                       config::to_string(max_error));
  if (clock.near_leap(clock.to_ref(now))) return "a leap second is near";
  return {};
}

json status_json(const StatusSource& s) {
  json fallback = json::object();
  auto queue_age = std::make_unique<Histogram>();
  for (const auto& loop : s.loops.dns) queue_age->merge(loop->requests().queue_age);
  for (std::size_t i = 0; i < kFallbackNames.size(); ++i)
    fallback[std::string(kFallbackNames.at(i))] = s.loops.fallback(static_cast<Fallback>(i));
  json listen = json::array();
  for (const Endpoint& at : s.listen) listen.push_back(to_string(at));
  json slaves = json::array();
  for (const SlaveState* slave : s.slaves) slaves.push_back(slave_json(s, *slave));
  json services = json::array();
  for (std::size_t i = 0; i < s.config.services.size(); ++i) services.push_back(service_json(s, i));
  json control = json::object();
  for (const auto& [name, value] : s.control) control[name] = value;
  const std::string clock = clock_why_not(s.snapshot.clock, s.config.clock.max_error, s.now);
  const std::string why = s.snapshot.paused ? "paused by an operator" : clock;
  return {
      {"program", "flagfall-master"},
      {"version", FLAGFALL_VERSION},
      {"pid", getpid()},
      {"uptime_s", in_s(s.now - s.started)},
      {"listen", listen},
      {"threads", s.loops.dns.size()},
      {"racing",
       {{"paused", s.snapshot.paused}, {"standing_down", !clock.empty()}, {"why_not", text_or_null(why)}}},
      {"clock", clock_json(s)},
      {"slaves", slaves},
      {"services", services},
      {"races", s.loops.races()},
      {"shadow_races", s.loops.sum(&RequestCounters::shadow_races)},
      {"beacon_races", s.loops.sum(&RequestCounters::beacon_races)},
      {"bound", s.loops.sum(&RequestCounters::bound)},
      {"raced_again", s.loops.sum(&RequestCounters::raced_again)},
      {"verdicts", verdicts_json(s)},
      {"fallback", fallback},
      {"guard", guard_json(s)},
      {"queue_age_us", histogram_json(*queue_age, in_us)},
      {"counters", counters_json(s)},
      {"control", control},
      {"statistics", s.statistics}};
}

std::string status_line(const StatusSource& s) {
  const auto fit =
      std::ranges::count_if(s.slaves, [&](const SlaveState* x) { return s.builder.why_not(*x).empty(); });
  const std::string clock = clock_why_not(s.snapshot.clock, s.config.clock.max_error, s.now);
  return fmt::format("{} of {} slaves fit, {}, {} races", fit, s.slaves.size(),
                     s.snapshot.paused ? "racing is paused"
                     : clock.empty()
                         ? fmt::format("clock within {:.2f} ms", in_ms(s.snapshot.clock.bound_at(s.now)))
                         : "no races: clock: " + clock,
                     s.loops.races());
}

}  // namespace flagfall::master
