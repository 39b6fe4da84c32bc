// What the status says of a service's delay and of the ways that it goes by
// (docs/admin.md). Control thread only.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "master/delay_control.hh"

namespace flagfall::master {

/// "delay" of a service: fixed, or what it follows and how well.
nlohmann::json delay_json(const DelayControl& delays, std::size_t service, MonoTime now);
/// "ways" of a service: each slave's one-way delays in the window.
nlohmann::json ways_json(const DelayControl& delays, std::size_t service);

}  // namespace flagfall::master
