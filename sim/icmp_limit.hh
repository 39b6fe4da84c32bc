// How many ICMP errors a Linux host sends: a budget for all destinations
// (icmp_msgs_per_sec 1000, icmp_msgs_burst 50; each message costs 0 to 2 of it, so
// that nobody can count them) and one for each destination (icmp_ratelimit: a
// burst of 6, then one a second over IPv4 and ten over IPv6, as measured). Pure.
#pragma once

#include <algorithm>
#include <map>

#include "common/base/ip.hh"
#include "common/base/random.hh"
#include "common/base/time.hh"

namespace flagfall::sim {

class IcmpLimit {
 public:
  static constexpr std::int64_t kPerSecond = 1000, kBurst = 50;
  static constexpr std::int64_t kPeerBurst = 6;  // XRLIM_BURST_FACTOR

  /// May an error leave for `to`? Takes it from both budgets.
  bool take(const IpAddress& to, MonoTime now, Random& random) {
    refill(now);
    if (credit_ == 0) return false;
    credit_ = std::max<std::int64_t>(credit_ - static_cast<std::int64_t>(random.next() % 3), 0);
    const Nanos cost = to.family == Family::v4 ? std::chrono::seconds(1) : std::chrono::milliseconds(100);
    const auto [at, fresh] = peers_.try_emplace(to, Peer{cost * kPeerBurst, now});
    Peer& peer = at->second;
    peer.saved = std::min(peer.saved + (now - peer.last), cost * kPeerBurst);
    peer.last = now;
    if (peer.saved < cost) return false;
    peer.saved -= cost;
    return true;
  }

 private:
  struct Peer {
    Nanos saved{};  // time that was not used for errors
    MonoTime last;
  };
  /// In steps of at least 20 ms, as the kernel does.
  void refill(MonoTime now) {
    const Nanos gone = std::min<Nanos>(now - last_, std::chrono::seconds(1));
    if (gone < std::chrono::milliseconds(20)) return;
    credit_ = std::min(credit_ + gone.count() * kPerSecond / 1'000'000'000, kBurst);
    last_ = now;
  }
  std::int64_t credit_ = kBurst;
  MonoTime last_;
  std::map<IpAddress, Peer> peers_;
};

}  // namespace flagfall::sim
