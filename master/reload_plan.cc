#include "master/reload_plan.hh"

#include <algorithm>

namespace flagfall::master {
namespace {

using director::Policy;

bool has(const ServiceConfig& service, Policy policy) {
  return std::ranges::count(service.director.policies, policy) > 0;
}

/// A director is made at a start, and so is what policy composite needs.
bool same_kind(const ServiceConfig& a, const ServiceConfig& b) {
  return a.director.policies.empty() == b.director.policies.empty() &&
         has(a, Policy::composite) == has(b, Policy::composite);
}

void take_service(ServiceConfig& service, const ServiceConfig& fresh) {
  service.delay = fresh.delay;
  service.race_share = fresh.race_share;
  service.ttl = fresh.ttl;
  service.ttl_learning = fresh.ttl_learning;
  service.ttl_bound = fresh.ttl_bound;
  service.ttl_fallback = fresh.ttl_fallback;
  service.answers = fresh.answers;
  service.http = fresh.http;
  service.rtsp = fresh.rtsp;
  if (same_kind(service, fresh)) {
    service.director.policies = fresh.director.policies;
    service.director.prefixes = fresh.director.prefixes;
  }
  service.director.near = fresh.director.near;
  service.director.load_fresh = fresh.director.load_fresh;
  service.director.wait = fresh.director.wait;
  service.director.all_down = fresh.director.all_down;
  for (SlaveConfig& slave : service.slaves) {
    const auto at = std::ranges::find(fresh.slaves, slave.name, &SlaveConfig::name);
    if (at == fresh.slaves.end()) continue;
    slave.capacity = at->capacity;
    slave.location = at->location;
  }
}

/// Not how fine networks are cut and how many there are: the table is made for that.
void take_director(DirectorConfig& director, const DirectorConfig& fresh) {
  director.verdicts = fresh.verdicts;
  director.share = fresh.share;
  director.sample = fresh.sample;
  director.remember = fresh.remember;
  director.forget = fresh.forget;
  director.hysteresis = fresh.hysteresis;
  director.least_gain = fresh.least_gain;
}

Result<config::Value> value_of(const config::Schema<Config>& schema, const Config& config) {
  return config::parse_text(schema.print(config), "configuration in effect");
}

}  // namespace

void adopt(Config& config, const Config& fresh) {
  config.cookies.secrets = fresh.cookies.secrets;
  config.dns.rate = fresh.dns.rate;
  config.dns.burst = fresh.dns.burst;
  config.dns.slip = fresh.dns.slip;
  config.clock.max_error = fresh.clock.max_error;
  config.race.gather = fresh.race.gather;
  config.geo = fresh.geo;
  if (!fresh.https.listen.empty()) config.https.certificates = fresh.https.certificates;
  take_director(config.director, fresh.director);
  for (ZoneConfig& zone : config.zones) {
    const auto at = std::ranges::find(fresh.zones, zone.origin, &ZoneConfig::origin);
    if (at != fresh.zones.end()) zone.file = at->file;
  }
  for (ServiceConfig& service : config.services) {
    const auto at = std::ranges::find(fresh.services, service.name, &ServiceConfig::name);
    if (at != fresh.services.end()) take_service(service, *at);
  }
}

Result<ReloadPlan> plan_reload(const Config& now, const Config& fresh) {
  ReloadPlan out;
  out.next = now;
  adopt(out.next, fresh);
  const auto table = schema();
  const auto before = value_of(table, now), next = value_of(table, out.next), wanted = value_of(table, fresh);
  for (const auto* const value : {&before, &next, &wanted})
    if (!*value) return Error{value->error()};
  // What goes on as it was must fit to what is taken over.
  if (const auto checked = table.parse(table.print(out.next), "what would run"); !checked)
    return Error{checked.error() +
                 " (parts of the file need a restart, and the others do not fit without them)"};
  out.applied = config::differences(*before, *next);
  out.needs_restart = config::differences(*next, *wanted);
  return out;
}

}  // namespace flagfall::master
