// Who told a daemon to do what: every operator's command as one line in the log
// and, where a file is configured, as one line of JSON appended to it. The file
// is opened anew for each entry, so it may be moved away at any time (logrotate);
// commands are rare. A file that cannot be written is said once, counted, and
// tried again with the next entry: the daemon goes on. One owner thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "common/base/counters.hh"
#include "common/base/result.hh"
#include "common/base/time.hh"

namespace flagfall::daemon {

struct AuditEntry {
  RealTime at;
  std::string command;       // "POST /pause-racing", "SIGHUP"
  std::string peer;          // where it came from: "admin socket", "198.51.100.9:40112", "signal"
  std::optional<uid_t> uid;  // as the kernel says, where it does
  std::optional<pid_t> pid;
  bool done = true;
  std::string result;  // "done", or why not
};

/// One line without its end: "2026-11-21T10:20:30.123456Z", then what is known, unknown things null. Text
/// that is not UTF-8 is made so.
std::string audit_json(const AuditEntry& entry, const std::string& user);
/// "POST /reload by root (uid 0, pid 711) over the admin socket: done"
std::string audit_text(const AuditEntry& entry, const std::string& user);

/// The name of a user of this host; empty when it has none.
std::string user_name(uid_t uid);

class AuditLog {
 public:
  /// `file` empty: only the log. Says at once whether the file can be written; makes it with mode 0640.
  explicit AuditLog(std::string file);

  void write(const AuditEntry& entry);

  struct Counters {
    Counter commands;
    Counter lost;  // entries that the file does not have
  };
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  /// Empty `line`: only opens it.
  [[nodiscard]] Status append(const std::string& line) const;
  void tell(const Status& written);

  std::string file_;
  bool failing_ = false;
  Counters counters_;
};

}  // namespace flagfall::daemon
