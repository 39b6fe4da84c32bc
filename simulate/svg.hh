// An outcome as one small SVG file that needs nothing else: the distributions of latency by way of choosing,
// the ratio to the oracle over time, and what other delays and clock errors make of it. Pure.
#pragma once

#include <string>
#include <vector>

#include "simulate/options.hh"

namespace flagfall::simulate {

std::string svg(const Outcome& outcome, const std::vector<Effect>& effects);

}  // namespace flagfall::simulate
