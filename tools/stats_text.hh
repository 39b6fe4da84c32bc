// Statistics (GET /stats, docs/admin.md) as text for a person, or as CSV for a
// spreadsheet. Pure and total: what is missing, null or of another type than
// documented is shown as "-", and is empty in CSV.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hh"

namespace flagfall::tools {

/// `json`: the body of GET /stats. With `benefit`, what the races have saved instead of who won them.
Result<std::string> stats_text(std::string_view json, bool benefit);
/// RFC 4180, the header first; all figures of a row, whichever they are.
Result<std::string> stats_csv(std::string_view json);

}  // namespace flagfall::tools
