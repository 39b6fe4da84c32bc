#include "collect/collector.hh"

#include <algorithm>
#include <stdexcept>

#include "common/base/log.hh"

namespace flagfall::collect {
namespace {

/// The document's two seconds.
constexpr Nanos kReport = std::chrono::seconds(2);
/// Results of pings are gathered for so long: a message for each would be many, and queries may wait for
/// them.
constexpr Nanos kGather = std::chrono::milliseconds(20);
/// Results that wait for a master; it has ordered no more than it can wait for.
constexpr std::size_t kMostWaiting = 8192;

std::vector<CgroupFolder> find_cgroups(const std::vector<config::Path>& paths) {
  std::vector<CgroupFolder> out;
  for (const config::Path& path : paths) {
    auto found = find_cgroup(path.text);
    if (!found) throw std::runtime_error("collect.cgroups: " + found.error());
    out.push_back(std::move(*found));
  }
  return out;
}

PingOptions ping_options(const CollectConfig& c) {
  PingOptions out;
  out.rate = c.ping_rate;
  out.burst = c.ping_burst;
  out.at_once = c.ping_at_once;
  out.tries = c.ping_tries;
  out.timeout = c.ping_timeout;
  out.keep = c.ping_keep;
  return out;
}

/// `f` with each part of at most `most` items.
template <class T, class F>
void in_parts(const std::vector<T>& all, std::size_t most, F f) {
  for (std::size_t from = 0; from < all.size(); from += most) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(from);
    f(std::vector<T>(first, first + static_cast<std::ptrdiff_t>(std::min(most, all.size() - from))));
  }
}

}  // namespace

struct Collector::Monitor {
  Monitor(const CheckConfig& the_check, MonoTime now) : check(the_check), core(the_check.health(), now) {}
  const CheckConfig& check;
  HealthCore core;
  std::unique_ptr<Probe> probe;
  net::Watch timer;
};

Collector::Collector(const CollectConfig& config, const std::vector<CheckConfig>& checks)
    : config_(config),
      check_configs_(checks),
      sockets_(config.ping ? open_ping_sockets() : std::vector<PingSocket>()),
      load_reader_(find_cgroups(config.cgroups)) {}
Collector::~Collector() = default;

void Collector::start(net::Loop& loop, const Clock& clock, Random& random, std::size_t masters, Send send) {
  loop_ = &loop;
  clock_ = &clock;
  random_ = &random;
  send_ = std::move(send);
  pings_.resize(masters);
  if (!sockets_.empty())
    pinger_ = std::make_unique<Pinger>(loop, clock, random, ping_options(config_), std::move(sockets_),
                                       [this](const auto& results) { add_pings(results); });
  if (!config_.tcp.empty()) {
    PathOptions options{config_.tcp, config_.prefix_v4, config_.prefix_v6, config_.tcp_interval};
    tcp_ =
        std::make_unique<TcpReader>(loop, options, [this](const TcpReader::Look& look) { tell_paths(look); });
    tcp_timer_ = loop.every(config_.tcp_interval, [this] { tcp_->look(); });
  }
  for (const CheckConfig& check : check_configs_) {
    monitors_.push_back(std::make_unique<Monitor>(check, clock.mono()));
    arm(*monitors_.back());
  }
  if (config_.load) loads_ = load_reader_.look(std::nullopt, clock.mono());  // the first of two
  if (config_.load || !monitors_.empty()) report_timer_ = loop.every(kReport, [this] { look(); });
}

void Collector::ping(std::size_t master, const wire::PingOrder& order) {
  if (pinger_) return pinger_->order(master, order);
  std::vector<PingDesk::Result> refused;
  for (const IpAddress& address : order.addresses)
    refused.push_back({master, {address, wire::PingResult::Fate::refused, Nanos(0), Nanos(0)}});
  add_pings(refused);
}

void Collector::forget(std::size_t master) {
  if (pinger_) pinger_->forget(master);
  if (master < pings_.size()) pings_[master].clear();
}

void Collector::add_pings(const std::vector<PingDesk::Result>& results) {
  for (const PingDesk::Result& result : results)
    if (pings_.at(result.asker).size() < kMostWaiting) pings_[result.asker].push_back(result.ping);
  // Only the first arms it: what comes later does not put it off.
  const auto waiting = [&](const auto& of_master) { return !of_master.empty(); };
  if (!flushing_ && std::ranges::any_of(pings_, waiting)) {
    flushing_ = true;
    ping_timer_ = loop_->after(kGather, [this] { flush_pings(); });
  }
}

void Collector::flush_pings() {
  flushing_ = false;
  for (std::size_t master = 0; master < pings_.size(); ++master) {
    in_parts(std::exchange(pings_[master], {}), wire::kMaxPings, [&](std::vector<wire::PingResult> part) {
      wire::Evidence evidence;
      evidence.pings = std::move(part);
      ++(send_(master, evidence) ? sent_ : unsent_);
    });
  }
}

void Collector::tell_paths(const TcpReader::Look& look) {
  open_ = look.open;
  in_parts(look.paths, wire::kMaxPaths, [&](std::vector<wire::TcpPath> part) {
    wire::Evidence evidence;
    evidence.paths = std::move(part);
    send_to_all(evidence);
  });
}

void Collector::look() {
  if (config_.load) loads_ = load_reader_.look(open_, clock_->mono());
  report();
}

void Collector::report() {
  wire::Evidence evidence;
  evidence.loads = loads_;
  evidence.checks = checks();
  send_to_all(evidence);
}

void Collector::send_to_all(const wire::Evidence& evidence) {
  for (std::size_t master = 0; master < pings_.size(); ++master)
    ++(send_(master, evidence) ? sent_ : unsent_);
}

void Collector::probe_due(Monitor& monitor) {
  const wire::Health before = monitor.core.state();
  const MonoTime now = clock_->mono();
  if (monitor.core.overdue(now)) monitor.probe.reset();
  if (monitor.core.start(now))
    monitor.probe = start_probe(*loop_, *random_, monitor.check, [this, &monitor](const Finding& finding) {
      const wire::Health was = monitor.core.state();
      monitor.core.finished(finding, clock_->mono());
      if (monitor.core.state() != was) report();
      arm(monitor);  // and the probe goes with its next turn: this is its own callback
    });
  if (monitor.core.state() != before) report();
  arm(monitor);
}

void Collector::arm(Monitor& monitor) {
  const Nanos wait = std::max<Nanos>(monitor.core.next_deadline() - clock_->mono(), Nanos(0));
  monitor.timer = loop_->after(wait, [this, &monitor] { probe_due(monitor); });
}

std::vector<wire::Check> Collector::checks() const {
  std::vector<wire::Check> out;
  for (const auto& monitor : monitors_) {
    wire::Check check;
    check.name = monitor->check.name;
    if (monitor->check.answer != IpAddress{}) check.answer = monitor->check.answer;
    check.state = monitor->core.state();
    check.since = std::max<Nanos>(clock_->mono() - monitor->core.since(), Nanos(0));
    check.why = monitor->core.why();
    out.push_back(std::move(check));
  }
  return out;
}

std::vector<std::pair<std::string, std::uint64_t>> Collector::counters() const {
  std::vector<std::pair<std::string, std::uint64_t>> out;
  const auto add = [&](const char* name, std::uint64_t value) { out.emplace_back(name, value); };
  if (pinger_) pinger_->counters().for_each(add);
  if (tcp_) tcp_->counters().for_each(add);
  add("evidence_sent", sent_);
  add("evidence_unsent", unsent_);
  return out;
}

}  // namespace flagfall::collect
