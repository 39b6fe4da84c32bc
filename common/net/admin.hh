// HTTP for operators (docs/admin.md): on a Unix socket, on loopback, and over TLS
// with a token elsewhere. Loop thread only. What the routes answer is the
// owner's; who may ask is admin_gate.hh's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/net/admin_connections.hh"
#include "common/net/admin_request.hh"
#include "common/net/admin_secrets.hh"
#include "common/net/loop.hh"

namespace flagfall::net {

struct AdminReply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
};

/// An error as the JSON that clients expect: {"error": text}.
AdminReply admin_error(int status, std::string_view text);

struct AdminOptions {
  std::string socket{};            // its path; empty: none
  std::vector<Endpoint> listen{};  // loopback: plain HTTP; elsewhere: TLS and a token, from `files`
  AdminFiles files{};
  AdminLimits limits{};
  std::string report_path{};  // "/client-report": the one POST that files.report_token opens; empty: none
};

struct AdminCounters {
  std::uint64_t requests = 0;  // that reached a route
  std::uint64_t refused = 0;   // by the gate
  AdminConnectionCounters connections;
};

class AdminServer {
 public:
  using Handler = std::function<AdminReply(const AdminRequest&)>;
  using PlainHandler = std::function<AdminReply()>;
  /// Gives the reply to a request; once, on the loop's thread, at any time: the client or the server may be
  /// gone by then.
  using Answer = std::function<void(const AdminReply&)>;
  using SlowHandler = std::function<void(const AdminRequest&, Answer)>;
  using PlainSlowHandler = std::function<void(Answer)>;

  /// Binds everything; the socket's file has mode 0660, and one that nobody listens on is replaced. Throws
  /// std::system_error or std::runtime_error with a line that says what to do.
  AdminServer(Loop& loop, const AdminOptions& options);
  AdminServer(Loop& loop, const std::string& socket) : AdminServer(loop, AdminOptions{.socket = socket}) {}
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

  /// Reads certificate, key and token again, for connections from now on; an error leaves all as it is.
  [[nodiscard]] Status reload();
  /// Where it listens over TCP (ports, when 0 was asked for).
  [[nodiscard]] std::vector<Endpoint> local() const;
  /// When the certificate of the TLS listeners ends; none without one.
  [[nodiscard]] std::optional<RealTime> certificate_expires() const;
  [[nodiscard]] AdminCounters counters() const;

 private:
  struct Shell;
  std::shared_ptr<Shell> shell_;
};

}  // namespace flagfall::net
