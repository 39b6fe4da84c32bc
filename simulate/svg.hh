// An outcome as one small SVG file that needs nothing else: the distributions of latency by way of choosing,
// and the ratio to the oracle over time. Pure.
#pragma once

#include <string>

#include "simulate/options.hh"

namespace flagfall::simulate {

std::string svg(const Outcome& outcome);

}  // namespace flagfall::simulate
