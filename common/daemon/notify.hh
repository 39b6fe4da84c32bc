// sd_notify(3): tells systemd, when it started us, how we are. Without
// NOTIFY_SOCKET in the environment every call does nothing.
#pragma once

#include <optional>
#include <string>

#include "common/base/time.hh"

namespace flagfall::daemon {

void notify_ready();
void notify_stopping();
void notify_watchdog();
/// The line that `systemctl status` shows.
void notify_status(const std::string& line);
/// How often to call notify_watchdog(): half of what the unit allows; none when it has no watchdog.
std::optional<Nanos> watchdog_interval();

}  // namespace flagfall::daemon
