// Whom one slave was asked to ping and has not answered for: what it says of anybody
// else is no evidence. Pure, bounded. One a session.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/time.hh"

namespace flagfall::master {

class PingLedger {
 public:
  /// Addresses that wait for their results at once.
  static constexpr std::size_t kMost = 8192;
  /// A result may be on its way for this long after the order's time is over.
  static constexpr Nanos kGrace = std::chrono::seconds(5);

  /// Those of `addresses` that may be asked for now: of one host each, not waited for
  /// already, as many as there is room for. They are waited for from now on.
  [[nodiscard]] std::vector<IpAddress> order(std::span<const IpAddress> addresses, Nanos within,
                                             MonoTime now);
  /// Whether it was waited for; it is no longer.
  bool settle(const IpAddress& address, MonoTime now);
  [[nodiscard]] std::size_t size() const { return until_.size(); }

 private:
  void expire(MonoTime now);
  std::map<IpAddress, MonoTime> until_;
  MonoTime next_expiry_ = MonoTime::max();
};

}  // namespace flagfall::master
