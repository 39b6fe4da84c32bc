// An outcome in words and as JSON. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "simulate/options.hh"

namespace flagfall::simulate {

struct Named {
  std::string what;  // "delay 25 ms"
  Outcome outcome;
};

std::string to_text(const Outcome& outcome, const Options& options);
nlohmann::json to_json(const Outcome& outcome, const Options& options);
/// Several outcomes beside each other: the effect of what differs between them.
std::string effect_text(const std::vector<Named>& outcomes);

}  // namespace flagfall::simulate
