// What the masters of a random world serve: a small zone with two raced
// wildcards, a raced name, and names that are not raced.
#pragma once

#include "sim/master_host.hh"

namespace flagfall::sim {

/// Loads the zone, by way of a file that is written, read and removed, since
/// zones come from files. Once for any number of worlds: zones are immutable.
/// Throws std::runtime_error when that fails.
ServedData serve_sample_zone();

/// The raced names of services 0 and 1.
inline constexpr const char* kFirstWildcard = "*.race.example.test";
inline constexpr const char* kSecondWildcard = "*.api.example.test";
inline constexpr const char* kRacedName = "www.example.test";

/// Slaves that have a zone for beacons, SLAVE + kBeacons, with ns-SLAVE.example.test as its name server.
inline constexpr unsigned kNameServers = 5;
inline constexpr const char* kBeacons = ".beacon.example.test";
/// Where slave number `slave` is one: IPv4, IPv6.
std::vector<Endpoint> name_server(unsigned slave);

/// What the zone itself says for raced names.
std::vector<IpAddress> zone_addresses();

}  // namespace flagfall::sim
