#include "master/evidence_intake.hh"

#include <algorithm>
#include <limits>
#include <utility>

namespace flagfall::master {
namespace {

double seconds(Nanos t) {
  return static_cast<double>(t.count()) * 1e-9;
}

template <class T>
double amount(const std::optional<T>& value, double unit = 1) {
  return value ? static_cast<double>(*value) * unit : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

std::vector<director::Measure> measures_of(const wire::Evidence& evidence) {
  using director::Kind;
  std::vector<director::Measure> out;
  for (const wire::PingResult& ping : evidence.pings) {
    if (ping.fate == wire::PingResult::Fate::refused) continue;
    const Prefix host{ping.address, static_cast<std::uint8_t>(ping.address.size() * 8)};
    out.push_back({.kind = Kind::ping,
                   .about = host,
                   .value = seconds(ping.round_trip),
                   .silent = ping.fate == wire::PingResult::Fate::silent});
  }
  for (const wire::TcpPath& path : evidence.paths) {
    out.push_back({.kind = Kind::tcp_rtt, .about = path.client, .value = seconds(path.least)});
    if (path.rate > 0)
      out.push_back({.kind = Kind::tcp_rate, .about = path.client, .value = static_cast<double>(path.rate)});
  }
  return out;
}

std::optional<director::ServerLoad> load_of(const std::vector<wire::Load>& loads, MonoTime at) {
  if (loads.empty()) return std::nullopt;
  const auto machine = std::ranges::find(loads, "machine", &wire::Load::name);
  const auto own = std::ranges::find_if(loads, [](const wire::Load& l) { return l.name != "machine"; });
  const wire::Load& load = own != loads.end() ? *own : loads.front();
  const wire::Load& rest = machine != loads.end() ? *machine : load;
  return director::ServerLoad{
      .open_connections = amount(load.connections ? load.connections : rest.connections),
      .free_memory = amount(load.free_memory ? load.free_memory : rest.free_memory),
      .free_swap = amount(load.free_swap ? load.free_swap : std::optional<std::uint64_t>(0)),
      .cpu_idle = amount(load.idle_cpu ? load.idle_cpu : rest.idle_cpu, 1.0 / wire::kWhole),
      .at = at};
}

wire::Health health_of(const std::vector<wire::Check>& checks, const std::vector<IpAddress>& answers) {
  wire::Health out = wire::Health::up;
  for (const wire::Check& check : checks) {
    if (check.answer && std::ranges::find(answers, *check.answer) == answers.end()) continue;
    if (check.state == wire::Health::down) return wire::Health::down;
    if (check.state == wire::Health::unknown) out = wire::Health::unknown;
  }
  return out;
}

void PingWants::queue(const Key& key, Network& network) {
  if (network.queued || queue_.size() == kMost) return;
  network.queued = true;
  queue_.push_back(key);
}

void PingWants::want(std::uint16_t service, const IpAddress& client, MonoTime now, bool waits) {
  const Key key{service, masked(client, client.family == Family::v4 ? 24 : 56)};
  auto at = networks_.find(key);
  if (at == networks_.end()) {
    if (networks_.size() >= 4 * kMost || queue_.size() == kMost) return;
    at = networks_.try_emplace(key, Network{client, now, now}).first;
  }
  at->second.client = client;
  at->second.asked = now;
  if (now < at->second.next) return;
  queue(key, at->second);
  if (waits && at->second.queued && waited_for_.size() < kTurn) waited_for_.push_back(key);
}

std::optional<PingWants::Want> PingWants::take(std::deque<Key>& queue, MonoTime now) {
  const Key key = queue.front();
  queue.pop_front();
  const auto network = networks_.find(key);
  if (network == networks_.end() || !std::exchange(network->second.queued, false)) return std::nullopt;
  network->second.next = now + every_;
  return Want{key.service, network->second.client};
}

std::vector<PingWants::Want> PingWants::hurry(MonoTime now) {
  std::vector<Want> out;
  while (!waited_for_.empty() && bucket_.may_take(budget_, now)) {
    budget_ = bucket_.take(budget_, now);
    if (const auto want = take(waited_for_, now)) out.push_back(*want);
  }
  return out;
}

std::vector<PingWants::Want> PingWants::turn(MonoTime now) {
  for (auto& [key, network] : networks_)
    if (now >= network.next && now - network.asked < kStay) queue(key, network);
  std::vector<Want> out;
  while (!queue_.empty() && out.size() < kTurn)
    if (const auto want = take(queue_, now)) out.push_back(*want);
  std::erase_if(networks_, [&](const auto& entry) {
    const Network& network = entry.second;
    return !network.queued && now >= network.next && now - network.asked >= kStay;
  });
  return out;
}

}  // namespace flagfall::master
