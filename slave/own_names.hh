// What this slave answers for by itself, as a name server on addresses of its
// own: the zones of delegated services, and the zone that its beacons are in. Made
// from what the masters say (their Services), then only read, by any thread. Pure.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/random.hh"
#include "common/dns/zone.hh"
#include "common/dns/zone_name.hh"
#include "common/wire/session.hh"

namespace flagfall::slave {

struct OwnNames {
  /// What a beacon of one service leads to; count 0: no answer of this family.
  struct Target {
    std::uint32_t service = 0;  // service_tag()
    wire::PreparedRecords a, aaaa;
  };
  struct Beacons {
    dns::WireName zone;  // lower case
    std::vector<Target> targets;
  };
  dns::Zones zones;
  std::vector<Beacons> beacons;

  /// Whether beacons in that zone (presentation form) are answered.
  [[nodiscard]] bool answers_beacons(const std::string& zone) const;
};

struct OwnNamesMade {
  std::shared_ptr<const OwnNames> names;
  std::vector<std::string> complaints;  // what was left out, and why; a line each
};

/// `masters`: the latest Services of each; of two that tell different things about one zone the first counts.
OwnNamesMade make_own_names(std::span<const wire::Services> masters, Random& random);

}  // namespace flagfall::slave
