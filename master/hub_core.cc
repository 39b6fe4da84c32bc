#include "master/hub_core.hh"

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

#include "common/base/overload.hh"

namespace flagfall::master {
namespace {

// How long a connection that was told to go may take to read why.
constexpr Nanos kLeave = std::chrono::seconds(1);
// A slave that is not configured, or too old, is waiting for an operator.
constexpr Nanos kRetryOperator = std::chrono::seconds(5);

// A collector sends load and health every two seconds, and what it measured in batches.
const TokenBucket kEvidence({.rate = 50, .burst = 200});

// A slave asks once for each client network in some seconds, and not faster than its own configuration says.
const TokenBucket kHomeQuestions({.rate = 1000, .burst = 2000});

/// What this slave needs of its services.
wire::Services seen_by(const SlaveState& slave, wire::Services services) {
  if (!slave.front)
    for (wire::Service& service : services.services) service.sites.clear();
  return services;
}
bool same(const SlaveState& slave, const wire::Services& a, const wire::Services& b) {
  return wire::encode(seen_by(slave, a)) == wire::encode(seen_by(slave, b));
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

double seconds_of(Nanos d) {
  return static_cast<double>(d.count()) * 1e-9;
}

/// A reason without its figures: a clock's bound grows from report to report, which is no news.
std::string kind_of(std::string reason) {
  std::erase_if(reason, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  return reason;
}

}  // namespace

HubCore::HubCore(Options options, Random& random) : options_(std::move(options)), random_(random) {
  for (const auto& [name, services] : options_.slaves) slaves_[name].name = name;
}

// ---- connections without a name yet

HubCore::Actions HubCore::connected(Id id, const Endpoint& peer, const wire::HostTime& now) {
  ++counters_.connections;
  Connection connection;
  connection.peer = peer;
  connection.limit = now.mono + options_.handshake_limit;
  const auto same = [&](const auto& other) {
    return other.second.guest() && other.second.peer.ip == peer.ip;
  };
  if (std::cmp_greater_equal(std::ranges::count_if(connections_, same), options_.guests_per_address)) {
    ++counters_.over_limit;
    log_limited(
        Kind::admission,
        fmt::format(
            "control connection from {} closed: {} others from there have not finished their handshake",
            to_string(peer), options_.guests_per_address),
        now.mono);
    actions_.emplace_back(Close{id});
    return take();
  }
  make_room(connection, now);
  connections_.emplace(id, connection);
  return take();
}

/// The oldest unfinished connection goes: whoever only holds places cannot keep slaves out.
void HubCore::make_room(const Connection& newest, const wire::HostTime& now) {
  const auto guest = [](const auto& other) { return other.second.guest(); };
  if (std::cmp_less(std::ranges::count_if(connections_, guest), options_.guests)) return;
  const auto oldest = std::ranges::find_if(connections_, guest);  // ids grow
  assert(oldest != connections_.end());
  ++counters_.evicted;
  log_limited(
      Kind::admission,
      fmt::format(
          "control connection from {} closed for a newer one from {}: {} have not finished their handshake",
          to_string(oldest->second.peer), to_string(newest.peer), options_.guests),
      now.mono);
  drop(oldest->first);
}

HubCore::Actions HubCore::secured(Id id, const std::vector<std::string>& names, const net::SealKey& key) {
  const auto found = connections_.find(id);
  if (found == connections_.end() || found->second.stage != Stage::handshake) return take();
  found->second.stage = Stage::hello;
  if (!names.empty()) found->second.name = names.front();
  found->second.key = key;
  return take();
}

// ---- messages

HubCore::Actions HubCore::message(Id id, wire::Message&& message, const wire::HostTime& now) {
  const auto found = connections_.find(id);
  if (found == connections_.end() || found->second.stage == Stage::leaving) return take();
  Connection& connection = found->second;
  const std::string_view name = wire::name_of(message);
  if (connection.stage != Stage::registered) {
    if (auto* first = std::get_if<wire::Hello>(&message);
        first != nullptr && connection.stage == Stage::hello)
      hello(id, connection, *first, now);
    else
      out_of_order(id, connection, name, now);
    return take();
  }
  connection.pulse->heard(now.mono);
  slaves_.at(connection.name).last_heard = now.mono;
  std::visit(Overload{
                 [&](wire::Ready& m) { ready(id, connection, std::move(m), now); },
                 [&](wire::Heartbeat& m) { heartbeat(connection, m, now); },
                 [&](wire::Report& m) { report(connection, std::move(m), now); },
                 [&](wire::Evidence& m) { evidence(connection, std::move(m), now); },
                 [&](wire::HomeQuestion& m) { home_question(id, connection, std::move(m), now); },
                 [&](auto&) { out_of_order(id, connection, name, now); },
             },
             message);
  return take();
}

void HubCore::hello(Id id, Connection& connection, const wire::Hello& hello, const wire::HostTime& now) {
  if (hello.version != wire::kSessionVersion) {
    ++counters_.refused_version;
    return refuse(id, connection,
                  fmt::format("protocol version {} is not spoken here, only {}: upgrade the older side",
                              hello.version, wire::kSessionVersion),
                  kRetryOperator, now);
  }
  if (!slaves_.contains(connection.name)) {
    ++counters_.refused_unknown;
    return refuse(id, connection,
                  fmt::format("no service of this master has a slave named '{}', as your certificate says",
                              connection.name),
                  kRetryOperator, now);
  }
  Id other_id = 0;
  if (Connection* other = session_of(connection.name, &other_id)) {
    if (other->instance != hello.instance) {
      ++counters_.refused_duplicate;
      return refuse(
          id, connection,
          fmt::format("'{}' has a session already, from {}; every slave needs a certificate of its own",
                      connection.name, to_string(other->peer)),
          options_.heartbeat, now);
    }
    // The same process: it has lost its connection, and we have not noticed yet.
    ++counters_.replaced;
    unregister(*other, "it has dialled again");
    drop(other_id);
  }
  welcome(id, connection, hello, now);
}

void HubCore::welcome(Id id, Connection& connection, const wire::Hello& hello, const wire::HostTime& now) {
  SlaveState& slave = slaves_.at(connection.name);
  connection.stage = Stage::registered;
  connection.instance = hello.instance;
  connection.pulse.emplace(now.mono, options_.heartbeat);
  slave.registered = true;
  slave.session = new_session();
  if (std::exchange(slave.instance, hello.instance) != hello.instance) slave.health.restarted();
  slave.key = connection.key;
  slave.peer = connection.peer;
  slave.orders = {connection.peer.ip, hello.order_port};
  slave.collects_only = hello.order_port == 0;
  slave.front = hello.front;
  slave.software = hello.software;
  slave.ready.clear();
  slave.lacks.clear();
  slave.last_report = {};
  slave.gathered = MonoTime();
  slave.registered_at = slave.last_heard = now.mono;
  slave.round_trip = Nanos(0);
  ++slave.sessions;
  ++counters_.registered;
  actions_.emplace_back(Send{id, wire::Welcome{wire::kSessionVersion, slave.session, options_.heartbeat,
                                               connection.name, options_.time_servers}});
  send_services(id, connection, RefTime{});  // the session's first: no older orders exist
  log(Log::Level::info,
      fmt::format(
          "slave {} registered from {}, {} ({})", slave.name, to_string(slave.peer),
          slave.collects_only ? "to collect only" : fmt::format("orders to UDP port {}", slave.orders.port),
          slave.software));
  actions_.emplace_back(Changed{});
}

void HubCore::send_services(Id id, Connection& connection, RefTime since) {
  const SlaveState& slave = slaves_.at(connection.name);
  wire::Services services;  // a collector has none
  if (!slave.collects_only) services = seen_by(slave, options_.slaves.at(connection.name));
  services.since = wire::sendable_time(since);
  connection.services = services.services.size();
  ++connection.unanswered;
  actions_.emplace_back(Send{id, std::move(services)});
}

void HubCore::ready(Id id, Connection& connection, wire::Ready&& ready, const wire::HostTime& now) {
  // While Services are on their way, what has changed is in the answer to them.
  if (ready.again && connection.unanswered > 0) return;
  if (!ready.again && connection.unanswered == 0) return out_of_order(id, connection, "Ready", now);
  if (!ready.again && --connection.unanswered > 0) return;  // the answer to services that have changed since
  if (ready.addresses.size() != connection.services) return out_of_order(id, connection, "Ready", now);
  SlaveState& slave = slaves_.at(connection.name);
  ready.lacks.resize(ready.addresses.size());
  const auto& services = options_.slaves.at(connection.name).services;
  for (std::size_t i = 0; i < std::min(services.size(), ready.addresses.size()); ++i) {
    const auto lack =
        ready.addresses[i] == 0 && !services[i].addresses.empty() && ready.lacks[i] == wire::Lack::nothing
            ? wire::Lack::source
            : ready.lacks[i];
    const auto before = i < slave.lacks.size() ? slave.lacks[i] : wire::Lack::nothing;
    ready.lacks[i] = lack;
    if (ready.again && lack == before) continue;
    if (lack != wire::Lack::nothing)
      log(Log::Level::warn, fmt::format("slave {} {}", slave.name, why_of(lack, services[i].name)));
    else if (ready.again)
      log(Log::Level::info,
          fmt::format("slave {} answers for service {} again", slave.name, services[i].name));
  }
  slave.ready = std::move(ready.addresses);
  slave.lacks = std::move(ready.lacks);
  slave.beacons = ready.beacons;
  actions_.emplace_back(Changed{});
}

void HubCore::heartbeat(Connection& connection, const wire::Heartbeat& heartbeat, const wire::HostTime& now) {
  connection.pulse->received(heartbeat, now.mono);
  slaves_.at(connection.name).round_trip = connection.pulse->round_trip();
}

void HubCore::report(Connection& connection, wire::Report&& report, const wire::HostTime& now) {
  ++counters_.reports;
  SlaveState& slave = slaves_.at(connection.name);
  bool changed = slave.last_report.racing != report.racing || slave.last_report.clock != report.clock;
  if (report.racing && !slave.last_report.racing)
    log(Log::Level::info, fmt::format("slave {} races", slave.name));
  else if (!report.racing &&
           (slave.last_report.racing || kind_of(slave.last_report.why_not) != kind_of(report.why_not)))
    log(Log::Level::warn, fmt::format("slave {} stands down: {}", slave.name, report.why_not));
  const bool was_benched = slave.health.benched();
  changed |= slave.health.add(report.outcomes, now.mono);
  if (slave.health.benched() && !was_benched)
    log(Log::Level::warn, fmt::format("slave {} {}", slave.name, slave.health.why()));
  auto outcomes = std::exchange(report.outcomes, {});
  slave.last_report = report;
  report.outcomes = std::move(outcomes);
  if (changed) actions_.emplace_back(Changed{});
  actions_.emplace_back(Reported{&slave, std::move(report)});
}

HubCore::Actions HubCore::order_pings(const std::string& slave, std::span<const IpAddress> addresses,
                                      Nanos within, const wire::HostTime& now, std::size_t& taken) {
  taken = 0;
  Id id = 0;
  Connection* const session = session_of(slave, &id);
  if (session == nullptr) return take();
  const Nanos sendable = std::clamp(within, wire::kLeastPingWait, wire::kMostPingWait);
  const auto ordered = session->pings.order(addresses, sendable, now.mono);
  taken = ordered.size();
  counters_.pings_ordered += ordered.size();
  for (std::size_t from = 0; from < ordered.size(); from += wire::kMaxPings) {
    wire::PingOrder order;
    order.within = sendable;
    const auto first = ordered.begin() + static_cast<std::ptrdiff_t>(from);
    const std::size_t n = std::min(wire::kMaxPings, ordered.size() - from);
    order.addresses.assign(first, first + static_cast<std::ptrdiff_t>(n));
    actions_.emplace_back(Send{id, std::move(order)});
  }
  return take();
}

void HubCore::evidence(Connection& connection, wire::Evidence&& evidence, const wire::HostTime& now) {
  if (!kEvidence.may_take(connection.evidence_full_at, now.mono)) {
    ++counters_.evidence_flood;
    return;
  }
  connection.evidence_full_at = kEvidence.take(connection.evidence_full_at, now.mono);
  ++counters_.evidence;
  counters_.pings_unasked += std::erase_if(evidence.pings, [&](const wire::PingResult& ping) {
    return !connection.pings.settle(ping.address, now.mono);
  });
  SlaveState& slave = slaves_.at(connection.name);
  if (!evidence.loads.empty() || !evidence.checks.empty()) {
    compare_checks(slave, evidence.checks, now.mono);
    slave.loads = evidence.loads;
    slave.checks = evidence.checks;
    slave.gathered = now.mono;
  }
  if (!evidence.empty()) actions_.emplace_back(Gathered{&slave, std::move(evidence)});
}

void HubCore::home_question(Id id, Connection& connection, wire::HomeQuestion&& question,
                            const wire::HostTime& now) {
  if (!kHomeQuestions.may_take(connection.home_full_at, now.mono)) {
    ++counters_.home_flood;
    return;
  }
  connection.home_full_at = kHomeQuestions.take(connection.home_full_at, now.mono);
  ++counters_.home_questions;
  actions_.emplace_back(Asked{id, &slaves_.at(connection.name), std::move(question)});
}

/// Says which checks have changed.
void HubCore::compare_checks(const SlaveState& slave, const std::vector<wire::Check>& fresh, MonoTime now) {
  for (const wire::Check& check : fresh) {
    const auto before = std::ranges::find(slave.checks, check.name, &wire::Check::name);
    const wire::Health was = before == slave.checks.end() ? wire::Health::unknown : before->state;
    if (was != check.state)
      log_limited(Kind::checks,
                  fmt::format("slave {}: check {} is {}{}{}", slave.name, check.name, text_of(check.state),
                              check.why.empty() ? "" : ": ", check.why),
                  now);
  }
}

// ---- ends

void HubCore::refuse(Id id, Connection& connection, std::string reason, Nanos retry_after,
                     const wire::HostTime& now) {
  log_limited(
      Kind::refusal,
      fmt::format("slave '{}' from {} refused: {}", connection.name, to_string(connection.peer), reason),
      now.mono);
  connection.stage = Stage::leaving;
  connection.limit = now.mono + kLeave;
  actions_.emplace_back(Send{id, wire::Refusal{std::move(reason), retry_after}});
  actions_.emplace_back(Finish{id});
}

void HubCore::out_of_order(Id id, Connection& connection, std::string_view message,
                           const wire::HostTime& now) {
  ++counters_.out_of_order;
  log_limited(Kind::protocol,
              fmt::format("control connection from {} closed: a {} may not come now",
                          to_string(connection.peer), message),
              now.mono);
  if (connection.stage == Stage::registered) unregister(connection, "it broke the protocol");
  drop(id);
}

HubCore::Actions HubCore::closed(Id id, wire::CloseCause cause, const std::string& why,
                                 const wire::HostTime& now) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return take();
  const Connection& connection = found->second;
  if (cause == wire::CloseCause::malformed) ++counters_.malformed;
  if (connection.stage == Stage::registered) {
    if (cause != wire::CloseCause::malformed) ++counters_.ended;
    unregister(connection, why);
  } else if (connection.stage == Stage::handshake) {
    ++counters_.handshake_failed;
    log_limited(
        Kind::handshake,
        fmt::format("control connection from {}: no TLS handshake: {}", to_string(connection.peer), why),
        now.mono);
  } else if (connection.stage == Stage::hello) {
    log_limited(Kind::protocol,
                fmt::format("control connection of '{}' from {} ended before its Hello: {}", connection.name,
                            to_string(connection.peer), why),
                now.mono);
  }
  connections_.erase(found);
  return take();
}

HubCore::Actions HubCore::overflowed(Id id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return take();
  ++counters_.overflow;
  if (found->second.stage == Stage::registered) unregister(found->second, "it does not read what it is sent");
  drop(id);
  return take();
}

void HubCore::unregister(const Connection& connection, std::string_view why) {
  SlaveState& slave = slaves_.at(connection.name);
  slave.registered = false;
  slave.ready.clear();
  slave.lacks.clear();
  slave.key = {};
  slave.loads.clear();  // of a collector that is not there nothing is known
  slave.checks.clear();
  log(Log::Level::warn, fmt::format("slave {} is out of all races: {}", slave.name, why));
  actions_.emplace_back(Changed{});
}

void HubCore::drop(Id id) {
  connections_.erase(id);
  actions_.emplace_back(Close{id});
}

// ---- time

HubCore::Actions HubCore::tick(const wire::HostTime& now) {
  check_benches(now.mono);
  for (auto next = connections_.begin(); next != connections_.end();) {
    const auto at = next++;  // drop() takes `at` out
    const Id id = at->first;
    Connection& connection = at->second;
    if (connection.stage != Stage::registered) {
      if (now.mono < connection.limit) continue;
      if (connection.stage != Stage::leaving) {
        ++counters_.handshake_timeout;
        log_limited(Kind::handshake,
                    fmt::format("control connection from {} closed: no {} within {:.0f} s",
                                to_string(connection.peer),
                                connection.stage == Stage::hello ? "Hello" : "TLS handshake",
                                seconds_of(options_.handshake_limit)),
                    now.mono);
      }
      drop(id);
    } else if (connection.pulse->dead(now.mono)) {
      ++counters_.silent;
      unregister(connection,
                 fmt::format("silent for {:.3g} s", seconds_of(now.mono - connection.pulse->last_heard())));
      drop(id);
    } else if (auto heartbeat = connection.pulse->due(now)) {
      actions_.emplace_back(Send{id, *heartbeat});
    }
  }
  return take();
}

void HubCore::check_benches(MonoTime now) {
  for (auto& [name, slave] : slaves_) {
    const bool was_benched = slave.health.benched();
    if (!slave.health.tick(now)) continue;
    if (was_benched && !slave.health.benched())
      log(Log::Level::info, fmt::format("slave {} comes back from the bench", name));
    actions_.emplace_back(Changed{});
  }
}

MonoTime HubCore::next_deadline() const {
  MonoTime next = MonoTime::max();
  for (const auto& [name, slave] : slaves_) next = std::min(next, slave.health.next_deadline());
  for (const auto& [id, connection] : connections_)
    next = std::min(next, connection.pulse ? connection.pulse->next_deadline() : connection.limit);
  return next;
}

// ---- configuration

HubCore::Actions HubCore::update(std::map<std::string, wire::Services> slaves, const wire::HostTime& now) {
  const auto before = std::exchange(options_.slaves, std::move(slaves));
  for (const auto& [name, services] : options_.slaves) slaves_[name].name = name;
  for (const auto& [name, services] : before) {
    Id id = 0;
    Connection* session = session_of(name, &id);
    const auto kept = options_.slaves.find(name);
    if (kept == options_.slaves.end()) {
      if (session != nullptr) {
        unregister(*session, "no service has it any more");
        session->pulse.reset();
        refuse(id, *session, fmt::format("no service of this master has a slave named '{}' any more", name),
               kRetryOperator, now);
      }
      slaves_.erase(name);
    } else if (session != nullptr && !same(slaves_.at(name), kept->second, services)) {
      slaves_.at(name).ready.clear();
      slaves_.at(name).lacks.clear();
      send_services(id, *session, now.reference);
      log(Log::Level::info, fmt::format("slave {} is sent new services", name));
    }
  }
  actions_.emplace_back(Changed{});
  return take();
}

// ---- helpers

HubCore::Connection* HubCore::session_of(const std::string& name, Id* id) {
  const auto found = std::ranges::find_if(connections_, [&](const auto& entry) {
    return entry.second.stage == Stage::registered && entry.second.name == name;
  });
  if (found == connections_.end()) return nullptr;
  if (id != nullptr) *id = found->first;
  return &found->second;
}

std::uint32_t HubCore::new_session() {
  for (;;) {
    const auto id = static_cast<std::uint32_t>(random_.next());
    const auto taken = [&](const auto& entry) { return entry.second.session == id; };
    if (id != 0 && std::ranges::none_of(slaves_, taken)) return id;
  }
}

void HubCore::log(Log::Level level, std::string text) {
  actions_.emplace_back(Log{level, std::move(text)});
}

void HubCore::log_limited(Kind kind, std::string text, MonoTime now) {
  const auto passed = limits_.at(static_cast<std::size_t>(kind)).pass(now);
  if (!passed) return;
  if (*passed > 0) text += fmt::format(" ({} lines like this were left out)", *passed);
  log(Log::Level::warn, std::move(text));
}

}  // namespace flagfall::master
