#include "slave/masters.hh"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "clocksync/session_clock.hh"
#include "common/base/log.hh"
#include "common/wire/pulse.hh"

namespace flagfall::slave {
namespace {

constexpr Nanos kReportInterval = std::chrono::seconds(1);

/// As a report may carry it: nanoseconds a second.
Nanos drift_of(const clocksync::RefMap& map) {
  const double most = 1e9;
  return Nanos(std::llround(std::clamp(map.clock_drift_ppm * 1e3, -most, most)));
}

}  // namespace

struct Masters::One {
  One(std::size_t i, const MasterConfig& master, const clocksync::ClockConfig& clock_config)
      : index(i),
        name(fmt::format("{} at {}", master.name, to_string(master.address))),
        fitness(clock_config.max_error),
        session(clock_config.asymmetry) {}
  std::size_t index;
  std::string name;  // for the log: "master-1 at 192.0.2.1:4953"
  Fitness fitness;
  MasterClock clock;
  clocksync::SessionClock session;             // the master's time, from its heartbeats
  bool relative = false;                       // in use
  bool heard = false;                          // a heartbeat that echoes ours came in this session
  std::vector<wire::TimeServer> time_servers;  // of its last Welcome; kept when the session is lost
  std::unique_ptr<MasterLink> link;
  Histogram own_bounds, expected_errors;  // of the clock that its races go by
};

Masters::Masters(net::Loop& loop, const Clock& clock, Random& random, const Config& config,
                 std::uint16_t order_port, OrderDesk& desk, Sources sources)
    : loop_(loop), clock_(clock), config_(config.clock), desk_(desk), sources_(std::move(sources)) {
  report_.outcomes.reserve(OrderDesk::kMostOutcomes);
  report_.beacon_wins.reserve(OrderDesk::kMostWins);
  const std::uint64_t instance = random.next();
  for (const MasterConfig& master : config.masters) {
    auto& one = *all_.emplace_back(std::make_unique<One>(all_.size(), master, config.clock));
    LinkOptions options;
    options.master = master.address;
    options.ca_file = config.control.ca.text;
    options.certificate_file = config.control.certificate.text;
    options.key_file = config.control.key.text;
    options.master_name = master.name;
    options.order_port = order_port;
    options.instance = instance;
    options.front = !config.front.servers.empty();
    one.link = std::make_unique<MasterLink>(loop, clock, random, std::move(options),
                                            callbacks(one, config.clock.max_error));
  }
  every_second_ = loop.every(kReportInterval, [this] {
    look_at_clock();
    judge_and_report();
  });
}
Masters::~Masters() = default;

LinkCallbacks Masters::callbacks(One& one, Nanos max_error) {
  LinkCallbacks out;
  out.registered = [this, &one](const wire::Welcome& welcome, const net::SealKey& key) {
    desk_.open_session(one.index, welcome.session, key);
    one.time_servers = welcome.time_servers;
    one.session.begin(welcome.heartbeat);
    tell_time_servers();
    if (sources_.begun) sources_.begun(one.index);
  };
  out.services = [this, &one](const wire::Services& services) { return take_services(one, services); };
  out.master_clock = [this, &one](const wire::Heartbeat& heartbeat, std::optional<MonoTime> echoed) {
    const MonoTime now = clock_.mono();
    one.session.heartbeat(heartbeat, echoed, now);
    one.clock.status = heartbeat.clock;
    one.clock.bound = heartbeat.bound;
    one.clock.heard = now;
    if (echoed) one.clock.exchange = clocksync::exchange_of(heartbeat, *echoed, now);
    one.heard = one.heard || echoed;
    judge(one);
  };
  out.ping = [this, &one](const wire::PingOrder& order) {
    if (sources_.ping) sources_.ping(one.index, order);
  };
  out.home = [this, &one](const wire::HomeAnswer& answer) {
    if (sources_.home) sources_.home(one.index, answer);
  };
  out.lost = [this, &one, max_error](const std::string& /*reason: the link has logged it*/) {
    desk_.close_session(one.index);
    one.fitness = Fitness(max_error);
    one.heard = false;
    if (sources_.lost) sources_.lost(one.index);
  };
  out.clock = [this] {
    const clocksync::RefMap& map = sources_.map();
    return std::pair(map.status, map.bound_at(clock_.mono()));
  };
  out.reference_now = [this] {
    const clocksync::RefMap& map = sources_.map();
    // Before the first look at the source the system clock is the best guess, and says "unknown" with it.
    return map.measured == MonoTime() ? RefTime(clock_.real().time_since_epoch()) : map.to_ref(clock_.mono());
  };
  return out;
}

void Masters::tell_time_servers() {
  if (!sources_.time_servers) return;
  std::vector<wire::TimeServer> all;
  for (const auto& one : all_)
    for (const wire::TimeServer& server : one->time_servers)
      if (std::ranges::find(all, server) == all.end()) all.push_back(server);
  sources_.time_servers(all);
}

wire::Ready Masters::take_services(One& one, const wire::Services& services) {
  const bool beacons = sources_.services && sources_.services(one.index, services);
  wire::Ready ready = desk_.set_services(one.index, services, beacons);
  for (std::size_t s = 0; s < services.services.size(); ++s) {
    const wire::Service& service = services.services[s];
    const wire::Lack lack = ready.lacks[s];
    if (lack == wire::Lack::backend)
      log::warn("{}: cannot answer for service '{}': it has no [[backend]] here", one.name, service.name);
    if (lack == wire::Lack::down)
      log::warn("{}: cannot answer for service '{}' now: its backend does not answer", one.name,
                service.name);
    if (lack == wire::Lack::backend || lack == wire::Lack::down) continue;
    for (std::size_t a = 0; a < service.addresses.size(); ++a)
      if ((ready.addresses[s] >> a & 1U) == 0)
        log::warn("{}: cannot answer for service '{}' from {}: it is not in transmit.sources", one.name,
                  service.name, to_string(service.addresses[a]));
  }
  log::info("{}: {} services", one.name, services.services.size());
  return ready;
}

/// A session whose buffer is full is told with the next report.
void Masters::tell_ready() {
  ready_due_.assign(all_.size(), true);
  send_ready();
}

void Masters::send_ready() {
  for (std::size_t i = 0; i < ready_due_.size(); ++i) {
    if (!ready_due_[i]) continue;
    wire::Ready ready = desk_.ready(i);
    ready.again = true;
    ready_due_[i] = all_[i]->link->registered() && !all_[i]->link->send(ready);
  }
}

const clocksync::RefMap& Masters::map_of(const One& one) const {
  const clocksync::RefMap& own = sources_.map();
  const clocksync::RefMap& theirs = one.session.map();
  if (config_.sync == clocksync::ClockConfig::Sync::relative) return theirs;
  const bool usable =
      own.status != wire::ClockStatus::unknown && own.bound_at(clock_.mono()) <= config_.max_error;
  const bool fall_back = config_.fallback == clocksync::ClockConfig::Fallback::relative && !usable;
  return fall_back && theirs.status != wire::ClockStatus::unknown ? theirs : own;
}

void Masters::judge(One& one) {
  if (!one.heard) return;
  const clocksync::RefMap& map = map_of(one);
  const bool relative = &map == &one.session.map();
  if (std::exchange(one.relative, relative) != relative)
    log::info("{}: by {}", one.name,
              relative ? "the master's clock, relative to its heartbeats" : "our own clock");
  desk_.set_map(one.index, relative ? &map : nullptr);
  const bool was = one.fitness.racing();
  const bool changed = one.fitness.update(map, one.clock, clock_.mono());
  desk_.set_racing(one.index, one.fitness.racing(), one.fitness.bound());
  if (!changed) return;
  if (one.fitness.racing()) {
    log::info("{}: racing, clock bound {:.3f} ms", one.name,
              static_cast<double>(one.fitness.bound().count()) * 1e-6);
  } else {
    log::warn("{}: standing down: {}", one.name, one.fitness.why_not());
  }
  // Not from here: this may be a callback of the link.
  if (was != one.fitness.racing()) soon_ = loop_.after(Nanos(0), [this] { judge_and_report(); });
}

void Masters::clock_changed() {
  for (const auto& one : all_) judge(*one);
}

void Masters::look_at_clock() {
  for (const auto& one : all_) {
    const clocksync::RefMap& map = map_of(*one);
    if (map.status == wire::ClockStatus::unknown) continue;
    one->own_bounds.add(map.bound_at(clock_.mono()));
    one->expected_errors.add(map.expected_at(clock_.mono()));
  }
}

void Masters::judge_and_report() {
  send_ready();
  for (const auto& one : all_) {
    judge(*one);
    report(*one);
  }
}

void Masters::report_outcomes() {
  for (const auto& one : all_) {
    if (desk_.outcomes(one->index).empty() && desk_.beacon_wins(one->index).empty()) continue;
    judge(*one);  // the bounds in a report are of one moment
    report(*one);
  }
}

void Masters::report(One& one) {
  if (!one.link->registered()) return;
  const clocksync::RefMap& map = map_of(one);
  const MonoTime now = clock_.mono();
  report_.racing = one.fitness.racing();
  report_.why_not = report_.racing ? std::string() : one.fitness.why_not();
  report_.clock = map.status;
  report_.provider = &map == &one.session.map() ? "relative" : sources_.provider();
  report_.correction = Nanos(0);
  if (map.status != wire::ClockStatus::unknown)
    report_.correction =
        map.to_ref(now) - RefTime(now.time_since_epoch()) - read_real_minus_mono(clock_).offset;
  report_.own_bound = wire::sendable_bound(map.bound_at(now));
  report_.expected = wire::sendable_bound(map.expected_at(now));
  report_.drift = drift_of(map);
  report_.age = map.measured == MonoTime() ? Nanos(0) : wire::sendable_bound(now - map.measured);
  report_.own_bounds = wire::spread_of(one.own_bounds);
  report_.expected_errors = wire::spread_of(one.expected_errors);
  report_.transmit_errors = sources_.transmit_errors();
  report_.bound = wire::sendable_bound(one.fitness.bound());
  report_.counters = sources_.counters();
  const auto& outcomes = desk_.outcomes(one.index);
  report_.outcomes.assign(outcomes.begin(), outcomes.end());
  const auto& wins = desk_.beacon_wins(one.index);
  report_.beacon_wins.assign(wins.begin(), wins.end());
  desk_.clear_outcomes(one.index, one.link->send(report_));
}

MasterLink& Masters::link_of(std::size_t master) {
  return *all_.at(master)->link;
}

Status Masters::reload_certificates() {
  for (const auto& one : all_)
    if (auto read = one->link->reload_certificates(); !read) return read;  // all links have the same files
  return Ok{};
}

std::vector<Masters::View> Masters::views() const {
  std::vector<View> out;
  for (const auto& one : all_)
    out.push_back({one->name, one->link->registered(), one->link->registered() && one->fitness.racing(),
                   one->link->registered() ? one->fitness.why_not() : "there is no session", one->relative,
                   one->fitness.bound()});
  return out;
}

std::pair<RealTime, RealTime> Masters::certificates_expire() const {
  return all_.front()->link->certificates_expire();
}

std::size_t Masters::registered() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(all_, [](const auto& one) { return one->link->registered(); }));
}

std::size_t Masters::racing() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      all_, [](const auto& one) { return one->link->registered() && one->fitness.racing(); }));
}

}  // namespace flagfall::slave
