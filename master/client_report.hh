// What a racing client says of its races (`flagfall race --report`, POST
// /client-report): values from JSON. Total and bounded; whether any of it is true
// is the ledger's to judge. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/result.hh"
#include "common/base/time.hh"
#include "common/race/finished_race.hh"

namespace flagfall::master {

/// One answer, as the client had it.
struct ClientArrival {
  static constexpr std::size_t kMostAddresses = 4;
  Nanos after{};  // since its query
  std::uint8_t count = 0;
  std::array<IpAddress, kMostAddresses> answers{};  // the first ones in it

  [[nodiscard]] std::span<const IpAddress> addresses() const { return std::span(answers).first(count); }
};

/// One race: by what the master can know it, and the answers in the order of their coming.
struct ClientReport {
  Endpoint client;  // its own address and port
  std::uint16_t dns_id = 0;
  std::uint16_t type = 0;
  std::vector<std::uint8_t> name;  // wire form, lower case
  std::uint8_t count = 0;
  std::array<ClientArrival, race::kMostRunners> arrivals{};
};

/// Races in one report at most, and the longest that a client may have listened.
inline constexpr std::size_t kMostClientReports = 100;
inline constexpr Nanos kMostClientWait = std::chrono::seconds(10);

/// {"races": [{"client": "198.51.100.7:40000", "id": 4711, "name": "www.example.test", "type": "A",
///             "arrivals": [{"answers": ["192.0.2.10"], "ms": 45.31}]}]}
/// An error names the first thing that is wrong; then nothing of the report counts.
Result<std::vector<ClientReport>> parse_client_reports(std::string_view json);

}  // namespace flagfall::master
