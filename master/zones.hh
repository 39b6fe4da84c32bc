// All zones of a configuration, loaded with the names that are raced in each.
#pragma once

#include <memory>

#include "common/base/random.hh"
#include "common/base/result.hh"
#include "master/config.hh"
#include "master/snapshot.hh"

namespace flagfall::master {

/// Errors carry `file:line:`. What deserves a line but is no error is logged.
Result<std::shared_ptr<const Zones>> load_zones(const Config& config, Random& random);

}  // namespace flagfall::master
