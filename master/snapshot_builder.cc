#include "master/snapshot_builder.hh"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/base/log.hh"
#include "master/home_desk.hh"
#include "master/http_sites.hh"

namespace flagfall::master {

namespace {

void tell_udp(const ServiceUdpConfig& udp, wire::Service& out) {
  constexpr double kHundred = 100;
  out.addresses = udp.listen;
  out.kind = wire::ServiceKind::datagrams;
  out.most_answer = udp.max_answer;
  out.amplification = static_cast<std::uint32_t>(std::lround(udp.amplification * kHundred));
}

}  // namespace

bool has_family(const SlaveConfig& slave, Family family) {
  return std::ranges::any_of(slave.answers, [&](const IpAddress& a) { return a.family == family; });
}

std::vector<Endpoint> service_addresses(const Config& config) {
  std::vector<Endpoint> out = config.dns.listen;
  if (config.http.race) out.insert(out.end(), config.http.listen.begin(), config.http.listen.end());
  if (config.rtsp.race) out.insert(out.end(), config.rtsp.listen.begin(), config.rtsp.listen.end());
  return out;
}

BeaconWish beacon_wish(const ServiceConfig& service) {
  if (const auto* const share = std::get_if<BeaconSample>(&service.winner_beacon))
    return {share->sample, false};
  return {0, std::get<BeaconWord>(service.winner_beacon) == BeaconWord::unknown};
}

SnapshotBuilder::SnapshotBuilder(const Config& config, std::vector<Endpoint> listen)
    : config_(config),
      listen_(std::move(listen)),
      names_(slave_names(config)),
      http_(std::make_shared<const HttpSites>(config, WebScheme::http)),
      rtsp_(std::make_shared<const HttpSites>(config, WebScheme::rtsp)) {
  std::vector<std::uint16_t> next(names_.size(), 0);
  const std::vector<std::string> borders = director::border_names(config.sites);
  for (const ServiceConfig& service : config.services) {
    servers_.push_back(std::make_shared<const ServerAnswers>(service, borders));
    std::vector<Part>& parts = parts_.emplace_back();
    for (const SlaveConfig& slave : service.slaves) {
      const auto at = static_cast<std::size_t>(std::ranges::lower_bound(names_, slave.name) - names_.begin());
      const bool udp = !service.udp.listen.empty();
      parts.push_back({static_cast<std::uint16_t>(at), next[at]++, !udp && has_family(slave, Family::v4),
                       !udp && has_family(slave, Family::v6), !slave.location.empty(), udp,
                       static_cast<director::ServerIndex>(parts.size())});
    }
  }
}

/// Slaves answer for a delegated service also while it is raced: caches know the delegation for a while.
void SnapshotBuilder::delegate(const ServiceConfig& service, wire::Service& out) const {
  using Mode = ServiceConfig::Mode;
  if (service.mode != Mode::delegate && service.mode != Mode::automatic) return;
  out.zone = service.zone;
  out.nameservers = nameservers_of(config_, service);
  out.names = service.names;
  if (service.mode == Mode::delegate) out.addresses.clear();  // there is nothing to send from them
}

/// Web sites are what a message may get too long by, and what a slave can do without.
static void leave_out_sites(const std::string& slave, wire::Services& services) {
  if (!wire::encode(services).empty()) return;
  for (wire::Service& service : services.services) service.sites.clear();
  log::warn(
      "slave {}: the hosts of its services do not fit into one message (64 KiB, {} of a service): as a front "
      "end it sends nobody on; give [service.http] a wildcard instead of many hosts",
      slave, wire::kMaxWebSites);
}

std::map<std::string, wire::Services> SnapshotBuilder::services() const {
  std::map<std::string, wire::Services> out;
  for (const ServiceConfig& service : config_.services) {
    for (const SlaveConfig& slave : service.slaves) {
      wire::Service s;
      s.name = service.name;
      s.addresses = listen_;
      if (!service.udp.listen.empty()) tell_udp(service.udp, s);
      s.answers = slave.answers;
      s.ttl = service.ttl;
      s.late = service.late;
      delegate(service, s);
      s.sites = web_sites(service, slave);
      // Who asks for NSID learns which server won (RFC 5001 leaves the content to us).
      if (!config_.dns.nsid.empty()) s.nsid = slave.name;
      out[slave.name].services.push_back(std::move(s));
    }
  }
  for (const std::string& name : names_) out.try_emplace(name);  // who only pings has none
  for (const NameServerConfig& server : config_.slaves) {
    const auto at = out.find(server.name);
    if (at == out.end()) continue;
    at->second.nameserver = server.nameserver;
    at->second.beacon_zone = server.beacon_zone;
  }
  for (auto& [name, services] : out) leave_out_sites(name, services);
  return out;
}

std::string SnapshotBuilder::why_not(const SlaveState& slave) const {
  const wire::Report& report = slave.last_report;
  if (!slave.registered) return slave.sessions == 0 ? "has not connected" : "its session is lost";
  if (slave.collects_only) return "only collects";
  if (std::ranges::none_of(config_.services, [&](const ServiceConfig& s) {
        return std::ranges::count(s.slaves, slave.name, &SlaveConfig::name) > 0;
      }))
    return "has no service: it only pings through its border";
  if (slave.ready.empty()) return "has not said yet what it can send from";
  if (std::ranges::all_of(config_.services, [&](const ServiceConfig& s) {
        return s.mode == ServiceConfig::Mode::delegate ||
               std::ranges::find(s.slaves, slave.name, &SlaveConfig::name) == s.slaves.end();
      }))
    return "has no service to race for: all of its are delegated to it";
  if (std::ranges::all_of(slave.ready, [](std::uint32_t bits) { return bits == 0; })) {
    for (const ServiceConfig& service : config_.services)
      if (const wire::Lack lack = lack_of(slave, service); lack > wire::Lack::source)
        return why_of(lack, service.name);
    return "can send from none of the service addresses; see [transmit] sources at the slave";
  }
  if (!report.racing) return report.why_not.empty() ? "has not reported yet" : report.why_not;
  if (report.bound > config_.clock.max_error)
    return fmt::format("has a clock bound of {}, above clock.max_error here",
                       config::to_string(report.bound));
  return slave.health.why();  // empty unless benched
}

void SnapshotBuilder::add_udp(const Part& part, const SlaveState* fit, const SlaveState* there,
                              RacedService& out) {
  for (const auto& [slave, to] : {std::pair(fit, &out.udp), std::pair(there, &out.alone)})
    if (slave != nullptr && part.service < slave->ready.size() && slave->ready[part.service] != 0)
      to->push_back({part.slave, part.service, slave->ready[part.service], false, part.server});
}

std::string SnapshotBuilder::why_not(const SlaveState& slave, const ServiceConfig& service) const {
  std::string why = why_not(slave);
  if (!why.empty()) return why;
  const wire::Lack lack = lack_of(slave, service);
  return lack == wire::Lack::nothing ? std::string() : why_of(lack, service.name);
}

wire::Lack SnapshotBuilder::lack_of(const SlaveState& slave, const ServiceConfig& service) const {
  std::size_t place = 0;  // in the slave's Services
  for (const ServiceConfig& each : config_.services) {
    const bool its = std::ranges::find(each.slaves, slave.name, &SlaveConfig::name) != each.slaves.end();
    if (&each == &service)
      return its && place < slave.lacks.size() ? slave.lacks[place] : wire::Lack::nothing;
    if (its) ++place;
  }
  return wire::Lack::nothing;
}

Snapshot SnapshotBuilder::build(const std::vector<const SlaveState*>& slaves, const clocksync::RefMap& clock,
                                bool paused, std::shared_ptr<const Zones> zones) const {
  Snapshot out;
  out.zones = std::move(zones);
  out.http = http_;
  out.rtsp = rtsp_;
  out.clock = clock;
  out.max_error = config_.clock.max_error;
  out.limit = rate_limit(config_);
  out.paused = paused;
  out.slaves.resize(names_.size());
  std::vector<const SlaveState*> fit(names_.size(), nullptr);
  std::vector<const SlaveState*> there(names_.size(), nullptr);  // but for their clocks maybe
  std::vector<bool> doubted(names_.size(), false);
  for (const SlaveState* slave : slaves) {
    const auto at = std::ranges::lower_bound(names_, slave->name);
    if (at == names_.end() || *at != slave->name) continue;
    const auto index = static_cast<std::size_t>(at - names_.begin());
    doubted[index] = slave->health.doubted();
    if (!slave->registered) continue;
    out.slaves[index] = {true, slave->session, slave->key, slave->orders};
    if (why_not(*slave).empty()) fit[index] = slave;
    if (!slave->collects_only && !slave->health.benched()) there[index] = slave;
  }
  Nanos shortest = Nanos::max();
  for (std::size_t s = 0; s < parts_.size(); ++s) {
    RacedService& service = out.services.emplace_back();
    service.delay = first_delay(config_.services[s].delay);
    shortest = std::min(shortest, service.delay);
    service.shadow = config_.services[s].mode == ServiceConfig::Mode::shadow;
    service.delegated = config_.services[s].mode == ServiceConfig::Mode::delegate;
    service.race_share = config_.services[s].race_share;
    service.counted = std::ranges::any_of(config_.services[s].slaves,
                                          [](const SlaveConfig& slave) { return slave.capacity.limited(); });
    service.wait = config_.services[s].director.wait;
    service.beacon = beacon_wish(config_.services[s]);
    if (!config_.services[s].director.policies.empty()) service.servers = servers_[s];
    if (config_.services[s].late == wire::LatePolicy::drop) service.retry_window = kDropRetry;
    for (const Part& part : parts_[s]) {
      service.slaves.push_back(part.slave);
      service.has_v4 = service.has_v4 || part.v4;
      service.has_v6 = service.has_v6 || part.v6;
      if (doubted[part.slave]) service.retry_window = kDropRetry;
      if (part.udp) add_udp(part, fit[part.slave], there[part.slave], service);
      const SlaveState* slave = fit[part.slave];
      if (slave == nullptr || part.service >= slave->ready.size() || slave->ready[part.service] == 0)
        continue;
      const Runner runner{part.slave, part.service, slave->ready[part.service], slave->beacons, part.server};
      if (part.v4) service.v4.push_back(runner);
      if (part.v6) service.v6.push_back(runner);
      if (part.web) service.web.push_back(runner);
    }
  }
  out.gather = gather_time(config_, shortest);
  return out;
}

}  // namespace flagfall::master
