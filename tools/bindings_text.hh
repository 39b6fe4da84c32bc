// GET /bindings and GET /explain of docs/admin.md, as a person and as a spreadsheet reads them, whatever they
// hold. Pure and total.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hh"

namespace flagfall::tools {

/// One piece of an answer to GET /bindings.
struct BindingsPiece {
  std::vector<nlohmann::json> bindings;  // objects
  std::string more;                      // where the next piece begins; empty: there is none
};
Result<BindingsPiece> parse_bindings(std::string_view json);

/// A table, with ages at `now` (seconds since the Unix epoch).
std::string bindings_text(const std::vector<nlohmann::json>& bindings, double now);
std::string bindings_csv_header();
std::string bindings_csv_line(const nlohmann::json& binding);

Result<std::string> explain_text(std::string_view json);

}  // namespace flagfall::tools
