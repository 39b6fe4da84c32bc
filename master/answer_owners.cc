#include "master/answer_owners.hh"

#include <algorithm>

namespace flagfall::master {

AnswerOwners::AnswerOwners(const Config& config) {
  const auto names = slave_names(config);
  for (const ServiceConfig& service : config.services) {
    Service& out = services_.emplace_back();
    out.ttl = service.ttl;
    for (const SlaveConfig& slave : service.slaves) {
      const auto index =
          static_cast<std::uint16_t>(std::ranges::lower_bound(names, slave.name) - names.begin());
      for (const IpAddress& answer : slave.answers) out.owners.emplace_back(answer, index);
    }
    std::ranges::sort(out.owners);
  }
}

std::optional<unsigned> AnswerOwners::runner_of(std::uint16_t service, std::span<const IpAddress> answers,
                                                std::span<const std::uint16_t> runners) const {
  const auto& owners = services_.at(service).owners;
  bool shared = false;
  for (const IpAddress& answer : answers) {
    std::optional<unsigned> found;
    bool several = false;
    for (auto at = std::ranges::lower_bound(owners, answer, {}, &std::pair<IpAddress, std::uint16_t>::first);
         at != owners.end() && at->first == answer; ++at) {
      const auto runner = std::ranges::find(runners, at->second);
      if (runner == runners.end()) continue;
      const auto place = static_cast<unsigned>(runner - runners.begin());
      several = several || (found && *found != place);
      found = place;
    }
    if (found && !several) return found;
    shared = shared || several;
  }
  return shared ? std::nullopt : std::optional<unsigned>(kNobody);
}

}  // namespace flagfall::master
