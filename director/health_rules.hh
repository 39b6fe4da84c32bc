// What is answered when no server is fit. Pure. One owner thread.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/ip.hh"
#include "director/order.hh"

namespace flagfall::director {

/// `all_down = "all" | "last" | "refuse" | ["address", ...]`
struct AllDown {
  enum class What : std::uint8_t {
    all,        // every server, as if all were fit: the monitor may be what is broken
    last,       // those that were fit last, before none was
    refuse,     // nothing: REFUSED over DNS
    addresses,  // these, a page that says so for example
  } what = What::all;
  std::vector<IpAddress> addresses;  // only with What::addresses

  bool operator==(const AllDown&) const = default;
};

/// What shall be answered now.
struct Fallen {
  enum class What : std::uint8_t { servers, addresses, refuse } what = What::servers;
  ServerMask servers = 0;  // with What::servers: at least one, unless there is none at all
};

class HealthRules {
 public:
  /// Who is fit, at every change.
  void fit(ServerMask servers) {
    if (servers != 0) last_ = servers;
  }
  /// When nobody is. `present`: every server of the service; `drained`: those that an operator has taken out,
  /// which are not asked unless all are. Servers that are gone from the configuration are in neither.
  [[nodiscard]] Fallen decide(const AllDown& rule, ServerMask present, ServerMask drained) const;

 private:
  ServerMask last_ = 0;
};

}  // namespace flagfall::director
