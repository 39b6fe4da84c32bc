// One configured slave as the master knows it: a value that the hub keeps and
// the race's snapshot is made from.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "common/net/seal.hh"
#include "common/wire/session.hh"
#include "master/slave_health.hh"

namespace flagfall::master {

struct SlaveState {
  std::string name;           // the certificate's name
  bool registered = false;    // a session that was heard within three heartbeats
  std::uint32_t session = 0;  // never the same twice in a row; with `key`, seals orders
  net::SealKey key{};         // one net::Sealer a channel for as long as `session` stays (nonces!)
  Endpoint orders;            // where order datagrams go
  Endpoint peer;              // where the session comes from
  std::string software;
  std::vector<std::uint32_t> ready;  // wire::Ready::addresses; empty before it came
  std::vector<wire::Lack> lacks;     // wire::Ready::lacks
  bool beacons = false;              // wire::Ready::beacons
  wire::Report last_report;          // without its outcomes
  MonoTime registered_at;
  MonoTime last_heard;
  Nanos round_trip{};          // of the session's heartbeats, the smallest of the last minute
  std::uint64_t sessions = 0;  // how often it registered
  std::uint64_t instance = 0;  // of the process that registered last
  SlaveHealth health;
  bool collects_only = false;       // has no order port: never fit
  bool front = false;               // a front end: it is sent the services' web sites
  std::vector<wire::Load> loads;    // the latest of this session; empty before
  std::vector<wire::Check> checks;  // likewise
  MonoTime gathered;                // when those came

  /// Registered, able to send from at least one address, and racing by its own word.
  [[nodiscard]] bool fit() const {
    return registered && last_report.racing &&
           std::ranges::any_of(ready, [](std::uint32_t bits) { return bits != 0; });
  }
};

/// To follow the slave's name in a sentence.
std::string why_of(wire::Lack lack, const std::string& service);

}  // namespace flagfall::master
