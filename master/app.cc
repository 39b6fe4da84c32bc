#include "master/app.hh"

#include <fmt/core.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "common/base/log.hh"
#include "common/net/descriptors.hh"
#include "common/net/privileges.hh"
#include "common/net/tls.hh"
#include "master/udp_front.hh"
#include "master/web_fronts.hh"
#include "master/zones.hh"

namespace flagfall::master {
namespace {

constexpr Nanos kTick = std::chrono::milliseconds(250);
/// Queries wait for an earlier process's bindings so long at most: a million take less.
constexpr Nanos kRestore = std::chrono::seconds(5);
/// Between two orders of pings to a slave, and how long an echo may take: hosts on Earth are nearer.
constexpr Nanos kPingTurn = std::chrono::seconds(1);
constexpr Nanos kHurry = std::chrono::milliseconds(20);
constexpr Nanos kPingWithin = std::chrono::seconds(1);
/// Between two looks at how many answers each server has led.
constexpr Nanos kCount = std::chrono::seconds(2);

/// Of what is made before the program is.
const SystemClock kClock;

unsigned thread_count(const Config& config) {
  if (config.dns.threads != 0) return config.dns.threads;
  return std::clamp(std::thread::hardware_concurrency(), 1U, kMostThreads);
}

LoopOptions loop_options(const Config& config, const std::vector<Endpoint>& listen, unsigned index,
                         unsigned count) {
  LoopOptions o;
  o.listen = listen;
  o.index = index;
  o.count = count;
  o.receive_buffer = static_cast<int>(config.dns.receive_buffer.bytes);
  // The cap is of the daemon: each loop's listener on each address has its share.
  const std::size_t listeners = count * listen.size();
  o.tcp.connections = std::max<std::size_t>(1, config.dns.tcp_connections / listeners);
  o.tcp.idle = config.dns.tcp_idle;
  o.order_sources = order_sources(config);
  o.order_dscp = config.control.order_dscp;
  o.dns = {config.dns.nsid, config.dns.udp_size, config.cookies.require};
  o.core.race = race_options(config);
  o.core.limit = rate_limit(config);
  o.core.order_size = config.control.order_size;
  o.core.slaves = slave_names(config).size();
  o.core.services = config.services.size();
  o.core.guide.client_subnet = config.director.client_subnet;
  o.core.unique_names = config.director.unique_names;
  return o;
}

}  // namespace

Result<std::unique_ptr<daemon::Program>> App::load(const Config& given,
                                                   daemon::ReadAgain<Config> read_again) {
  SystemRandom random;
  auto own = std::make_unique<Config>(given);
  const Config& config = *own;
  Delegation delegation(config);
  auto zones = load_zones(config, random, delegation.all());
  if (!zones) return Error{zones.error()};
  auto cookies = load_cookies(config, random);
  if (!cookies) return Error{cookies.error()};
  const ControlConfig& c = config.control;
  if (const auto tls = net::TlsContext::load(
          net::TlsRole::server, {c.ca.text, c.certificate.text, c.key.text}, SystemClock().real());
      !tls)
    return Error{tls.error()};
  if (const auto secrets = net::AdminSecrets::load(admin_options(config.admin).files, SystemClock().real());
      !secrets)
    return Error{secrets.error()};
  if (const auto tls = load_web_tls(config); !tls) return Error{tls.error()};
  if (const auto source = clocksync::source_options(config.clock); !source) return Error{source.error()};
  if (const auto serve = clocksync::time_servers(config.clock.serve); !serve) return Error{serve.error()};
  auto director = DirectorDesk::open(config, kClock, random);
  if (!director) return Error{director.error()};
  return std::unique_ptr<daemon::Program>(new App(std::move(own), std::move(read_again),
                                                  std::move(delegation), std::move(*zones),
                                                  std::move(*cookies), std::move(*director)));
}

App::App(std::unique_ptr<Config> config, daemon::ReadAgain<Config> read_again, Delegation delegation,
         std::shared_ptr<const Zones> zones, std::shared_ptr<const dns::Cookies> cookies,
         std::unique_ptr<DirectorDesk> director)
    : own_config_(std::move(config)),
      config_(*own_config_),
      read_again_(std::move(read_again)),
      delegation_(std::move(delegation)),
      zones_for_(delegation_.all()),
      zones_(std::move(zones)),
      cookies_(std::move(cookies)),
      director_(std::move(director)),
      started_(clock_.mono()) {}

void App::start(net::Loop& loop) {
  try {
    open(loop);
  } catch (...) {
    stop();  // watches must be gone before the loop is
    throw;
  }
}

void App::open(net::Loop& loop) {
  loop_ = &loop;
  (void)net::raise_descriptor_limit();
  listen_ = config_.dns.listen;
  builder_.emplace(config_, service_addresses(config_));
  delays_.emplace(config_, builder_->names());
  tune_.emplace(config_, *delays_, clock_, random_.next() | 1U);
  stats_ = std::vector<SlaveStats>(builder_->names().size());
  slave_said_.resize(builder_->names().size());
  open_director();
  open_loops();
  open_control(loop);
  open_admin(loop);
  for (const auto& each : loops_.web) each->start();  // before the others: they keep a capability
  net::drop_capabilities();
  statistics_ = std::make_unique<RaceStatistics>(
      loop, config_, clock_, random_, [this](const CounterSink& sink) { tell_counters(loops_, sink); });
  statistics_->serve(*admin_);
  races_->add(*statistics_);
  publish();
  for (const auto& each : loops_.dns) each->start();
  if (loops_.udp) loops_.udp->start();
  races_->start(loop);
  ticker_ = loop.every(kTick, [this] { tick(); });
  hurry_or_not();
  reader_ = std::make_unique<net::Worker>(loop);
  for (const Endpoint& at : listen_) log::info("answering on {} (UDP and TCP)", to_string(at));
  for (const auto& each : loops_.web)
    for (const Endpoint& at : each->local())
      log::info("redirecting on {} ({})", to_string(at), name_of(each->scheme()));
  for (const ServiceConfig& service : config_.services)
    for (const Endpoint& at : service.udp.listen)
      log::info("service {}: datagrams on {}", service.name, to_string(at));
  for (const Endpoint& at : hub_->local()) log::info("slaves dial {}", to_string(at));
  for (const Endpoint& at : admin_->local()) log::info("operators: {}", daemon::admin_url(at));
  log::info("{} request loops", loops_.dns.size());
}

/// The first query is answered from what was known.
void App::open_director() {
  const bool any = std::ranges::any_of(config_.services,
                                       [](const ServiceConfig& s) { return !s.director.policies.empty(); });
  auto store =
      any ? director::open_store(config_.director.store, to_string(config_.control.listen.all.front()))
          : Result<std::unique_ptr<director::Store>>(nullptr);
  if (!store) throw std::runtime_error("[director.store] " + store.error());
  director_keeper_.emplace(*director_, std::move(*store), clock_);
  if (!director_keeper_->restore(kRestore))
    log::warn("director: not all bindings could be read within {} s; the others follow",
              std::chrono::duration_cast<std::chrono::seconds>(kRestore).count());
  (void)director_->tick();
}

void App::open_loops() {
  const unsigned count = thread_count(config_);
  if (count > 1) require_free_ports(listen_);
  const std::uint64_t epoch = random_.next();
  const unsigned web = web_loops(config_);
  races_.emplace(config_, count + web + 1, clock_, random_);  // and one more ring: of datagrams
  question_hash_.emplace(epoch);
  delay_feed_.emplace(*delays_, clock_);
  races_->add(*delay_feed_);
  races_->add(*tune_);
  races_->add(wins_.emplace(config_, builder_->names()));
  known_.emplace(config_.guard.prefix_v4, config_.guard.prefix_v6, random_);
  races_->add(*known_);
  races_->add(*director_);
  const auto first = std::make_shared<const Snapshot>(snapshot_now());
  for (unsigned i = 0; i < count; ++i) {
    LoopOptions options = loop_options(config_, listen_, i, count);
    options.core.epoch = epoch;
    options.records = &races_->ring(i);
    options.core.race.known = &*known_;
    loops_.dns.push_back(std::make_unique<RequestLoop>(options, *zones_, *cookies_, clock_, random_, first));
  }
  auto tls = load_web_tls(config_);
  if (!tls) throw std::runtime_error(tls.error());
  web_tls_ = std::move(*tls);
  loops_.web = open_web({config_, clock_, random_, *races_, first, web_tls_, epoch, count});
  loops_.udp = open_udp(config_, clock_, random_, {first, &races_->ring(count + web), count + web, epoch});
  if (count > 1)
    loops_.dns.front()->steer(race_options(config_).guard, static_cast<std::uint32_t>(random_.next()));
}

void App::open_control(net::Loop& loop) {
  const auto source = clocksync::source_options(config_.clock);
  if (!source) throw std::runtime_error(source.error());
  source_ = clocksync::make_clock_source(loop, clock_, random_, *source, [this](const clocksync::RefMap&) {
    if (hub_) publish();
  });
  const ControlConfig& c = config_.control;
  HubOptions options{c.listen.all,         c.ca.text, c.certificate.text, c.key.text, c.heartbeat,
                     builder_->services(), {}};
  auto servers = clocksync::time_servers(config_.clock.serve);
  if (!servers) throw std::runtime_error(servers.error());
  options.time_servers = std::move(*servers);
  HubCallbacks callbacks;
  callbacks.changed = [this] {
    director_->slaves(hub_->slaves());
    publish();
  };
  callbacks.report = [this](const SlaveState& slave, const wire::Report& report) {
    const auto at = std::ranges::lower_bound(builder_->names(), slave.name) - builder_->names().begin();
    stats_[static_cast<std::size_t>(at)].add(report.outcomes);
    races_->report(static_cast<std::uint16_t>(at), report);
  };
  callbacks.evidence = [this](const SlaveState& slave, const wire::Evidence& evidence) {
    director_->evidence(slave, evidence);
    pings_.heard(slave.name, evidence);
  };
  callbacks.home = [this](const SlaveState& slave, const wire::HomeQuestion& question) {
    const auto at = std::ranges::lower_bound(builder_->names(), slave.name) - builder_->names().begin();
    return homes_.answer(config_, published_, static_cast<std::size_t>(at), question);
  };
  callbacks.clock = [this] {
    const clocksync::RefMap& map = source_->current();
    return std::pair(map.status, map.bound_at(clock_.mono()));
  };
  callbacks.reference_now = [this] { return source_->current().to_ref(clock_.mono()); };
  hub_ = std::make_unique<SlaveHub>(loop, clock_, std::move(options), std::move(callbacks));
}

void App::stop() {
  ticker_ = net::Watch();
  hurrier_ = net::Watch();
  reader_.reset();
  admin_.reset();
  lookup_.reset();
  // Slaves hear no more; what they have queued still fires. Queries that are in
  // the sockets are answered until the loops end.
  hub_.reset();
  source_.reset();
  if (statistics_) statistics_->sample();
  loops_.dns.clear();
  loops_.web.clear();
  loops_.udp.reset();
  if (races_) races_->close();
  if (director_keeper_) director_keeper_->tick();
  director_routes_.reset();
  director_keeper_.reset();  // writes what is left
  statistics_.reset();
}

Snapshot App::snapshot_now() const {
  Snapshot now = builder_->build(hub_ ? hub_->slaves() : std::vector<const SlaveState*>{},
                                 source_ ? source_->current() : clocksync::RefMap{}, paused_, zones_);
  now.cookies = cookies_;
  delays_->apply(now);
  director_->apply(now);
  return now;
}

void App::publish() {
  Snapshot now = snapshot_now();
  log_slaves();
  if (now.same_as(published_)) return;  // most reports change nothing: do not wake the loops for them
  published_ = std::move(now);
  const auto shared = std::make_shared<const Snapshot>(published_);
  for (const auto& loop : loops_.dns) loop->publish(shared);
  for (const auto& loop : loops_.web) loop->publish(shared);
  if (loops_.udp) loops_.udp->publish(shared);
  log_clock();
}

void App::tick() {
  log_clock();
  log_failed_orders();
  follow_delays();
  follow_delegation();
  if (const MonoTime now = clock_.mono(); now - counted_ >= kCount) {
    counted_ = now;
    director_->count(
        [this](std::size_t service, director::ServerIndex server) { return loops_.led(service, server); });
  }
  if (director_->tick()) publish();
  director_keeper_->tick();
  if (const MonoTime now = clock_.mono(); now - pinged_ >= kPingTurn) {
    pinged_ = now;
    order(director_->pings());
  }
  // Large zones take their time to free: not on the path of a query.
  std::erase_if(retired_, [](const auto& zones) { return zones.use_count() == 1; });
}

void App::order(const DirectorDesk::Pings& pings) {
  for (const auto& [slave, clients] : pings)
    pings_.ordered(slave, hub_->order_pings(slave, clients, kPingWithin));
}

/// Where queries may wait for pings, somebody looks often.
void App::hurry_or_not() {
  const bool any =
      std::ranges::any_of(config_.services, [](const auto& s) { return s.director.wait > Nanos(0); });
  hurrier_ = any ? loop_->every(kHurry, [this] { hurry(); }) : net::Watch();
}

void App::hurry() {
  races_->drain();
  if (!director_->hurries()) return;
  order(director_->hurried_pings());
  if (director_->tick()) publish();
}

/// Once for each change: zones that cannot be read stay as they are until somebody reloads them.
void App::follow_delegation() {
  if (zones_for_ == delegation_.all() || reader_->busy()) return;
  for (std::size_t s = 0; s < zones_for_.size(); ++s) {
    if (zones_for_[s] == delegation_.delegated(s)) continue;
    const ServiceConfig& service = config_.services[s];
    if (delegation_.delegated(s))
      log::warn("service {}: left to its slaves as name servers of {}: {}", service.name, service.zone,
                delegation_.why(s));
    else
      log::info("service {}: raced from now on, since packets of all its slaves arrive", service.name);
  }
  reload(Reload::zones, [](const Reloaded&) {});
}

void App::follow_delays() {
  bool changed = false;
  for (const DelayControl::Note& note : delays_->tick(published_, clock_.mono())) {
    changed = changed || note.changed;
    note.changed ? log::info("{}", note.text) : log::warn("{}", note.text);
  }
  if (changed) publish();
}

void App::log_clock() {
  const std::string why = clock_why_not(published_.clock, config_.clock.max_error, clock_.mono());
  // What is said once is the kind of trouble, not each new figure in it.
  const std::string kind = why.substr(0, why.find(" of "));
  if (clock_said_ && *clock_said_ == kind) return;
  if (why.empty()) {
    log::info("clock: within {:.3f} ms of reference time; racing",
              static_cast<double>(published_.clock.bound_at(clock_.mono()).count()) * 1e-6);
  } else {
    log::warn("clock: {}; no races until it is better", why);
  }
  clock_said_ = kind;
}

/// What the slave says of itself and its benches are in the hub's log; this is what else the master holds
/// against it.
void App::log_slaves() {
  if (!hub_) return;
  for (const SlaveState* slave : hub_->slaves()) {
    const auto at = std::ranges::lower_bound(builder_->names(), slave->name);
    std::string& said = slave_said_[static_cast<std::size_t>(at - builder_->names().begin())];
    const std::string why = slave->registered && slave->last_report.racing && !slave->health.benched()
                                ? builder_->why_not(*slave)
                                : std::string();
    const std::string kind = why.substr(0, why.find(" of "));
    if (said == kind) continue;
    if (why.empty()) {
      log::info("slave {}: in order again", slave->name);
    } else {
      log::warn("slave {} is not raced: it {}", slave->name, why);
    }
    said = kind;
  }
}

void App::log_failed_orders() {
  std::uint64_t failed = 0;
  for (std::size_t i = 0; i < builder_->names().size(); ++i) failed += loops_.orders(i).failed;
  if (failed == failed_orders_ || !failed_orders_limit_.pass(clock_.mono())) return;
  log::warn("{} order datagrams could not be sent (the last: {})", failed - failed_orders_,
            std::generic_category().message(loops_.order_error()));
  failed_orders_ = failed;
}

std::string App::status() const {
  return hub_ ? with_status([](const StatusSource& s) { return status_line(s); }) : std::string();
}

}  // namespace flagfall::master
