// HTTP with JSON on a Unix socket, for the operator's command (docs/admin.md).
// Loop thread only. What the routes answer is the owner's.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/net/admin_request.hh"
#include "common/net/loop.hh"

namespace flagfall::net {

struct AdminReply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
};

/// An error as the JSON that clients expect: {"error": text}.
AdminReply admin_error(int status, std::string_view text);

class AdminServer {
 public:
  using Handler = std::function<AdminReply(const AdminRequest&)>;
  using PlainHandler = std::function<AdminReply()>;
  /// Gives the reply to a request; once, on the loop's thread, at any time: the client or the server may be
  /// gone by then.
  using Answer = std::function<void(const AdminReply&)>;
  using SlowHandler = std::function<void(const AdminRequest&, Answer)>;
  using PlainSlowHandler = std::function<void(Answer)>;

  /// Binds `path` with mode 0660. A socket file that nobody listens on is
  /// replaced. Throws std::system_error with a line that says what to do.
  AdminServer(Loop& loop, const std::string& path);
  /// Removes the socket file.
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;
  AdminServer(AdminServer&&) = delete;
  AdminServer& operator=(AdminServer&&) = delete;

  /// `path` as in "/status", without a query. A handler that throws is a 500 with its text; a malformed query
  /// is a 400 that no handler sees.
  void get(const std::string& path, Handler handler);
  void get(const std::string& path, PlainHandler handler);
  void post(const std::string& path, Handler handler);
  void post(const std::string& path, PlainHandler handler);
  /// For what takes longer than a callback may. The request ends with the call: copy what is needed later.
  void get_slow(const std::string& path, SlowHandler handler);
  void post_slow(const std::string& path, SlowHandler handler);
  void post_slow(const std::string& path, PlainSlowHandler handler);
  /// Is told of every POST that a handler took, with its reply, right before that is sent: for the audit log.
  using Observer = std::function<void(const AdminRequest&, const AdminReply&)>;
  void on_command(Observer observer);

 private:
  struct Shell;
  std::shared_ptr<Shell> shell_;
};

}  // namespace flagfall::net
