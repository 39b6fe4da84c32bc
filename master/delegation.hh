// Which services are delegated to the slaves as name servers, and whether the
// zone files say so. A service with mode "auto" is delegated until packets of all
// its slaves, with every service address as their source, have been seen to arrive at
// a third host (`flagfall check --listen`). Control thread only; the one file that it
// keeps is written whole or not at all. docs/design/delegate.md.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.hh"
#include "master/config.hh"
#include "master/snapshot.hh"

namespace flagfall::master {

/// One slave's packets from one service address, as a third host saw them.
struct SourceSeen {
  std::string slave;
  Endpoint source;
  bool arrives = false;
};

class Delegation {
 public:
  /// Reads what the last run kept, if race.sources names a file; without one, or with one that cannot be read
  /// (the error says why), nothing is known. `config` outlives the object.
  explicit Delegation(const Config& config);

  /// JSON as POST /sources takes it: {"sources": [{"slave": "fra", "source": "192.0.2.1:53", "arrives":
  /// true}, ...]}. An error names what is wrong; nothing changes then.
  [[nodiscard]] Result<std::vector<SourceSeen>> parse(std::string_view json) const;
  /// Takes it over; true when a service is delegated now that was not, or the other way round.
  bool take(const std::vector<SourceSeen>& seen);
  /// Writes what is known to race.sources.
  [[nodiscard]] Status keep() const;

  /// Whether its names are left to the slaves now.
  [[nodiscard]] bool delegated(std::size_t service) const { return delegated_[service]; }
  [[nodiscard]] const std::vector<bool>& all() const { return delegated_; }
  /// Of a service with mode "auto", why it is delegated; empty: it is raced.
  [[nodiscard]] std::string why(std::size_t service) const;
  /// What is known and decided, for GET /sources.
  [[nodiscard]] std::string json() const;
  /// What was wrong with the file; empty: nothing.
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  void decide();
  [[nodiscard]] std::string text() const;
  const Config& config_;
  std::map<std::pair<std::string, Endpoint>, bool> seen_;
  std::vector<bool> delegated_;
  std::string error_;
};

/// A zone that is a slave's or slaves' to answer, and must be delegated to them by a zone of ours.
struct LeftZone {
  std::string zone;
  std::vector<std::string> servers;  // names, as configured
};
/// Of services that are delegated, and beacons.
std::vector<LeftZone> left_zones(const Config& config, const std::vector<bool>& delegated);

/// A line for each delegation that the zone files lack: of services that are delegated, and of beacon zones.
std::vector<std::string> missing_delegations(const Config& config, const Zones& zones,
                                             const std::vector<bool>& delegated);

}  // namespace flagfall::master
