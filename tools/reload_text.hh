// What a master's reply to POST /reload says, for people. Total: any bytes. Pure.
#pragma once

#include <string>

#include "common/base/result.hh"

namespace flagfall::tools {

/// Several lines; an error when the master's words make no sense.
Result<std::string> reload_text(const std::string& body);

}  // namespace flagfall::tools
