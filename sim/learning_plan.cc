#include "sim/learning_plan.hh"

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
      who_(who),
      learns_((lots_.chance(0.8) && who != Who::nobody) || who == Who::all),
      directs_(lots_.chance(0.65) && learns_ && who != Who::all),
      patient_((lots_.chance(0.5) && learns_) || who == Who::all) {}

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

std::vector<IpAddress> LearningPlan::sorry() {
  return {*parse_ip("203.0.113.250"), *parse_ip("2001:db8:ffff::250")};
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
