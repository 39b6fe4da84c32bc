#include "sim/learning_plan.hh"

#include <fmt/format.h>

#include "sim/sample_zone.hh"

namespace flagfall::sim {
namespace {

using director::AllDown;
using director::Policy;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::vector<std::vector<Policy>> kPolicies = {{Policy::race},
                                                    {Policy::race},
                                                    {Policy::ping, Policy::race},
                                                    {Policy::race, Policy::round_robin},
                                                    {Policy::ping, Policy::weighted}};

}  // namespace

LearningPlan::LearningPlan(std::uint64_t seed, Who who)
    : lots_(seed),
      beacon_lots_(seed ^ 0xbeac),
      who_(who),
      learns_((lots_.chance(0.8) && who != Who::nobody) || who == Who::all),
      directs_(lots_.chance(0.65) && learns_ && who != Who::all),
      patient_((lots_.chance(0.5) && learns_) || who == Who::all),
      beacons_(beacon_lots_.chance(0.4) && learns_ && who != Who::all) {}

void LearningPlan::promise(Promises& promises) {
  if (who_ == Who::all) promises.max_slaves = std::max(promises.max_slaves, 3U);
  if (patient_) promises.certain_within = milliseconds(400);
  promises.races = lots_.chance(0.3) ? lots_.between(8, 64) : 1024;
  promises.clusters = lots_.chance(0.6) ? lots_.between(2, 9) : 1000;
}

void LearningPlan::choose_policies(const std::vector<master::ServiceConfig>& services) {
  for (const master::ServiceConfig& service : services) {
    policies_.push_back(lots_.any(kPolicies));
    if (service.slaves.empty()) policies_.back().clear();
    AllDown& rule = all_down_.emplace_back();
    rule.what = static_cast<AllDown::What>(lots_.between(0, 4));
    if (rule.what == AllDown::What::addresses) rule.addresses = sorry();
  }
}

void LearningPlan::configure(master::Config& c, const Promises& promises) {
  c.verdicts.races = static_cast<unsigned>(promises.races);
  c.verdicts.teach = lots_.chance(0.3) && who_ != Who::all ? 0.1 : 1;
  c.verdicts.certain_within = promises.certain_within;
  if (beacons_) configure_beacons(c);
  if (!directs_) return;
  c.director.clusters = static_cast<unsigned>(promises.clusters);
  c.director.coarsest_v4 = lots_.between(16, 25);
  c.director.coarsest_v6 = lots_.between(32, 57);
  c.director.verdicts = lots_.between(1, 4);
  c.director.sample = lots_.chance(0.5) ? 0.01 : 0.3;
  if (lots_.chance(0.3)) c.director.forget = lots_.between(seconds(5), seconds(30));
  if (lots_.chance(0.3)) c.director.remember = lots_.between(seconds(5), seconds(30));
  if (shares_ && first_) c.director = *first_;
  first_ = c.director;
  for (std::size_t s = 0; s < c.services.size(); ++s) {
    c.services[s].director.policies = policies_[s];
    c.services[s].director.all_down = all_down_[s];
    c.services[s].answers = lots_.between(1, 4);
  }
}

void LearningPlan::configure_beacons(master::Config& c) {
  for (const std::string& slave : master::slave_names(c))
    c.slaves.push_back({slave, fmt::format("ns-{}.example.test", slave), slave + kBeacons});
  for (master::ServiceConfig& service : c.services) {
    const unsigned what = beacon_lots_.between(0, 4);
    if (what == 0) service.winner_beacon = master::BeaconWord::unknown;
    if (what > 1) service.winner_beacon = master::BeaconSample{what == 2 ? 1 : 0.3};
  }
}

/// unbound's cache-min-ttl and the like; most have none.
Nanos LearningPlan::least_ttl() {
  return beacons_ && beacon_lots_.chance(0.3) ? beacon_lots_.between(seconds(1), seconds(10)) : Nanos(0);
}

std::vector<IpAddress> LearningPlan::sorry() {
  return {*parse_ip("203.0.113.250"), *parse_ip("2001:db8:ffff::250")};
}

NameServer LearningPlan::name_server(unsigned number, const std::string& slave,
                                     const std::vector<IpAddress>& answers,
                                     const std::vector<master::ServiceConfig>& services) {
  NameServer out{slave, sim::name_server(number), slave + kBeacons, {}, answers};
  for (const master::ServiceConfig& service : services)
    out.serves.push_back(std::ranges::count(service.slaves, slave, &master::SlaveConfig::name) > 0);
  return out;
}

std::vector<std::optional<Directed>> LearningPlan::directed(const master::Config& config) {
  std::vector<std::optional<Directed>> out;
  for (const master::ServiceConfig& service : config.services) {
    auto& told = out.emplace_back();
    if (service.director.policies.empty()) continue;
    told = Directed{service.name, {}, service.director.all_down};
    for (const master::SlaveConfig& slave : service.slaves)
      for (const IpAddress& ip : slave.answers) told->owners.emplace(ip, slave.name);
  }
  return out;
}

}  // namespace flagfall::sim
