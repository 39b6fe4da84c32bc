// Draws a world's paths, with what is wrong with them, and its leap second.
#pragma once

#include "sim/lots.hh"
#include "sim/scenario.hh"
#include "sim/world.hh"

namespace flagfall::sim {

class PathsPlan {
 public:
  /// Of the sites the masters' are the first; that of the records server, one more, stays as it is. All
  /// arguments outlive the plan.
  PathsPlan(World& world, const ScenarioOptions& options, Lots& lots, Lots& others, FaultCounts& faults,
            unsigned masters, SiteId sites)
      : world_(world),
        options_(options),
        lots_(lots),
        others_(others),
        faults_(faults),
        masters_(masters),
        sites_(sites) {}

  /// In some worlds it is shortly before midnight, and a leap second comes.
  void set_scale();
  /// Delays, jitter, loss, duplication, reordering.
  void lay();
  /// Long tails, asymmetry, rates. True: the lines of the masters' sites have a rate that a flood fills.
  [[nodiscard]] bool narrow();

 private:
  void repeat_matrix();

  World& world_;                    // NOLINT(*-ref-data-members)
  const ScenarioOptions& options_;  // NOLINT(*-ref-data-members)
  Lots& lots_;                      // NOLINT(*-ref-data-members)
  Lots& others_;                    // NOLINT(*-ref-data-members)
  FaultCounts& faults_;             // NOLINT(*-ref-data-members)
  unsigned masters_;
  SiteId sites_;
};

}  // namespace flagfall::sim
