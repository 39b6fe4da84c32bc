#include "master/ping_ledger.hh"

#include <algorithm>

namespace flagfall::master {

std::vector<IpAddress> PingLedger::order(std::span<const IpAddress> addresses, Nanos within, MonoTime now) {
  expire(now);
  std::vector<IpAddress> taken;
  const MonoTime until = now + within + kGrace;
  for (const IpAddress& address : addresses) {
    if (until_.size() >= kMost) break;
    if (!address.unicast() || !until_.try_emplace(address, until).second) continue;
    taken.push_back(address);
  }
  if (!taken.empty()) next_expiry_ = std::min(next_expiry_, until);
  return taken;
}

bool PingLedger::settle(const IpAddress& address, MonoTime now) {
  const auto found = until_.find(address);
  if (found == until_.end()) return false;
  const bool in_time = now < found->second;
  until_.erase(found);
  return in_time;
}

void PingLedger::expire(MonoTime now) {
  if (now < next_expiry_) return;
  next_expiry_ = MonoTime::max();
  for (auto next = until_.begin(); next != until_.end();) {
    const auto at = next++;
    if (at->second <= now)
      until_.erase(at);
    else
      next_expiry_ = std::min(next_expiry_, at->second);
  }
}

}  // namespace flagfall::master
