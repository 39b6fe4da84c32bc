// A session's services, prepared: which source sends for which address, and the
// records of each family's answer. Made when Services arrives, then only read.
// Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/base/ip.hh"
#include "common/wire/dns_answer.hh"
#include "common/wire/session.hh"

namespace flagfall::slave {

/// In place of an index into the configured sources.
inline constexpr std::uint16_t kNoSource = 0xffff;
/// Behind the owner (a pointer), type, class, TTL, RDLENGTH and the label's own length.
inline constexpr std::size_t kBeaconLabelAt = 13;

/// In place of an index into the slave's backends.
inline constexpr std::uint16_t kNoBackend = 0xffff;

struct PreparedService {
  wire::ServiceKind kind = wire::ServiceKind::dns;
  std::uint16_t backend = kNoBackend;  // of datagrams: which one answers
  std::uint16_t most_answer = 0;       // see wire::Service
  std::uint32_t amplification = 0;
  std::vector<std::uint16_t> sources;  // by Order::address; kNoSource: may not be sent from
  wire::PreparedRecords a;             // count 0: no answer of this family
  wire::PreparedRecords aaaa;
  wire::PreparedRecords echo_a;  // the same with an echo's TTL
  wire::PreparedRecords echo_aaaa;
  wire::PreparedRecords beacon;  // a CNAME with room for the label at kBeaconLabelAt; count 0: no beacons
  std::uint32_t tag = 0;         // service_tag()
  std::uint16_t content = kNoBackend;  // which server here has its content
  wire::LatePolicy late = wire::LatePolicy::send;
  std::vector<std::uint8_t> nsid;
};

/// The services that have a server here, by index: those of datagrams, and those whose content it has.
struct Backends {
  std::span<const std::string> udp{};
  std::span<const std::string> http{};
};

class ServiceTable {
 public:
  ServiceTable() = default;
  /// `sources`: the only addresses that this slave may ever send from. `beacons`: this slave answers for
  /// the beacon zone of these services.
  ServiceTable(const wire::Services& services, std::span<const Endpoint> sources, bool beacons = false,
               const Backends& backends = {});

  /// Null for a service that is not there.
  [[nodiscard]] const PreparedService* find(std::uint16_t service) const;
  /// What the master is told: which addresses have a source, and whose backend answers. `up`: of each
  /// backend.
  [[nodiscard]] wire::Ready ready(const std::vector<bool>& up) const;
  /// Orders sent before this speak of an older table.
  [[nodiscard]] RefTime since() const { return since_; }
  [[nodiscard]] std::size_t size() const { return services_.size(); }

 private:
  std::vector<PreparedService> services_;
  RefTime since_;
  bool beacons_ = false;
};

}  // namespace flagfall::slave
