// `flagfall check --verified`: what a listener found is handed to the running
// master, for services with `mode = "auto"` (POST /sources, docs/admin.md). What
// the master knows nothing of is left out, by a pure function.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "check/arrivals.hh"
#include "check/finding.hh"
#include "common/base/result.hh"

namespace flagfall::check {

/// Only these slaves and service addresses.
Verified known_sources(const Verified& seen, const std::set<std::string>& slaves,
                       const std::vector<Endpoint>& service);

/// A finding for each slave, of what the master at `config` is told, and for each service that it speaks of.
/// Errors: nothing was told.
Status tell_verified(const std::string& config, std::string_view listened, Findings& out);

/// The master's answer to POST /sources. Total.
void judge_services(std::string_view answer, Findings& out);

}  // namespace flagfall::check
