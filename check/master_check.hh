// `flagfall check` on a master's host, and on a slave's: everything that can be
// looked at before trouble, in the order in which it would be met. Changes nothing.
#pragma once

#include <string_view>

#include "check/common_checks.hh"

namespace flagfall::check {

/// `scene.program` is "flagfall-master", and the configuration one of its.
void check_master(Scene& scene, const CheckOptions& options);
void check_slave(Scene& scene, const CheckOptions& options);

/// What a running master says of itself; `text`: the body of GET /status. Total.
void judge_status(std::string_view text, Findings& out);

}  // namespace flagfall::check
