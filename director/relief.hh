// A service's servers over their capacities: who asks how much, and which client groups are answered by
// another server than their order says until that is over. Joins RequestRates and Shedder; what a group is,
// and its order, the owner says. Pure; one owner thread.
#pragma once

#include <functional>
#include <optional>
#include <span>

#include "director/overload.hh"
#include "director/request_rates.hh"

namespace flagfall::director {

class ReliefDesk {
 public:
  /// Between two looks: as often as servers report their loads.
  static constexpr Nanos kPeriod = std::chrono::seconds(2);
  /// The group that this client belongs to, with its order and costs as they are without any move; none: it
  /// cannot be moved.
  using GroupOf = std::function<std::optional<ClientGroup>(const IpAddress&)>;

  explicit ReliefDesk(const ShedOptions& options) : shedder_(options) {}

  void asked(const IpAddress& client, std::uint32_t queries, MonoTime now) {
    rates_.add(client, queries, now);
  }
  /// Moves and returns; nothing between two periods. `servers`: by index.
  Relief advance(std::span<const ServerUse> servers, ServerMask fit, const GroupOf& group_of, MonoTime now);
  void forget(const Prefix& prefix) { shedder_.forget(prefix); }
  /// Where a group is now; null: at home.
  [[nodiscard]] const Move* away(const Prefix& prefix) const;
  [[nodiscard]] const Shedder& shedder() const { return shedder_; }

 private:
  Shedder shedder_;
  RequestRates rates_;
  std::optional<MonoTime> looked_;
};

}  // namespace flagfall::director
