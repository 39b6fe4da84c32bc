#include "master/metrics.hh"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

#include "master/udp_metrics.hh"

namespace flagfall::master {
namespace {

using metrics::Families;
using metrics::in_seconds;
using Fate = SlaveStats::Fate;

double number(std::uint64_t n) {
  return static_cast<double>(n);
}
double flag(bool is) {
  return is ? 1 : 0;
}

void add_racing(Families& out, const StatusSource& s) {
  auto queue_age = std::make_unique<Histogram>();
  for (const auto& loop : s.loops.dns) queue_age->merge(loop->requests().queue_age);
  out.counter("flagfall_races_total", "Requests that were raced", number(s.loops.races()));
  out.counter("flagfall_beacon_races_total", "Of these, those that were answered with a beacon",
              number(s.loops.sum(&RequestCounters::beacon_races)));
  for (std::size_t i = 0; i < kFallbackNames.size(); ++i)
    out.counter(
        "flagfall_fallbacks_total", "Requests for raced services that the master answered itself, by why",
        number(s.loops.fallback(static_cast<Fallback>(i))), {{"reason", std::string(kFallbackNames.at(i))}});
  out.gauge("flagfall_racing_paused", "1 while an operator has paused racing", flag(s.snapshot.paused));
  out.gauge("flagfall_racing_standing_down", "1 while the master's clock forbids races",
            flag(!clock_why_not(s.snapshot.clock, s.config.clock.max_error, s.now).empty()));
  out.histogram("flagfall_queue_age_seconds", "How long queries lay in the sockets' receive queues",
                *queue_age, metrics::kErrorBuckets);
}

void add_clock(Families& out, const StatusSource& s) {
  const clocksync::RefMap& clock = s.snapshot.clock;
  out.gauge("flagfall_clock_max_error_seconds", "The largest bound at which hosts race (clock.max_error)",
            in_seconds(s.config.clock.max_error));
  s.clock.for_each_counter([&](std::string_view name, std::uint64_t n) {
    out.counter("flagfall_clock_events_total", "What the clock's source counts, by its name in /status",
                number(n), {{"event", std::string(name)}});
  });
  if (clock.status == wire::ClockStatus::unknown) return;
  const Nanos here = clock.to_ref(s.now).time_since_epoch() - s.now.time_since_epoch();
  out.gauge("flagfall_clock_bound_seconds", "The worst error of the master's clock",
            in_seconds(clock.bound_at(s.now)));
  out.gauge("flagfall_clock_expected_error_seconds", "The likely error of the master's clock",
            in_seconds(clock.expected_at(s.now)));
  out.gauge("flagfall_clock_correction_seconds", "Reference time minus the master's CLOCK_REALTIME",
            in_seconds(here - s.real_minus_mono));
  out.gauge("flagfall_clock_drift_ratio", "What reference time gains on the master's clock",
            clock.clock_drift_ppm * 1e-6);
  out.gauge("flagfall_clock_age_seconds", "Since the clock's source was heard",
            in_seconds(s.now - clock.measured));
}

void add_slave_clock(Families& out, const SlaveState& slave, const Families::Labels& label) {
  const wire::Report& report = slave.last_report;
  if (!slave.registered || report.clock == wire::ClockStatus::unknown) return;
  out.gauge("flagfall_slave_clock_bound_seconds",
            "The worst error between the slave's clock and the master's", in_seconds(report.bound), label);
  out.gauge("flagfall_slave_clock_own_bound_seconds", "The worst error of the slave's own clock",
            in_seconds(report.own_bound), label);
  out.gauge("flagfall_slave_clock_expected_error_seconds", "The likely error of the slave's clock",
            in_seconds(report.expected), label);
  out.gauge("flagfall_slave_clock_correction_seconds", "Reference time minus the slave's CLOCK_REALTIME",
            in_seconds(report.correction), label);
}

void add_slave_session(Families& out, const MetricsSource& source, const SlaveState& slave,
                       const Families::Labels& label) {
  const StatusSource& s = source.status;
  out.gauge("flagfall_slave_registered", "1 while the slave has a session", flag(slave.registered), label);
  out.gauge("flagfall_slave_fit", "1 while the slave would race", flag(s.builder.why_not(slave).empty()),
            label);
  out.counter("flagfall_slave_sessions_total", "Sessions that the slave began", number(slave.sessions),
              label);
  if (slave.registered && slave.round_trip > Nanos(0))
    out.gauge("flagfall_slave_round_trip_seconds",
              "Round trip of the session's heartbeats, the smallest of a minute",
              in_seconds(slave.round_trip), label);
  if (slave.sessions > 0)
    out.gauge("flagfall_slave_silence_seconds", "Since the slave was heard",
              in_seconds(s.now - slave.last_heard), label);
  if (const RealTime ends = source.slave_certificate(slave.name); ends != RealTime())
    out.gauge("flagfall_slave_certificate_not_after_timestamp_seconds",
              "When the certificate ends that the slave showed last, since 1970", in_seconds(ends), label);
}

/// Names come from the slave: 16 loads and 64 checks at most.
void add_collected(Families& out, const SlaveState& slave) {
  for (const wire::Load& load : slave.loads) {
    const Families::Labels label{{"slave", slave.name}, {"of", load.name}};
    if (load.connections)
      out.gauge("flagfall_slave_load_connections", "Open TCP connections", number(*load.connections), label);
    if (load.free_memory)
      out.gauge("flagfall_slave_load_free_memory_bytes", "Memory that is left", number(*load.free_memory),
                label);
    if (load.free_swap)
      out.gauge("flagfall_slave_load_free_swap_bytes", "Swap that is left", number(*load.free_swap), label);
    if (load.idle_cpu)
      out.gauge("flagfall_slave_load_idle_cpu_ratio", "Idle CPU, of what may be used",
                *load.idle_cpu / double{wire::kWhole}, label);
  }
  for (const wire::Check& check : slave.checks) {
    const Families::Labels label{{"slave", slave.name}, {"check", check.name}};
    out.gauge("flagfall_slave_check_up", "1 while the check's content server is up, 0 when down or unknown",
              flag(check.state == wire::Health::up), label);
    out.gauge("flagfall_slave_check_known", "0 while the check can say neither up nor down",
              flag(check.state != wire::Health::unknown), label);
  }
}

void add_orders(Families& out, const StatusSource& s, const SlaveState& slave,
                const Families::Labels& label) {
  const auto index = static_cast<std::size_t>(std::ranges::lower_bound(s.builder.names(), slave.name) -
                                              s.builder.names().begin());
  const Loops::Orders sent = s.loops.orders(index);
  out.counter("flagfall_orders_total", "Orders sent to the slave", number(sent.orders), label);
  out.counter("flagfall_order_datagrams_total", "Datagrams that they were sent in", number(sent.datagrams),
              label);
  out.counter("flagfall_order_datagrams_failed_total", "Datagrams that the kernel refused to send",
              number(sent.failed), label);
  const SlaveStats& stats = s.stats.at(index);
  for (const auto& [fate, name] : {std::pair{Fate::sent, "sent"},
                                   {Fate::sent_late, "sent_late"},
                                   {Fate::dropped_late, "dropped_late"},
                                   {Fate::refused, "refused"},
                                   {Fate::failed, "failed"},
                                   {Fate::withheld, "withheld"}}) {
    Families::Labels with = label;
    with.emplace_back("fate", name);
    out.counter("flagfall_order_fates_total", "What became of orders, as the slave reported",
                number(stats.count(fate)), with);
  }
  out.histogram("flagfall_order_one_way_seconds", "Orders' way from master to slave, in reference time",
                stats.one_way, metrics::kWayBuckets, label);
  out.histogram("flagfall_transmit_error_seconds",
                "Transmit time's distance from the instant, of answers on time", stats.transmit_error,
                metrics::kErrorBuckets, label);
}

/// What a delay that follows the network says of itself.
void add_following(Families& out, const delay::Follower& follower, const Families::Labels& label) {
  const delay::Follower::View& view = follower.view();
  out.counter("flagfall_service_delay_changes_total", "Changes of a delay that follows the network",
              number(follower.changes()), label);
  out.gauge("flagfall_service_delay_limited",
            "1 while at_least or at_most keeps the delay from what is wanted", flag(view.limited), label);
  out.gauge("flagfall_service_on_time_target_ratio", "Share of races that shall have every slave on time",
            follower.follow().on_time, label);
  if (view.races > 0)
    out.gauge("flagfall_service_on_time_ratio", "Share of the last races that had every slave on time",
              view.share, label);
}

void add_services(Families& out, const StatusSource& s) {
  for (std::size_t i = 0; i < s.config.services.size(); ++i) {
    const ServiceConfig& service = s.config.services[i];
    const Families::Labels label{{"service", service.name}};
    const auto fit = std::ranges::count_if(service.slaves, [&](const SlaveConfig& slave) {
      return std::ranges::any_of(s.slaves, [&](const SlaveState* state) {
        return state->name == slave.name && s.builder.why_not(*state, service).empty();
      });
    });
    out.gauge("flagfall_service_slaves", "Slaves configured for the service", number(service.slaves.size()),
              label);
    out.gauge("flagfall_service_fit_slaves", "Slaves of the service that would race now",
              static_cast<double>(fit), label);
    out.gauge("flagfall_service_delay_seconds", "From the timestamp to the instant",
              in_seconds(s.delays.delay(i)), label);
    if (const delay::Follower* follower = s.delays.follower(i)) add_following(out, *follower, label);
  }
}

void add_events(Families& out, const StatusSource& s) {
  std::map<std::string, std::uint64_t> dns;
  std::uint64_t sent = 0, failed = 0, icmp = 0, drops = 0, truncated = 0, tracked = 0, open = 0, accepted = 0;
  for (const auto& loop : s.loops.dns) {
    loop->dns().for_each([&](const char* name, const Counter& c) { dns[name] += c.get(); });
    loop->requests().for_each_dns([&](const char* name, const Counter& c) { dns[name] += c.get(); });
    const LoopCounters& c = loop->counters();
    sent += c.answers_sent.get();
    failed += c.answers_failed.get();
    icmp += c.icmp_errors.get();
    drops += c.receive_queue_drops.get();
    truncated += loop->requests().truncated_datagrams.get();
    tracked += c.tracked_networks.load(std::memory_order_relaxed);
    for (const net::TcpCounters* tcp : loop->tcp()) {
      accepted += tcp->accepted.get();
      open += tcp->accepted.get() - std::min(tcp->accepted.get(), tcp->closed.get());
    }
  }
  for (const auto& [name, n] : dns)
    out.counter("flagfall_dns_events_total", "Queries and what became of them, by the name in /status",
                number(n), {{"event", name}});
  for (const auto& [name, n] : s.control)
    out.counter("flagfall_control_events_total",
                "Of the control port and of operators, by the name in /status", number(n), {{"event", name}});
  out.counter("flagfall_answers_sent_total", "Answers that the master sent itself over UDP", number(sent));
  out.counter("flagfall_answers_failed_total", "Answers that the kernel refused to send", number(failed));
  out.counter("flagfall_icmp_errors_total", "ICMP errors at the service sockets", number(icmp));
  out.counter("flagfall_receive_queue_drops_total",
              "Queries that the kernel dropped, as a socket's queue was full", number(drops));
  out.counter("flagfall_truncated_datagrams_total", "Datagrams larger than any query", number(truncated));
  out.counter("flagfall_dns_tcp_connections_total", "TCP connections of DNS clients", number(accepted));
  out.gauge("flagfall_dns_tcp_connections_open", "Of those, open", number(open));
  out.gauge("flagfall_guard_tracked_networks", "Client networks that have spent from their bucket of races",
            number(tracked));
}

void add_statistics(Families& out, const StatusSource& s) {
  if (!s.statistics.value("enabled", false)) return;
  out.gauge("flagfall_statistics_kept", "Whether the statistics' database can be written",
            s.statistics["why_not"].is_null() ? 1 : 0);
  out.counter("flagfall_statistics_races_lost_total", "Finished races that could not be kept",
              s.statistics["races_not_kept"].get<double>());
}

void add_verdicts(Families& out, const StatusSource& s) {
  const LedgerCounters& c = s.races.counters();
  out.counter("flagfall_races_finished_total", "Races of which nothing more is expected", number(c.finished));
  for (std::size_t way = 0; way < race::kWayNames.size(); ++way)
    for (std::size_t sure = 0; sure < race::kCertaintyNames.size(); ++sure)
      out.counter("flagfall_verdicts_total", "Races whose winner is known, by how that was learned",
                  number(c.verdicts.at(way).at(sure)),
                  {{"way", std::string(race::kWayNames.at(way))},
                   {"certainty", std::string(race::kCertaintyNames.at(sure))}});
  c.for_each([&](const char* name, std::uint64_t n) {
    if (!std::string_view(name).starts_with("verdicts_"))
      out.counter("flagfall_ledger_events_total", "What the ledger of races counts, by its name in /status",
                  number(n), {{"event", name}});
  });
}

/// How the keeping of the statistics goes; nothing when they are not enabled.
void add_statistics(Families& out, const nlohmann::json& keeping) {
  if (!keeping.value("enabled", false)) return;
  const auto told = [&](const char* key) { return keeping.value(key, 0.0); };
  out.gauge("flagfall_statistics_failing", "1 while statistics cannot be kept",
            flag(!keeping.value("opened", false) || !keeping.at("why_not").is_null()));
  out.counter("flagfall_statistics_races_kept_total", "Races that are in the database", told("races_kept"));
  out.counter("flagfall_statistics_races_not_kept_total", "Races that could not be written there",
              told("races_not_kept"));
  out.counter("flagfall_statistics_failures_total", "Transactions that failed", told("failures"));
}

}  // namespace

void add_metrics(Families& out, const MetricsSource& source) {
  const StatusSource& s = source.status;
  metrics::add_build(out, "flagfall-master");
  add_racing(out, s);
  add_services(out, s);
  add_verdicts(out, s);
  source.wins.add_to(out);
  add_director(out, source.director);
  add_statistics(out, s.statistics);
  add_clock(out, s);
  for (const SlaveState* slave : s.slaves) {
    const Families::Labels label{{"slave", slave->name}};
    add_slave_session(out, source, *slave, label);
    add_slave_clock(out, *slave, label);
    add_orders(out, s, *slave, label);
    add_collected(out, *slave);
  }
  add_events(out, s);
  if (s.loops.udp) add_udp(out, *s.loops.udp, s.config);
  add_statistics(out, s);
  metrics::add_certificates(out, source.certificates);
  metrics::add_admin(out, source.admin);
  metrics::add_process(out, metrics::ProcessFacts::now());
}

}  // namespace flagfall::master
