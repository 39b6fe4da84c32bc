#include "common/daemon/notify.hh"

#include <systemd/sd-daemon.h>

#include <algorithm>

namespace flagfall::daemon {

void notify_ready() {
  (void)sd_notify(0, "READY=1");
}
void notify_stopping() {
  (void)sd_notify(0, "STOPPING=1");
}
void notify_watchdog() {
  (void)sd_notify(0, "WATCHDOG=1");
}

void notify_status(const std::string& line) {
  std::string text = "STATUS=" + line;
  std::replace(text.begin(), text.end(), '\n', ' ');  // a newline would begin another assignment
  (void)sd_notify(0, text.c_str());
}

std::optional<Nanos> watchdog_interval() {
  std::uint64_t usec = 0;
  if (sd_watchdog_enabled(0, &usec) <= 0) return std::nullopt;
  return std::chrono::microseconds(usec / 2);
}

}  // namespace flagfall::daemon
