#include "delay/nearest.hh"

#include <algorithm>

namespace flagfall::delay {
namespace {

/// A network's older races count half when it has had so many: routes change.
constexpr float kFull = 64;

bool on_time(race::Fate fate) {
  return fate == race::Fate::sent;
}

}  // namespace

Nearest::Network& Nearest::network(const Prefix& prefix) {
  if (const auto found = networks_.find(prefix); found != networks_.end()) {
    recent_.splice(recent_.begin(), recent_, found->second.place);
    return found->second;
  }
  if (networks_.size() == kMost) {
    networks_.erase(recent_.back());
    recent_.pop_back();
  }
  recent_.push_front(prefix);
  Network& fresh = networks_[prefix];
  fresh.slaves.resize(slaves_.size());
  fresh.place = recent_.begin();
  return fresh;
}

void Nearest::add(const race::FinishedRace& race) {
  if (!race.verdict || race.verdict->within_error || race.shadow || race.count < 2) return;
  if (!std::ranges::all_of(race.ran(), [](const race::RunnerResult& r) { return on_time(r.fate); })) return;
  const unsigned bits = race.client.ip.family == Family::v4 ? kBitsV4 : kBitsV6;
  Network& net = network({masked(race.client.ip, bits), static_cast<std::uint8_t>(bits)});
  if (net.races >= kFull) {
    net.races /= 2;
    for (Count& each : net.slaves) each = {each.ran / 2, each.won / 2};
  }
  ++net.races;
  for (const race::RunnerResult& runner : race.ran()) {
    const auto at = std::ranges::find(slaves_, runner.slave);
    if (at == slaves_.end()) continue;
    Count& count = net.slaves[static_cast<std::size_t>(at - slaves_.begin())];
    ++count.ran;
    if (runner.slave == race.verdict->winner) ++count.won;
  }
}

Nearest::Weights Nearest::weights() const {
  Weights out;
  for (const auto& [prefix, net] : networks_) {
    const auto share = [](const Count& c) { return c.ran > 0 ? c.won / c.ran : 0.0F; };
    const auto best = std::ranges::max_element(net.slaves, {}, share);
    if (best == net.slaves.end() || best->won <= 0) continue;
    out.of.resize(slaves_.size(), 0);
    out.of[static_cast<std::size_t>(best - net.slaves.begin())] += static_cast<double>(net.races);
    ++out.networks;
  }
  return out;
}

}  // namespace flagfall::delay
