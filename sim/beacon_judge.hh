// What is promised of beacons (docs/design/beacon.md), checked from outside: what a
// slave's CNAME says, what its name server answers, and of which look-ups it may
// tell its master. Pure; the judge's.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/ip.hh"
#include "common/base/time.hh"
#include "common/wire/session.hh"
#include "sim/dns_text.hh"
#include "sim/network.hh"

namespace flagfall::sim {

/// A slave as a name server, as the configuration has it.
struct NameServer {
  std::string name;           // the slave's
  std::vector<Endpoint> at;   // its own addresses
  std::string zone;           // of its beacons
  std::vector<bool> serves;   // by service
  std::vector<IpAddress> to;  // what its beacons lead to
};

/// A race's answer that leads to a beacon.
struct BeaconIssued {
  std::uint64_t race = 0;
  std::size_t service = 0;
  unsigned life = 0;  // of the slave's process
  IpAddress client;
  RefTime instant;
};

/// A question that a slave's name server took.
struct BeaconLookup {
  std::string name;  // lower case
  std::uint16_t type = 0;
  IpAddress from;
  unsigned life = 0;
  RefTime when;
};

class BeaconJudge {
 public:
  /// What is wrong; nothing, when nothing is.
  using Said = std::optional<std::string>;

  /// `ttls`: of the services.
  void promise(std::vector<std::uint32_t> ttls, Nanos max_error) {
    ttls_ = std::move(ttls);
    max_error_ = max_error;
  }
  void add(HostId slave, NameServer server) { servers_.emplace(slave, std::move(server)); }
  [[nodiscard]] bool any() const { return !servers_.empty(); }
  /// Whether this is the address of that slave's name server.
  [[nodiscard]] bool is_server(HostId slave, const Endpoint& at) const;

  /// The slave's process answers for its zone from now on.
  void serving(HostId slave, unsigned life) { servers_.at(slave).since = life; }
  /// A slave sends a race's answer that is to be a beacon's.
  [[nodiscard]] Said issued(HostId slave, const BeaconIssued& beacon, const AnswerText& answer);
  /// Its name server answers.
  [[nodiscard]] Said answered(HostId slave, unsigned life, const std::string& name, std::uint16_t type,
                              const AnswerText& answer) const;
  /// And has dealt with a question.
  void looked_up(HostId slave, const BeaconLookup& lookup);
  /// It has told a master that its beacon was asked for.
  [[nodiscard]] Said told(HostId slave, const wire::BeaconWin& win);
  /// Races of before are over.
  void forget(RefTime before);

 private:
  struct Server : NameServer {
    explicit Server(NameServer server) : NameServer(std::move(server)) {}
    unsigned since = 0;  // the life that serves
  };
  struct Beacon {
    BeaconIssued issued;
    std::string label;
    std::optional<BeaconLookup> first;  // look-up, in time
    bool told = false;
  };
  using Key = std::pair<HostId, std::uint64_t>;  // slave and race

  std::vector<std::uint32_t> ttls_;
  Nanos max_error_{};
  std::map<HostId, Server> servers_;
  std::map<std::uint32_t, std::size_t> services_;  // by what labels call them
  std::map<Key, Beacon> beacons_;
  std::deque<std::pair<RefTime, Key>> order_;
};

}  // namespace flagfall::sim
