// `flagfall check --verified`: what a listener found is handed to the running
// master, for services with `mode = "auto"` (POST /sources-verified,
// docs/admin.md). Which slaves count is decided by a pure function.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "check/arrivals.hh"
#include "check/finding.hh"
#include "common/base/result.hh"

namespace flagfall::check {

/// For each slave of `slaves`: whether its packets arrive from every service address of those families that
/// the listener had. A slave that the listener has not heard of is left out: nothing is known of it.
std::map<std::string, bool> verified_slaves(const Verified& seen, const std::vector<std::string>& slaves,
                                            const std::vector<Endpoint>& service);

/// Tells the master whose configuration `config` is; a finding for each service. Errors: nothing was told.
Status tell_verified(const std::string& config, std::string_view listened, Findings& out);

}  // namespace flagfall::check
