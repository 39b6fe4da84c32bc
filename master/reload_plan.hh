// What a reload changes: which keys of a changed configuration can be taken over while the master runs, and
// which need a restart. Pure; any thread.
#pragma once

#include <vector>

#include "common/config/differences.hh"
#include "master/config.hh"

namespace flagfall::master {

/// Copies what can be taken over from `fresh` into `config`, in place: services, slaves and regions stay
/// where they are in memory, and matter by their names.
void adopt(Config& config, const Config& fresh);

struct ReloadPlan {
  Config next;                                    // what will be in effect
  std::vector<config::Difference> applied;        // from what is in effect to that
  std::vector<config::Difference> needs_restart;  // from that to what the file says
};

/// An error: the file is too large to be compared.
Result<ReloadPlan> plan_reload(const Config& now, const Config& fresh);

}  // namespace flagfall::master
