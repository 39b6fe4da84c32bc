// From the configuration, the sessions and the clock to what the request loops
// need (a Snapshot), and to what each slave is told (its Services). Pure.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "master/config.hh"
#include "master/slave_state.hh"
#include "master/snapshot.hh"

namespace flagfall::master {

class SnapshotBuilder {
 public:
  /// `config` outlives the builder. `listen`: the service addresses, by index (service_addresses()).
  SnapshotBuilder(const Config& config, std::vector<Endpoint> listen);

  /// All slaves' names, sorted; a slave's place is its index.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  /// What each slave serves. Its Services hold only the services that it races for, in the configuration's
  /// order.
  [[nodiscard]] std::map<std::string, wire::Services> services() const;
  /// `slaves`: any order; names that are not configured are left out. Delays are the first ones, before
  /// anything is measured.
  [[nodiscard]] Snapshot build(const std::vector<const SlaveState*>& slaves, const clocksync::RefMap& clock,
                               bool paused, std::shared_ptr<const Zones> zones) const;
  /// Why this slave is in no race now, in one line; empty: it is fit.
  [[nodiscard]] std::string why_not(const SlaveState& slave) const;
  /// Or not in those of this service, which is one of the configuration's and the slave's.
  [[nodiscard]] std::string why_not(const SlaveState& slave, const ServiceConfig& service) const;

 private:
  /// What the slaves of a delegated service are told.
  void delegate(const ServiceConfig& service, wire::Service& out) const;
  /// A slave's part in one service.
  struct Part {
    std::uint16_t slave = 0;    // index into names_
    std::uint16_t service = 0;  // index into that slave's Services
    bool v4 = false, v6 = false, web = false, udp = false;
    director::ServerIndex server = 0;
  };
  [[nodiscard]] wire::Lack lack_of(const SlaveState& slave, const ServiceConfig& service) const;
  static void add_udp(const Part& part, const SlaveState* fit, const SlaveState* there, RacedService& out);
  const Config& config_;
  std::vector<Endpoint> listen_;
  std::vector<std::string> names_;
  std::vector<std::vector<Part>> parts_;  // one a service
  std::vector<std::shared_ptr<const ServerAnswers>> servers_;
  std::shared_ptr<const HttpSites> http_;
  std::shared_ptr<const HttpSites> rtsp_;
};

/// Whom clients ask, and slaves answer for: of DNS, then of HTTP, then of RTSP.
std::vector<Endpoint> service_addresses(const Config& config);
BeaconWish beacon_wish(const ServiceConfig& service);
/// The service's answers of one family.
bool has_family(const SlaveConfig& slave, Family family);

}  // namespace flagfall::master
