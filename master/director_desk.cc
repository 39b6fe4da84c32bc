#include "master/director_desk.hh"

#include <algorithm>
#include <utility>

#include "master/win_of.hh"

namespace flagfall::master {
namespace {

using director::bit;
using director::ServerIndex;
using director::ServerMask;

/// Rates of answers are smoothed over so many seconds: two seconds' count of a few a second is mostly chance,
/// and ten seconds after a change ([director.shed] settle) its traces shall be gone.
constexpr double kSmooth = 4;

director::PathOptions paths_of(const Config& config, const ServiceConfig& service) {
  const auto place_of = [&](const std::string& site) {
    const auto at = std::ranges::find(config.sites, site, &director::SiteConfig::name);
    return static_cast<director::SiteIndex>(at - config.sites.begin());
  };
  director::PathOptions out;
  out.network = director::Network(config.sites, config.internal);
  out.contact = place_of(config.paths.site);
  out.source = config.paths.ping_source;
  out.fuzz = service.director.fuzz;
  for (const SlaveConfig& slave : service.slaves)
    out.servers.push_back({place_of(slave.site), borders_of(config, slave)});
  return out;
}

director::ServiceOptions options_of(const Config& config, const ServiceConfig& service) {
  const DirectorConfig& c = config.director;
  director::ServiceOptions out;
  out.policies = service.director.policies;
  for (const SlaveConfig& slave : service.slaves) out.capacities.push_back(slave.capacity);
  out.book.coarsest_v4 = c.coarsest_v4;
  out.book.finest_v4 = c.finest_v4;
  out.book.coarsest_v6 = c.coarsest_v6;
  out.book.finest_v6 = c.finest_v6;
  out.book.verdicts = c.verdicts;
  out.book.share = c.share;
  out.book.remember = c.remember;
  out.book.forget = c.forget;
  out.book.hysteresis = c.hysteresis;
  out.book.least_gain = c.least_gain;
  out.book.most = c.clusters;
  out.shed = c.shed;
  out.sample = c.sample;
  out.load.fresh = service.director.load_fresh;
  out.load.near = service.director.near;
  if (!director::border_names(config.sites).empty()) out.paths = paths_of(config, service);
  return out;
}

}  // namespace

Result<std::unique_ptr<DirectorDesk>> DirectorDesk::open(const Config& config, const Clock& clock,
                                                         Random& random) {
  const auto files = read_director_files(config);
  if (!files) return Error{files.error()};
  std::unique_ptr<DirectorDesk> desk(new DirectorDesk(config, clock));
  desk->names_ = slave_names(config);
  if (!config.director.unique_names.empty()) desk->clients_.emplace(config.director, random);
  for (const ServiceConfig& service : config.services) {
    Service& out = desk->services_.emplace_back();
    out.by_slave.resize(desk->names_.size());
    for (std::size_t i = 0; i < service.slaves.size() && i < director::kMostServers; ++i) {
      const auto at = std::ranges::lower_bound(desk->names_, service.slaves[i].name) - desk->names_.begin();
      out.by_slave[static_cast<std::size_t>(at)] = static_cast<ServerIndex>(i);
    }
    if (service.director.policies.empty()) continue;
    out.director = std::make_unique<director::ServiceDirector>(options_of(config, service),
                                                               service.slaves.size(), random);
  }
  desk->take(*files);
  desk->judge();
  return desk;
}

void DirectorDesk::take(const DirectorFiles& files) {
  for (std::size_t s = 0; s < services_.size(); ++s) {
    if (!services_[s].director) continue;
    services_[s].director->set_fixed(files.services[s].fixed.value_or(director::PrefixOrders{}));
    services_[s].director->set_geo(files.services[s].geo.value_or(director::PrefixOrders{}));
  }
}

void DirectorDesk::reconfigure(const DirectorFiles& files) {
  for (std::size_t s = 0; s < services_.size(); ++s)
    if (services_[s].director) services_[s].director->reconfigure(options_of(config_, config_.services[s]));
  take(files);
  judge();
}

void DirectorDesk::asked(const NetworkAsked& asked) {
  auto* const director = of(asked.service);
  if (director == nullptr) return;
  const MonoTime now = clock_.mono();
  director->asked(asked.client, asked.queries, now);
  if (asked.waits) hurry_until_ = std::max(hurry_until_, now + config_.services[asked.service].director.wait);
  if (has(asked.service, director::Policy::ping) || has(asked.service, director::Policy::composite))
    wants_.want(asked.service, asked.client, now, asked.waits);
}

void DirectorDesk::unique(const UniqueName& name) {
  const MonoTime now = clock_.mono();
  if (!clients_ || !clients_->take(name, now)) return;
  for (std::size_t s = 0; s < services_.size(); ++s)
    if (services_[s].director && (has(s, director::Policy::ping) || has(s, director::Policy::composite)))
      wants_.want(static_cast<std::uint16_t>(s), name.who, now);
}

bool DirectorDesk::has(std::size_t service, director::Policy policy) const {
  const auto& policies = config_.services[service].director.policies;
  return std::ranges::find(policies, policy) != policies.end();
}

DirectorDesk::Pings DirectorDesk::pings() {
  return orders(wants_.turn(clock_.mono()));
}

DirectorDesk::Pings DirectorDesk::hurried_pings() {
  return orders(wants_.hurry(clock_.mono()));
}

DirectorDesk::Pings DirectorDesk::orders(const std::vector<PingWants::Want>& wants) const {
  Pings out;
  for (const PingWants::Want& want : wants) {
    // A border's pinger need not have a server, of this service or at all.
    std::set<std::string> who;
    if (has(want.service, director::Policy::ping))
      for (const SlaveConfig& slave : config_.services[want.service].slaves) who.insert(slave.name);
    if (has(want.service, director::Policy::composite))
      for (const auto& [slave, border] : pingers_) who.insert(slave);
    for (const std::string& slave : who)
      if (live_.contains(slave)) out[slave].push_back(want.client);
  }
  return out;
}

void DirectorDesk::evidence(const SlaveState& slave, const wire::Evidence& evidence) {
  const MonoTime now = clock_.mono();
  auto measures = measures_of(evidence);
  if (clients_) {
    const auto at = std::ranges::lower_bound(names_, slave.name) - names_.begin();
    clients_->credit(measures, static_cast<std::uint16_t>(at), now);
  }
  const auto load = load_of(evidence.loads, now);
  for (std::size_t s = 0; s < services_.size(); ++s) {
    director::ServiceDirector* const director = of(s);
    if (director == nullptr) continue;
    if (const auto through = pingers_.find(slave.name); through != pingers_.end())
      for (const director::Measure& measure : measures)
        if (measure.kind == director::Kind::ping) director->ping_through(through->second, measure, now);
    const auto server = this->server(s, slave.name);
    if (!server || *server >= director::kMostServers) continue;
    for (director::Measure& measure : measures) {
      measure.server = *server;
      director->measure(measure, now);
    }
    if (load) director->load(*server, *load);
  }
  if (evidence.loads.empty() && evidence.checks.empty()) return;
  auto& known = checks_[slave.name];
  const bool same = std::ranges::equal(known, slave.checks, {}, &wire::Check::state, &wire::Check::state);
  known = slave.checks;
  if (!same) judge();
}

void DirectorDesk::settled(const race::FinishedRace& race) {
  auto* const director = of(race.service);
  if (director == nullptr) return;
  if (const auto win = win_of(race, services_[race.service].by_slave)) director->win(*win, clock_.mono());
}

void DirectorDesk::slaves(const std::vector<const SlaveState*>& slaves) {
  std::set<std::string> live;
  for (const SlaveState* const slave : slaves)
    if (slave->registered) live.insert(slave->name);
  if (live == live_) return;
  // What a session that is lost said of its servers is old: the next one says it anew.
  std::erase_if(checks_, [&](const auto& entry) { return !live.contains(entry.first); });
  live_ = std::move(live);
  judge();
}

void DirectorDesk::judge() {
  for (std::size_t s = 0; s < services_.size(); ++s) {
    Service& service = services_[s];
    if (!service.director) continue;
    const auto& slaves = config_.services[s].slaves;
    ServerMask present = 0, up = 0, out = 0;
    for (std::size_t i = 0; i < slaves.size(); ++i) {
      const ServerMask it = bit(static_cast<ServerIndex>(i));
      present |= it;
      const auto checks = checks_.find(slaves[i].name);
      const bool healthy =
          checks == checks_.end() || health_of(checks->second, slaves[i].answers) == wire::Health::up;
      if (live_.contains(slaves[i].name) && healthy) up |= it;
      if (drained_.contains(slaves[i].name)) out |= it;
    }
    const ServerMask fit = up & ~out;
    service.rules.fit(fit);
    service.fallen =
        fit != 0 ? std::nullopt
                 : std::optional(service.rules.decide(config_.services[s].director.all_down, present, out));
    service.director->set_fit(service.fallen ? service.fallen->servers : fit);
  }
  changed_ = true;
}

void DirectorDesk::count(const Led& led) {
  const MonoTime now = clock_.mono();
  const double seconds = counted_ ? std::chrono::duration<double>(now - *counted_).count() : 0;
  for (std::size_t s = 0; s < services_.size(); ++s) {
    Service& service = services_[s];
    if (!service.director) continue;
    service.led.resize(service.director->servers());
    service.rate.resize(service.director->servers());
    for (std::size_t i = 0; i < service.led.size(); ++i) {
      const auto server = static_cast<ServerIndex>(i);
      const std::uint64_t total = led(s, server);
      const auto more = static_cast<double>(total - std::exchange(service.led[i], total));
      if (!counted_ || seconds <= 0) continue;
      service.rate[i] += (more / seconds - service.rate[i]) * seconds / (seconds + kSmooth);
      service.director->served(server, service.rate[i]);
    }
  }
  counted_ = now;
}

bool DirectorDesk::tick() {
  const MonoTime now = clock_.mono();
  bool changed = std::exchange(changed_, false);
  for (Service& service : services_)
    changed = (service.director && service.director->advance(now)) || changed;
  return changed;
}

void DirectorDesk::apply(Snapshot& snapshot) const {
  for (std::size_t s = 0; s < services_.size(); ++s) {
    if (!services_[s].director) continue;
    // An operator's word is meant for races, too: nobody shall be sent there.
    const auto drained = [&](const Runner& runner) { return drained_.contains(names_[runner.slave]); };
    std::erase_if(snapshot.services[s].v4, drained);
    std::erase_if(snapshot.services[s].v6, drained);
    std::erase_if(snapshot.services[s].udp, drained);
    std::erase_if(snapshot.services[s].alone, drained);
    snapshot.services[s].view = services_[s].director->view();
    const auto& fallen = services_[s].fallen;
    snapshot.services[s].nobody_fit = fallen.has_value();
    snapshot.services[s].refuse = fallen && fallen->what == director::Fallen::What::refuse;
  }
}

std::optional<ServerIndex> DirectorDesk::server(std::size_t service, const std::string& name) const {
  const auto& slaves = config_.services[service].slaves;
  const auto at = std::ranges::find(slaves, name, &SlaveConfig::name);
  if (at == slaves.end()) return std::nullopt;
  return static_cast<ServerIndex>(at - slaves.begin());
}

bool DirectorDesk::drain(const std::string& server, bool drained) {
  if (!std::ranges::binary_search(names_, server)) return false;
  if (drained) {
    drained_.insert(server);
  } else {
    drained_.erase(server);
  }
  judge();
  return true;
}

std::string DirectorDesk::why_not(const std::string& server) const {
  if (drained_.contains(server)) return "is drained by an operator";
  if (!live_.contains(server)) return "its slave has no session";
  const auto checks = checks_.find(server);
  if (checks == checks_.end()) return {};
  for (const wire::Check& check : checks->second)
    if (check.state != wire::Health::up)
      return "check " + check.name +
             (check.state == wire::Health::down ? " is down: " + check.why : " is not known yet");
  return {};
}

}  // namespace flagfall::master
