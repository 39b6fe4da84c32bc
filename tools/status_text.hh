// A master's status (docs/admin.md) as text for a person. Pure and total: what
// is missing, null or of another type than documented is shown as "-".
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hh"

namespace flagfall::tools {

/// `json`: the body of GET /status.
Result<std::string> status_text(std::string_view json);

}  // namespace flagfall::tools
