// An outcome in words and as JSON. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "simulate/options.hh"

namespace flagfall::simulate {

std::string to_text(const Outcome& outcome, const Options& options);
nlohmann::json to_json(const Outcome& outcome, const Options& options);
/// The outcome with others beside it.
std::string effect_text(const Outcome& outcome, const std::vector<Effect>& effects);

}  // namespace flagfall::simulate
