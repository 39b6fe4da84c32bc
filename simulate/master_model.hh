// A master's decisions, by the classes that decide in the daemon: a director a service, the request loop's
// guide, its race core (with guard, retry memory and teaching), the sample of networks that are told of, the
// pings that are wanted. Drives them and decides nothing itself.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "common/base/random.hh"
#include "master/asked_networks.hh"
#include "master/evidence_intake.hh"
#include "master/guide.hh"
#include "master/race_core.hh"
#include "master/win_of.hh"
#include "simulate/options.hh"

namespace flagfall::simulate {

class MasterModel {
 public:
  /// `servers`: of each service.
  MasterModel(const Options& options, const std::vector<std::size_t>& servers, SeededRandom& random);

  void set_delay(std::size_t service, Nanos delay) { snapshot_.services[service].delay = delay; }
  [[nodiscard]] Nanos delay(std::size_t service) const { return snapshot_.services[service].delay; }
  void set_geo(std::size_t service, const director::PrefixOrders& orders) {
    directors_[service]->set_geo(orders);
  }

  struct Decision {
    bool race = false;
    bool bound = false;              // answered by what is known of its network
    master::RacePlan plan;           // of a race
    director::ServerIndex server{};  // otherwise
  };
  Decision request(std::size_t service, const IpAddress& client, MonoTime now);
  /// A race's verdict is there.
  void settled(const race::FinishedRace& race, MonoTime now);
  /// Four times a second.
  void tick(MonoTime now);
  /// f(service, client, out: seconds by server) for each network that is to be pinged; once a second.
  template <class F>
  void ping(MonoTime now, F f) {
    if (!pings_) return;
    for (const auto& want : wants_.turn(now))
      for (std::size_t s = 0; s < directors_[want.service]->servers(); ++s) {
        const auto server = static_cast<director::ServerIndex>(s);
        const std::uint8_t length = 24;
        directors_[want.service]->measure({.kind = director::Kind::ping,
                                           .about = {masked(want.client, length), length},
                                           .server = server,
                                           .value = f(want.service, want.client, server)},
                                          now);
      }
  }
  [[nodiscard]] const director::ServiceDirector& director(std::size_t service) const {
    return *directors_[service];
  }

 private:
  master::Snapshot snapshot_;
  std::vector<std::unique_ptr<director::ServiceDirector>> directors_;
  std::vector<std::optional<director::ServerIndex>> places_;  // by slave: slave i is server i of its service
  master::Guide guide_;
  master::RaceCore race_;
  master::AskedNetworks asked_;
  bool pings_;
  master::PingWants wants_;
  std::uint64_t names_ = 0;
};

}  // namespace flagfall::simulate
