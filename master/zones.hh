// All zones of a configuration, loaded with the names that are raced in each.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/random.hh"
#include "common/base/result.hh"
#include "master/config.hh"
#include "master/snapshot.hh"

namespace flagfall::master {

/// A line for each raced name that has no A or AAAA record in its zone although slaves have answers of that
/// family: such queries are not raced, since the zone says that there is nothing to be raced for.
std::vector<std::string> missing_families(const Config& config, const Zones& zones,
                                          const std::vector<bool>& delegated = {});

/// Errors carry `file:line:`. What deserves a line but is no error is logged.
/// `delegated`: services, by index, that are left to the slaves now. The others are served here; the
/// delegation of one whose mode is "auto" is then left out of its zone.
Result<std::shared_ptr<const Zones>> load_zones(const Config& config, Random& random,
                                                const std::vector<bool>& delegated);

}  // namespace flagfall::master
