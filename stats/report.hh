// Who wins where, and what it brings, as the JSON of GET /stats and `flagfall
// stats --json` (docs/admin.md). Any thread, with a connection of its own.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "common/base/result.hh"
#include "stats/question.hh"

namespace flagfall::stats {

nlohmann::json report_json(const Question& question, const Findings& findings);

/// Opens a file for reading, beside its writer or without one, and answers. The error is one line with the
/// file's name.
Result<nlohmann::json> report(const std::string& path, const Question& question);

/// As text on one line. The file may hold anybody's bytes: what is no UTF-8 is replaced.
std::string to_text(const nlohmann::json& what);

}  // namespace flagfall::stats
