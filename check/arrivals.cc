#include "check/arrivals.hh"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/units.hh"

namespace flagfall::check {
namespace {

/// Fewer than this share of probes says that a path loses, not that it filters.
constexpr double kGood = 0.8;
/// Slaves of one check; more are a mistake or an attack.
constexpr std::size_t kMostSlaves = 256;

}  // namespace

double Arrivals::Group::share() const {
  return count == 0 ? 0 : static_cast<double>(numbers.size()) / count;
}

std::string Arrivals::add(const Probe& probe, const Seen& seen) {
  if (slaves_.size() == kMostSlaves && !slaves_.contains(probe.name)) return {};
  Slave& slave = slaves_[probe.name];
  if (slave.run != probe.run) slave = {probe.run, {}, {}, {}};  // it was started again
  if (!probe.plan.empty()) slave.plan = probe.plan;
  const bool large = seen.size >= kLargeProbe;
  const bool own = probe.kind == Probe::Kind::own;
  if (!own && slave.service.size() == kMostPlan && !slave.service.contains(probe.source)) return {};
  Group& group = own ? slave.own[probe.source.ip.family][large] : slave.service[probe.source][large];
  const bool first = group.numbers.empty();
  if (!group.numbers.insert(probe.number).second) ++group.duplicates;
  group.count = probe.count;
  if (seen.from.ip != probe.source.ip && !probe.source.ip.unspecified()) group.others.insert(seen.from.ip);
  group.least_ttl = first ? seen.ttl : std::min(group.least_ttl, seen.ttl);
  group.most_ttl = std::max(group.most_ttl, seen.ttl);
  group.least_way = std::min(group.least_way, seen.at - probe.sent);
  if (!first) return {};
  return fmt::format("{}: {} octets from {}{}, TTL {}, {:.3f} ms after {} sent them", probe.name, seen.size,
                     to_string(seen.from), own ? " (its own address)" : "", seen.ttl,
                     in_ms(seen.at - probe.sent), probe.name);
}

bool Arrivals::complete(const std::set<std::string>& expected) const {
  const auto whole = [](const std::map<Size, Group>& sizes) {
    return sizes.size() == 2 && std::ranges::all_of(sizes, [](const auto& g) {
             return g.second.numbers.size() == g.second.count;
           });
  };
  return !expected.empty() && std::ranges::all_of(expected, [&](const std::string& name) {
    const auto at = slaves_.find(name);
    return at != slaves_.end() && !at->second.plan.empty() &&
           std::ranges::all_of(at->second.plan, [&](const Endpoint& source) {
             const auto group = at->second.service.find(source);
             return group != at->second.service.end() && whole(group->second);
           });
  });
}

bool Arrivals::arrives(const Slave& slave, const Endpoint& source) {
  const auto at = slave.service.find(source);
  if (at == slave.service.end()) return false;
  const auto small = at->second.find(false);
  return small != at->second.end() && small->second.share() >= kGood && small->second.others.empty();
}

void Arrivals::judge_source(const std::string& name, const Slave& slave, const Endpoint& source,
                            Findings& out) {
  const std::string subject = fmt::format("{} as {}", name, to_string(source));
  const auto own = slave.own.find(source.ip.family);
  const Group* control = nullptr;
  if (own != slave.own.end() && own->second.contains(false)) control = &own->second.at(false);
  const auto at = slave.service.find(source);
  const bool any = at != slave.service.end() && at->second.contains(false);
  if (!any) {
    if (control == nullptr)
      return out.problem(subject,
                         fmt::format("nothing arrived over IPv{}, from its own address neither",
                                     static_cast<int>(source.ip.family)),
                         "let the UDP port in here; has that slave a way to this host?");
    return out.problem(
        subject,
        fmt::format("none arrived, but {} of {} from its own address did: filtered on the way (BCP 38)",
                    control->numbers.size(), control->count),
        fmt::format("let the provider of {} accept the source, check that host's own firewall, or use a "
                    "tunnel; until "
                    "then mode = \"delegate\"",
                    name));
  }
  const Group& small = at->second.at(false);
  if (!small.others.empty())
    return out.problem(subject, fmt::format("arrived from {} instead", to_string(*small.others.begin())),
                       "something rewrites the source (NAT, masquerading): clients would drop such answers");
  if (small.share() < kGood)
    return out.warning(subject,
                       fmt::format("{} of {} arrived: the path loses", small.numbers.size(), small.count),
                       "try again, and look for a rate limit on the way");
  if (!at->second.contains(true))
    return out.problem(subject, fmt::format("small ones arrived, none of {} octets did", kLargeProbe),
                       "the path's MTU is below 1280, or a firewall drops large UDP: lower dns.udp_size");
  if (small.duplicates > 0)
    return out.warning(subject, fmt::format("arrived, {} of them twice", small.duplicates),
                       "two hosts with one name, or a network that repeats packets");
  out.ok(subject, fmt::format("{} of {} arrived, TTL {}, {:.3f} ms at the least (by both hosts' clocks)",
                              small.numbers.size(), small.count, small.most_ttl, in_ms(small.least_way)));
}

void Arrivals::judge_slave(const std::string& name, const Slave& slave, Findings& out) {
  std::vector<Endpoint> sources = slave.plan;
  for (const auto& [source, groups] : slave.service)
    if (std::ranges::find(sources, source) == sources.end()) sources.push_back(source);
  for (const Endpoint& source : sources) judge_source(name, slave, source, out);
}

void Arrivals::judge(const std::set<std::string>& expected, Findings& out) const {
  for (const std::string& name : expected)
    if (!slaves_.contains(name))
      out.problem(
          name, "nothing arrived from it, from no address",
          fmt::format("run `flagfall check --probe THIS_HOST` on {}, with this key; let the UDP port in here",
                      name));
  for (const auto& [name, slave] : slaves_) judge_slave(name, slave, out);
  for (const auto& [why, count] : strangers_)
    out.warning("other datagrams", fmt::format("{} that were not probes of ours: {}", count, why),
                "if they are a slave's, give both sides the same key");
}

std::string Arrivals::verified_json() const {
  nlohmann::ordered_json sources = nlohmann::ordered_json::array();
  for (const auto& [name, slave] : slaves_)
    for (const Endpoint& source : slave.plan)
      sources.push_back(
          {{"slave", name}, {"source", to_string(source)}, {"arrives", arrives(slave, source)}});
  return nlohmann::ordered_json{{"sources", std::move(sources)}}.dump();
}

Result<Verified> parse_verified(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("sources") || !json["sources"].is_array())
    return Error{"this is not what `flagfall check --listen --json` wrote"};
  Verified out;
  for (const auto& one : json["sources"]) {
    const bool whole = one.is_object() && one.contains("slave") && one["slave"].is_string() &&
                       one.contains("source") && one["source"].is_string() && one.contains("arrives") &&
                       one["arrives"].is_boolean();
    const auto source = whole ? parse_endpoint(one["source"].get<std::string>()) : Result<Endpoint>(Error{});
    if (!source) return Error{"one of its sources has no slave, no address or no verdict"};
    out[one["slave"].get<std::string>()][*source] = one["arrives"].get<bool>();
  }
  return out;
}

}  // namespace flagfall::check
