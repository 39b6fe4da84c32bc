#include "common/daemon/audit.hh"

#include <fcntl.h>
#include <fmt/core.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "common/base/log.hh"
#include "common/net/fd.hh"

namespace flagfall::daemon {
namespace {

constexpr mode_t kMode = 0640;

/// RFC 3339, in microseconds.
std::string timestamp(RealTime at) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(at.time_since_epoch());
  const auto micros = std::chrono::floor<std::chrono::microseconds>(at.time_since_epoch() - seconds);
  const std::time_t whole = seconds.count();
  std::tm utc{};
  gmtime_r(&whole, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, micros.count());
}

}  // namespace

std::string audit_json(const AuditEntry& entry, const std::string& user) {
  using Json = nlohmann::ordered_json;
  const Json line = {{"time", timestamp(entry.at)},
                     {"command", entry.command},
                     {"peer", entry.peer},
                     {"uid", entry.uid ? Json(*entry.uid) : Json(nullptr)},
                     {"user", user.empty() ? Json(nullptr) : Json(user)},
                     {"pid", entry.pid ? Json(*entry.pid) : Json(nullptr)},
                     {"done", entry.done},
                     {"result", entry.result}};
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string audit_text(const AuditEntry& entry, const std::string& user) {
  std::string who;
  if (entry.uid)
    who = fmt::format(" by {} (uid {}{})", user.empty() ? "an unknown user" : user, *entry.uid,
                      entry.pid ? fmt::format(", pid {}", *entry.pid) : "");
  std::string text = fmt::format("{}{} over {}: {}", entry.command, who, entry.peer, entry.result);
  // One line, whatever an operator asked for.
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text;
}

std::string user_name(uid_t uid) {
  std::array<char, 4096> room{};
  passwd entry{};
  passwd* found = nullptr;
  return getpwuid_r(uid, &entry, room.data(), room.size(), &found) == 0 && found != nullptr ? found->pw_name
                                                                                            : std::string();
}

AuditLog::AuditLog(std::string file) : file_(std::move(file)) {
  if (!file_.empty()) tell(append({}));
}

void AuditLog::write(const AuditEntry& entry) {
  ++counters_.commands;
  const std::string user = entry.uid ? user_name(*entry.uid) : std::string();
  log::info("operator: {}", audit_text(entry, user));
  if (file_.empty()) return;
  const Status written = append(audit_json(entry, user) + "\n");
  if (!written) ++counters_.lost;
  tell(written);
}

Status AuditLog::append(const std::string& line) const {
  const auto failed = [this](int error) {
    return Error{fmt::format("audit file {}: {}", file_, std::generic_category().message(error))};
  };
  // Not blocking: a pipe that nobody reads must not hold the daemon.
  const net::Fd fd(
      open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, kMode));
  if (!fd) return failed(errno);
  struct stat before {};
  if (fstat(fd.get(), &before) != 0) return failed(errno);
  if (line.empty()) return Ok{};
  const ssize_t n = ::write(fd.get(), line.data(), line.size());
  if (n == static_cast<ssize_t>(line.size())) return Ok{};
  const int error = n < 0 ? errno : ENOSPC;
  // Half a line would spoil the next one.
  if (n > 0 && S_ISREG(before.st_mode)) (void)ftruncate(fd.get(), before.st_size);
  return failed(error);
}

void AuditLog::tell(const Status& written) {
  if (!written && !failing_)
    log::error("{}; commands go on without it, and are in this log; make room, or let this user write it",
               written.error());
  if (written && failing_)
    log::info("audit file {}: written again, {} commands are missing in it", file_, counters_.lost.get());
  failing_ = !written.ok();
}

}  // namespace flagfall::daemon
