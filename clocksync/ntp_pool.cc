#include "clocksync/ntp_pool.hh"

#include <fmt/core.h>

#include <cassert>
#include <cmath>
#include <utility>

namespace flagfall::clocksync {
namespace {

/// Another server must be better than the present one by this much: near ties do not flap.
constexpr double kBetter = 0.8;
/// Polls without a reply after which a server does not count any more for a majority.
constexpr unsigned kDeadAfter = 8;
/// The window holds at least so many polls, however seldom they are.
constexpr int kWindowPolls = 6;

Nanos grown(Nanos start, MonoTime since, MonoTime now, double ppm) {
  return start + Nanos(std::llround(static_cast<double>((now - since).count()) * ppm * 1e-6));
}

Nanos bound_at(const Estimate& e, MonoTime now) {
  return grown(e.bound, e.at, now, e.growth_ppm);
}

RefMap to_map(const Estimate& e) {
  RefMap map;
  map.offset = e.offset;
  map.bound = e.bound;
  map.measured = e.at;
  map.status = wire::ClockStatus::synchronised;
  map.rate_ppm = map.clock_drift_ppm = e.rate_ppm;
  map.drift_ppm = e.growth_ppm;
  map.expected = e.expected;
  map.expected_drift_ppm = e.expected_growth_ppm;
  return map;
}

}  // namespace

NtpPool::NtpPool(std::vector<NtpClient::Options> servers, const Options& options) : options_(options) {
  assert(!servers.empty() && servers.size() <= kMostServers);
  for (NtpClient::Options& server : servers)
    servers_.push_back(std::make_unique<Server>(std::move(server), options.estimator));
  map_.why = silence();
}

bool NtpPool::take(std::size_t i, const NtpClient::Reply& reply, MonoTime now) {
  Server& server = *servers_.at(i);
  for (std::size_t n = 0; n < reply.count; ++n) {
    switch (server.estimator.add(reply.exchanges.at(n))) {
      case Estimator::Verdict::restarted:
        ++counters_.restarted;
        break;
      case Estimator::Verdict::doubted:
        ++counters_.doubted;
        break;
      case Estimator::Verdict::shortened:
        ++counters_.shortened;
        break;
      case Estimator::Verdict::taken:
      case Estimator::Verdict::replaced:
      case Estimator::Verdict::absurd:
      case Estimator::Verdict::neutral:
      case Estimator::Verdict::absolved:
        break;
    }
  }
  server.client.adapt(server.estimator);
  server.estimator.keep(server.client.interval() * kWindowPolls);
  const bool changed = judge(now);
  return changed || (reply.count > 0 && i == best_ && map_.status != wire::ClockStatus::unknown);
}

Nanos NtpPool::limit(const Server& server, Nanos least, unsigned polls) {
  return std::max(least, server.client.interval() * polls);
}

bool NtpPool::fresh(const Server& server, MonoTime now) const {
  const auto& estimate = server.estimator.estimate();
  return estimate && !server.client.stopped() &&
         now - estimate->at <= limit(server, options_.unknown_after, kUnknownPolls);
}

bool NtpPool::alive(const Server& server) {
  return !server.client.stopped() && server.client.missed() < kDeadAfter;
}

std::string NtpPool::silence() const {
  for (const auto& server : servers_)
    if (server->estimator.in_doubt())
      return fmt::format("{} contradicts its own past: a clock was set, waiting for it to settle",
                         server->client.options().name);
  for (const auto& server : servers_)
    if (!server->client.why().empty()) return server->client.why();
  return fmt::format("{} has answered, waiting for more exchanges", servers_.front()->client.options().name);
}

bool NtpPool::judge(MonoTime now) {
  std::array<Claim, kMostServers> claims;
  std::array<std::size_t, kMostServers> who{};
  std::size_t count = 0;
  std::size_t living = 0;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    const Server& server = *servers_[i];
    const bool usable = fresh(server, now);
    if (usable || alive(server)) ++living;
    if (!usable) continue;
    const Estimate& e = *server.estimator.estimate();
    claims.at(count) = {grown(e.offset, e.at, now, e.rate_ppm), bound_at(e, now)};
    who.at(count++) = i;
  }
  if (count == 0) return set_unknown(silence());

  const auto agreed = agree(std::span(claims).first(count));
  const std::size_t wanted = std::max<std::size_t>(options_.agree, living / 2 + 1);
  if (!agreed && count >= wanted) {
    ++counters_.disagreed;
    return set_unknown(
        fmt::format("{} NTP servers disagree and none has a majority; see `clock.servers`", count));
  }
  if (!agreed || agreed->count < wanted)
    return set_unknown(fmt::format("{} of {} NTP servers agree, {} must; {}", agreed ? agreed->count : 0,
                                   servers_.size(), wanted, silence()));
  // Those that a majority has outvoted are none themselves when it has fallen silent.
  bool trusted = false;
  for (std::size_t n = 0; n < count; ++n)
    trusted = trusted || (agreed->truechimer.at(n) && !servers_[who.at(n)]->falseticker);
  if (!trusted)
    return set_unknown(fmt::format("only NTP servers that the others have outvoted answer; {}", silence()));
  std::array<bool, kMostServers> eligible{};
  for (std::size_t n = 0; n < count; ++n) {
    Server& server = *servers_[who.at(n)];
    eligible.at(who.at(n)) = agreed->truechimer.at(n);
    const bool before = std::exchange(server.falseticker, !agreed->truechimer.at(n));
    if (server.falseticker && !before) ++counters_.outvoted;
  }
  const RefMap previous = map_;
  choose(eligible, *agreed, now);
  return map_.status != previous.status || map_.measured != previous.measured;
}

/// The narrowest bound of those that agree; the present choice stays unless clearly beaten.
void NtpPool::choose(const std::array<bool, kMostServers>& eligible, const Agreement& agreed, MonoTime now) {
  const auto bound = [&](std::size_t i) {
    return static_cast<double>(bound_at(*servers_[i]->estimator.estimate(), now).count());
  };
  std::size_t narrowest = servers_.size();
  for (std::size_t i = 0; i < servers_.size(); ++i)
    if (eligible.at(i) && (narrowest == servers_.size() || bound(i) < bound(narrowest))) narrowest = i;
  assert(narrowest < servers_.size());
  if (!eligible.at(best_) || bound(narrowest) < kBetter * bound(best_)) best_ = narrowest;

  const Server& server = *servers_[best_];
  const Estimate& e = *server.estimator.estimate();
  RefMap next = to_map(e);
  // Its own bound, as long as all overlap in one place. Where they do not, one of those that agree with some
  // of the others is wrong, and it may be this one.
  const Nanos offset = grown(e.offset, e.at, now, e.rate_ppm);
  next.bound = std::max({next.bound, agreed.high - offset, offset - agreed.low});
  // Not all servers announce a leap second; those that agree are not all wrong.
  for (std::size_t i = 0; i < servers_.size(); ++i)
    next.leap_pending = next.leap_pending || (eligible.at(i) && servers_[i]->client.leap_pending());
  next.remember_leap(map_);
  map_ = std::move(next);
  if (now - map_.measured > limit(server, options_.free_running_after, kFreeRunningPolls))
    map_.status = wire::ClockStatus::free_running;
}

bool NtpPool::set_unknown(std::string why) {
  const bool changed = map_.status != wire::ClockStatus::unknown || map_.why != why;
  map_.status = wire::ClockStatus::unknown;
  map_.why = std::move(why);
  return changed;
}

}  // namespace flagfall::clocksync
