// A tune as JSON: what `flagfall tune --json` prints and GET /tune answers
// (docs/admin.md). Pure; any thread.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "delay/rows_file.hh"
#include "delay/tune.hh"

namespace flagfall::delay {

nlohmann::json tune_json(const Tune& tune, const RowsHeader& rows);

/// The options that a service's own configuration asks for.
TuneOptions tune_options(const RowsHeader& rows);

}  // namespace flagfall::delay
