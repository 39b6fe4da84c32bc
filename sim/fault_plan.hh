// What befalls the hosts of a world, when and how often: kills, losses of power, cuts, clocks, pauses,
// floods.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "sim/attacker.hh"
#include "sim/lots.hh"
#include "sim/master_host.hh"
#include "sim/scenario.hh"
#include "sim/sharing_plan.hh"
#include "sim/slave_host.hh"

namespace flagfall::sim {

class FaultPlan {
 public:
  /// Whom it befalls; `hogged`: floods fill the masters' lines, too.
  struct Cast {
    const std::vector<std::unique_ptr<MasterHost>>& masters;
    const std::vector<std::unique_ptr<SlaveHost>>& slaves;
    unsigned clients = 0;
    Attacker& attacker;
    SharingPlan& sharing;
    bool hogged = false;
  };
  /// All outlive the plan, and that the play.
  FaultPlan(World& world, Cast cast, Lots& lots, Lots& others, FaultCounts& faults, Nanos length)
      : world_(world), cast_(cast), lots_(lots), others_(others), faults_(faults), length_(length) {}
  /// Before the play.
  void plan();

 private:
  /// With `likely`, up to `most` times somewhere in the play; counted where `cause` says that it happened.
  void maybe(Fault fault, double likely, unsigned most, const std::function<bool()>& cause);
  Host& any_slave();
  MasterHost& any_master();
  Host& any_server();
  bool kill(Host& host);
  bool lose_power(Host& host);
  void walk(Host& host);
  bool cut();
  bool step(Host& host);
  bool split();
  void plan_pauses();
  void plan_floods();

  World& world_;  // NOLINT(*-ref-data-members)
  Cast cast_;
  Lots& lots_;           // NOLINT(*-ref-data-members)
  Lots& others_;         // NOLINT(*-ref-data-members)
  FaultCounts& faults_;  // NOLINT(*-ref-data-members)
  Nanos length_;
};

}  // namespace flagfall::sim
