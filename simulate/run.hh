// A simulation: requests of a population against a master's real decisions in virtual time. Pure: the same
// world and options give the same outcome.
#pragma once

#include <functional>

#include "simulate/latencies.hh"
#include "simulate/options.hh"

namespace flagfall::simulate {

/// `progress` is told the share that is done, now and then; may be empty.
Result<Outcome> run(const Latencies& world, const Options& options,
                    const std::function<void(double)>& progress = {});

}  // namespace flagfall::simulate
