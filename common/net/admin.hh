// HTTP with JSON on a Unix socket, for the operator's command (docs/admin.md).
// Loop thread only. What the routes answer is the owner's.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/net/loop.hh"

namespace flagfall::net {

struct AdminReply {
  int status = 200;
  std::string body;  // JSON
};

class AdminServer {
 public:
  using Handler = std::function<AdminReply()>;
  /// Gives the reply to a request; once, on the loop's thread, at any time: the client or the server may be
  /// gone by then.
  using Answer = std::function<void(const AdminReply&)>;
  using SlowHandler = std::function<void(Answer)>;

  /// Binds `path` with mode 0660. A socket file that nobody listens on is
  /// replaced. Throws std::system_error with a line that says what to do.
  AdminServer(Loop& loop, const std::string& path);
  /// Removes the socket file.
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;
  AdminServer(AdminServer&&) = delete;
  AdminServer& operator=(AdminServer&&) = delete;

  /// `path` as in "/status"; query strings are ignored. A handler that throws is a 500 with its text.
  void get(const std::string& path, Handler handler);
  void post(const std::string& path, Handler handler);
  /// For what takes longer than a callback may.
  void post_slow(const std::string& path, SlowHandler handler);

 private:
  struct Shell;
  std::shared_ptr<Shell> shell_;
};

}  // namespace flagfall::net
