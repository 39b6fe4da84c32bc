#include "common/net/admin.hh"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <map>
#include <system_error>
#include <utility>

#include "common/net/fd.hh"

namespace flagfall::net {
namespace {

constexpr int kTimeoutSeconds = 10;
constexpr ev_ssize_t kMostHeaders = 16'384;
constexpr ev_ssize_t kMostBody = 65'536;

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    throw std::system_error(
        ENAMETOOLONG, std::generic_category(),
        fmt::format("admin socket {}: at most {} characters", path, sizeof address.sun_path - 1));
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

/// Removes what a dead process left; a living listener, or another kind of file, is an error.
void clear_stale(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return;
  if (!S_ISSOCK(info.st_mode))
    throw std::system_error(EEXIST, std::generic_category(),
                            fmt::format("admin socket {}: a file is in the way; remove it", path));
  const Fd probe(check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  // EAGAIN: its queue is full, so it is alive.
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno == EAGAIN)
    throw std::system_error(
        EADDRINUSE, std::generic_category(),
        fmt::format("admin socket {}: another daemon listens there; stop it or give [admin] "
                    "socket another path",
                    path));
  (void)unlink(path.c_str());
}

Fd listen_unix(const std::string& path) {
  const sockaddr_un address = unix_address(path);
  clear_stale(path, address);
  Fd fd(check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  const mode_t mask = umask(0117);
  const int bound = bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  umask(mask);
  if (bound != 0)
    throw std::system_error(
        error, std::generic_category(),
        fmt::format("admin socket {}: make its folder, and let this user write to it", path));
  check(listen(fd.get(), 16), "listen");
  return fd;
}

AdminServer::SlowHandler at_once(AdminServer::Handler handler) {
  return [handler = std::move(handler)](const AdminRequest& request, const AdminServer::Answer& answer) {
    answer(handler(request));
  };
}

AdminServer::Handler without_request(AdminServer::PlainHandler handler) {
  return [handler = std::move(handler)](const AdminRequest& /*request*/) { return handler(); };
}

/// Who sent it: the kernel's word, not the client's.
AdminPeer peer_of(evhttp_request* request) {
  AdminPeer peer;
  const evutil_socket_t fd =
      bufferevent_getfd(evhttp_connection_get_bufferevent(evhttp_request_get_connection(request)));
  ucred process{};
  socklen_t size = sizeof process;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &process, &size) == 0)
    peer.process = {process.uid, process.gid, process.pid};
  return peer;
}

std::string body_of(evhttp_request* request) {
  evbuffer* in = evhttp_request_get_input_buffer(request);
  std::string body(evbuffer_get_length(in), '\0');  // kMostBody at most
  evbuffer_copyout(in, body.data(), body.size());
  return body;
}

struct HttpDeleter {
  void operator()(evhttp* http) const { evhttp_free(http); }
};

}  // namespace

AdminReply admin_error(int status, std::string_view text) {
  std::string out = R"({"error": ")";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return {status, out + R"("})"};
}

struct AdminServer::Shell : std::enable_shared_from_this<AdminServer::Shell> {
  /// A request whose reply comes later; its connection tells when it is gone.
  struct Waiting {
    Shell* shell = nullptr;
    std::uint64_t number = 0;
    evhttp_request* request = nullptr;
  };
  std::string path;
  std::map<std::string, std::map<evhttp_cmd_type, SlowHandler>, std::less<>> routes;
  Observer on_command;
  std::map<std::uint64_t, Waiting> waiting;
  std::uint64_t next = 0;
  Fd listener;
  std::unique_ptr<evhttp, HttpDeleter> http;

  void serve(evhttp_request* request) {
    const evhttp_uri* uri = evhttp_request_get_evhttp_uri(request);
    const char* wanted = uri == nullptr ? nullptr : evhttp_uri_get_path(uri);
    const auto route = wanted == nullptr ? routes.end() : routes.find(std::string_view(wanted));
    if (route == routes.end())
      return send(request, admin_error(HTTP_NOTFOUND, "no such path; see docs/admin.md"));
    const auto handler = route->second.find(evhttp_request_get_command(request));
    if (handler == route->second.end())
      return send(request, admin_error(HTTP_BADMETHOD, "wrong method; see docs/admin.md"));
    const char* query = evhttp_uri_get_query(uri);
    auto parameters = parse_query(query == nullptr ? "" : query);
    if (!parameters) return send(request, admin_error(HTTP_BADREQUEST, parameters.error()));
    const AdminRequest asked{wanted, std::move(*parameters), body_of(request), peer_of(request)};
    const std::uint64_t number = wait(request);
    Answer answer = [number, self = weak_from_this()](const AdminReply& reply) {
      if (const auto shell = self.lock()) shell->reply(number, reply);
    };
    if (evhttp_request_get_command(request) == EVHTTP_REQ_POST) answer = observed(asked, std::move(answer));
    try {
      handler->second(asked, answer);
    } catch (const std::exception& e) {
      answer(admin_error(HTTP_INTERNAL, e.what()));
    }
  }

  /// Also when the client has gone meanwhile: what it asked for was done.
  Answer observed(AdminRequest asked, Answer answer) {
    return [asked = std::move(asked), answer = std::move(answer),
            self = weak_from_this()](const AdminReply& reply) {
      if (const auto shell = self.lock(); shell && shell->on_command) shell->on_command(asked, reply);
      answer(reply);
    };
  }

  std::uint64_t wait(evhttp_request* request) {
    const std::uint64_t number = next++;
    Waiting& entry = waiting[number] = {this, number, request};
    const auto gone = [](evhttp_connection* /*connection*/, void* of) {
      const auto* which = static_cast<const Waiting*>(of);
      which->shell->waiting.erase(which->number);  // libevent frees the request
    };
    evhttp_connection_set_closecb(evhttp_request_get_connection(request), gone, &entry);
    return number;
  }

  void reply(std::uint64_t number, const AdminReply& with) {
    const auto entry = waiting.find(number);
    if (entry == waiting.end()) return;
    evhttp_request* const request = entry->second.request;
    evhttp_connection_set_closecb(evhttp_request_get_connection(request), nullptr, nullptr);
    waiting.erase(entry);
    send(request, with);
  }

  static void send(evhttp_request* request, const AdminReply& reply) {
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", reply.content_type.c_str());
    evbuffer* out = evhttp_request_get_output_buffer(request);
    evbuffer_add(out, reply.body.data(), reply.body.size());
    if (!reply.body.ends_with('\n')) evbuffer_add(out, "\n", 1);
    evhttp_send_reply(request, reply.status, nullptr, nullptr);
  }
};

AdminServer::AdminServer(Loop& loop, const std::string& path) : shell_(std::make_shared<Shell>()) {
  shell_->listener = listen_unix(path);
  shell_->path = path;
  shell_->http.reset(evhttp_new(loop.raw()));
  evhttp* http = shell_->http.get();
  evhttp_set_timeout(http, kTimeoutSeconds);
  evhttp_set_max_headers_size(http, kMostHeaders);
  evhttp_set_max_body_size(http, kMostBody);
  // All methods, so that a wrong one is a 405 of ours.
  evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT |
                                       EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
  evhttp_set_gencb(
      http, [](evhttp_request* request, void* self) { static_cast<Shell*>(self)->serve(request); },
      shell_.get());
  evconnlistener* listener = evconnlistener_new(loop.raw(), nullptr, nullptr, 0, 0, shell_->listener.get());
  if (listener == nullptr || evhttp_bind_listener(http, listener) == nullptr)
    throw std::system_error(ENOMEM, std::generic_category(), "admin socket " + path);
}

AdminServer::~AdminServer() {
  shell_->http.reset();
  (void)unlink(shell_->path.c_str());
}

void AdminServer::get(const std::string& path, Handler handler) {
  get_slow(path, at_once(std::move(handler)));
}
void AdminServer::get(const std::string& path, PlainHandler handler) {
  get(path, without_request(std::move(handler)));
}
void AdminServer::post(const std::string& path, Handler handler) {
  post_slow(path, at_once(std::move(handler)));
}
void AdminServer::post(const std::string& path, PlainHandler handler) {
  post(path, without_request(std::move(handler)));
}
void AdminServer::get_slow(const std::string& path, SlowHandler handler) {
  shell_->routes[path][EVHTTP_REQ_GET] = std::move(handler);
}
void AdminServer::post_slow(const std::string& path, SlowHandler handler) {
  shell_->routes[path][EVHTTP_REQ_POST] = std::move(handler);
}
void AdminServer::on_command(Observer observer) {
  shell_->on_command = std::move(observer);
}
void AdminServer::post_slow(const std::string& path, PlainSlowHandler handler) {
  post_slow(path, [handler = std::move(handler)](const AdminRequest& /*request*/, Answer answer) {
    handler(std::move(answer));
  });
}

}  // namespace flagfall::net
