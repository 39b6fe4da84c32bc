// The modelled resolvers' schedules of tries, for comparison with the real ones.
#pragma once

#include <string>

namespace flagfall::sim {

/// {"bind": {"1": {"tries": [0.0, 0.8, ...], "gives_up": 10.0}, "2": ...}, ...}: a look-up that knows
/// nothing, with so many servers that say nothing; seconds since its first try.
std::string schedules_json();

}  // namespace flagfall::sim
