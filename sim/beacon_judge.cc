#include "sim/beacon_judge.hh"

#include <fmt/format.h>

#include <algorithm>

namespace flagfall::sim {
namespace {

/// RFC 1035 §4.1.1.
constexpr unsigned kNoSuchName = 3, kRefused = 5;
/// After the instant a beacon counts for so long.
constexpr Nanos kCounts = std::chrono::seconds(3);
/// The transmit thread, and clocks that are integers.
constexpr Nanos kSlack = std::chrono::milliseconds(1);

}  // namespace

bool BeaconJudge::is_server(HostId slave, const Endpoint& at) const {
  const auto server = servers_.find(slave);
  return server != servers_.end() && std::ranges::find(server->second.at, at) != server->second.at.end();
}

BeaconJudge::Said BeaconJudge::issued(HostId slave, const BeaconIssued& beacon, const AnswerText& answer) {
  const Server& server = servers_.at(slave);
  const auto to = read_beacon_name(answer.target);
  if (!to || to->zone != server.zone || to->race != beacon.race)
    return fmt::format("beacon: {} leads to '{}', which names neither it nor the race", server.name,
                       answer.target);
  if (answer.ttl != 0U) return fmt::format("beacon: {} lets caches keep a beacon", server.name);
  if (services_.try_emplace(to->service, beacon.service).first->second != beacon.service)
    return fmt::format("beacon: {} leads to another service", server.name);
  const Key key{slave, beacon.race};
  beacons_.insert_or_assign(key, Beacon{beacon, to->label, {}, false});
  order_.emplace_back(beacon.instant, key);
  return std::nullopt;
}

/// Whoever asks, and however late: a label of the right form leads to the service.
BeaconJudge::Said BeaconJudge::answered(HostId slave, unsigned life, const std::string& name,
                                        std::uint16_t type, const AnswerText& answer) const {
  const Server& server = servers_.at(slave);
  const auto wrong = [&](const std::string& what) {
    return fmt::format("beacon: {} answers {} type {} with {}", server.name, name, type, what);
  };
  if (answer.truncated) return wrong("a cut answer");
  // Which services there are, a process learns from its masters.
  if (server.since != life && answer.rcode == kRefused) return std::nullopt;
  const auto to = read_beacon_name(name);
  if (!to || to->zone != server.zone) {
    if (answer.rcode != kRefused) return wrong("something, and it is not its zone");
    return std::nullopt;
  }
  const auto service = services_.find(to->service);
  const bool known = service != services_.end() && server.serves.at(service->second);
  if (!known) {
    if (answer.rcode != kNoSuchName) return wrong("something, and there is no such service");
    return std::nullopt;
  }
  if (answer.rcode != 0) return wrong(fmt::format("rcode {}", answer.rcode));
  std::vector<IpAddress> right;
  std::ranges::copy_if(server.to, std::back_inserter(right), [&](const IpAddress& ip) {
    return type == (ip.family == Family::v4 ? kTypeA : kTypeAaaa);
  });
  if (answer.addresses != right) return wrong("other addresses than its own");
  if (!right.empty() && answer.ttl != ttls_.at(service->second)) return wrong("another TTL");
  return std::nullopt;
}

void BeaconJudge::looked_up(HostId slave, const BeaconLookup& lookup) {
  const auto to = read_beacon_name(lookup.name);
  if (!to || to->zone != servers_.at(slave).zone) return;
  if (lookup.type != kTypeA && lookup.type != kTypeAaaa) return;
  const auto at = beacons_.find({slave, to->race});
  if (at == beacons_.end()) return;
  Beacon& beacon = at->second;
  const bool in_time = lookup.when <= beacon.issued.instant + kCounts + max_error_ + kSlack;
  if (beacon.first || beacon.label != to->label || beacon.issued.life != lookup.life || !in_time) return;
  beacon.first = lookup;
}

BeaconJudge::Said BeaconJudge::told(HostId slave, const wire::BeaconWin& win) {
  const auto server = servers_.find(slave);
  if (server == servers_.end()) return "beacon: a slave without a zone tells of a look-up";
  const auto wrong = [&](const char* what) {
    return fmt::format("beacon: {} tells of a look-up in race {:x} {}", server->second.name, win.race, what);
  };
  const auto at = beacons_.find({slave, win.race});
  if (at == beacons_.end() || !at->second.first) return wrong("that did not come, or not in time");
  Beacon& beacon = at->second;
  if (std::exchange(beacon.told, true)) return wrong("twice");
  if (win.same_address != (beacon.first->from == beacon.issued.client))
    return wrong("and not truly whether its client asked");
  return std::nullopt;
}

void BeaconJudge::forget(RefTime before) {
  for (; !order_.empty() && order_.front().first < before; order_.pop_front()) {
    const auto at = beacons_.find(order_.front().second);
    if (at != beacons_.end() && at->second.issued.instant < before) beacons_.erase(at);
  }
}

}  // namespace flagfall::sim
