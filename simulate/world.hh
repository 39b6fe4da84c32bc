// The world that a command line asks for: out of files, or invented. Blocks while it reads.
#pragma once

#include <memory>

#include "common/base/result.hh"
#include "simulate/latencies.hh"
#include "simulate/words.hh"

namespace flagfall::simulate {

Result<std::unique_ptr<Latencies>> make_world(const Words& words);

}  // namespace flagfall::simulate
