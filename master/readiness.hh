// Whether this master should be sent clients: GET /readyz (docs/admin.md), for what announces its address or
// balances over several masters. Pure; control thread only.
#pragma once

#include <string>
#include <vector>

#include "master/config.hh"
#include "master/director_desk.hh"
#include "master/slave_state.hh"
#include "master/snapshot.hh"
#include "master/snapshot_builder.hh"

namespace flagfall::master {

struct Readiness {
  bool ready = true;
  /// One line each: the services that have nobody, and why. When all is well, one line that says so.
  std::vector<std::string> lines;
};

/// Ready: each service that needs a slave has one that is fit. One with a director needs a server that it may
/// answer with, one without it a slave that would race; shadows and what is delegated need none, for there
/// the master's own answer is the right one. A pause or a bad clock changes nothing: clients are answered.
/// `delegated`: services, by index, that are left to their slaves now.
Readiness readiness(const Config& config, const Snapshot& published, const DirectorDesk& desk,
                    const SnapshotBuilder& builder, const std::vector<const SlaveState*>& slaves,
                    const std::vector<bool>& delegated);

}  // namespace flagfall::master
