#include "common/net/admin.hh"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <fmt/core.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <map>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "common/base/log.hh"
#include "common/base/log_limit.hh"
#include "common/net/admin_gate.hh"
#include "common/net/fd.hh"
#include "common/net/sockaddr.hh"
#include "common/net/tcp.hh"
#include "common/net/udp.hh"
#include "common/net/unix_listener.hh"

namespace flagfall::net {
namespace {

constexpr int kTimeoutSeconds = 10;
constexpr ev_ssize_t kMostHeaders = 16'384;
constexpr ev_ssize_t kMostBody = 65'536;

AdminServer::SlowHandler at_once(AdminServer::Handler handler) {
  return [handler = std::move(handler)](const AdminRequest& request, const AdminServer::Answer& answer) {
    answer(handler(request));
  };
}

AdminServer::Handler without_request(AdminServer::PlainHandler handler) {
  return [handler = std::move(handler)](const AdminRequest& /*request*/) { return handler(); };
}

bufferevent* stream_of(evhttp_request* request) {
  return evhttp_connection_get_bufferevent(evhttp_request_get_connection(request));
}

/// Who sent it: the kernel's word, not the client's.
AdminPeer peer_of(evhttp_request* request, AdminDoor door) {
  AdminPeer peer;
  const evutil_socket_t fd = bufferevent_getfd(stream_of(request));
  if (door == AdminDoor::socket) {
    ucred process{};
    socklen_t size = sizeof process;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &process, &size) == 0)
      peer.process = {process.uid, process.gid, process.pid};
    return peer;
  }
  SockAddr address;
  address.length = sizeof address.v6;
  if (getpeername(fd, &address.any, &address.length) == 0)
    if (const auto endpoint = to_endpoint(address.any, address.length)) peer.address = *endpoint;
  return peer;
}

AdminKnock knock_of(evhttp_request* request) {
  const evkeyvalq* headers = evhttp_request_get_input_headers(request);
  const auto header = [&](const char* name) -> std::optional<std::string_view> {
    const char* value = evhttp_find_header(headers, name);
    return value == nullptr ? std::nullopt : std::optional<std::string_view>(value);
  };
  return {evhttp_request_get_command(request) == EVHTTP_REQ_GET,
          header("Host"),
          header("Authorization"),
          header("Origin"),
          header("Sec-Fetch-Site"),
          header("Sec-Fetch-Mode")};
}

std::string body_of(evhttp_request* request) {
  evbuffer* in = evhttp_request_get_input_buffer(request);
  std::string body(evbuffer_get_length(in), '\0');  // kMostBody at most
  evbuffer_copyout(in, body.data(), body.size());
  return body;
}

/// Whatever a browser may do with a reply that it takes for something else: nothing.
void add_safe_headers(evkeyvalq* headers) {
  evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
  evhttp_add_header(headers, "Cache-Control", "no-store");
  evhttp_add_header(headers, "Referrer-Policy", "no-referrer");
  evhttp_add_header(headers, "Cross-Origin-Resource-Policy", "same-origin");
  evhttp_add_header(headers, "Content-Security-Policy",
                    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src "
                    "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
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
  /// One address, or the Unix socket.
  struct Door {
    Door(Shell& of, AdminDoor how, Fd listening)
        : shell(of), kind(how), listener(std::move(listening)), connections(of.loop, of.limits) {}
    Shell& shell;
    AdminDoor kind;
    Fd listener;
    AdminConnections connections;
    std::unique_ptr<evhttp, HttpDeleter> http;  // before what its connections use
  };
  /// A request whose reply comes later; its connection tells when it is gone.
  struct Waiting {
    Door* door = nullptr;
    std::uint64_t number = 0;
    evhttp_request* request = nullptr;
  };

  Shell(Loop& on, const AdminOptions& options)
      : loop(on),
        limits(options.limits),
        files(options.files),
        path(options.socket),
        report_path(options.report_path) {}

  Loop& loop;
  AdminLimits limits;
  AdminFiles files;
  std::string path;
  std::string report_path;
  AdminSecrets secrets;
  SystemClock clock;
  LogLimit refusals{1};
  std::map<std::string, std::map<evhttp_cmd_type, SlowHandler>, std::less<>> routes;
  Observer on_command;
  std::map<std::uint64_t, Waiting> waiting;
  std::uint64_t next = 0;
  AdminCounters counters;
  std::vector<std::unique_ptr<Door>> doors;

  void open(AdminDoor kind, Fd listening) {
    Door& door = *doors.emplace_back(std::make_unique<Door>(*this, kind, std::move(listening)));
    door.http.reset(evhttp_new(loop.raw()));
    evhttp* http = door.http.get();
    evhttp_set_timeout(http, kTimeoutSeconds);
    evhttp_set_max_headers_size(http, kMostHeaders);
    evhttp_set_max_body_size(http, kMostBody);
    // All methods, so that a wrong one is a 405 of ours.
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT |
                                         EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
    evhttp_set_bevcb(http, new_stream, &door);
    evhttp_set_gencb(
        http, [](evhttp_request* request, void* of) { serve(*static_cast<Door*>(of), request); }, &door);
    evconnlistener* listener = evconnlistener_new(loop.raw(), nullptr, nullptr, 0, 0, door.listener.get());
    if (listener == nullptr || evhttp_bind_listener(http, listener) == nullptr)
      throw std::system_error(ENOMEM, std::generic_category(), "admin listener");
  }

  static bufferevent* new_stream(event_base* base, void* of) {
    Door& door = *static_cast<Door*>(of);
    bufferevent* stream = nullptr;
    if (door.kind == AdminDoor::tls) {
      stream = bufferevent_openssl_socket_new(base, -1, door.shell.secrets.tls->new_connection(),
                                              BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
      if (stream != nullptr) bufferevent_openssl_set_allow_dirty_shutdown(stream, 1);
    } else {
      stream = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    }
    if (stream == nullptr) throw std::bad_alloc();
    door.connections.add(stream);
    return stream;
  }

  [[nodiscard]] bool is_report(evhttp_request* request) const {
    const evhttp_uri* uri = evhttp_request_get_evhttp_uri(request);
    const char* wanted = uri == nullptr ? nullptr : evhttp_uri_get_path(uri);
    return wanted != nullptr && !report_path.empty() && report_path == wanted &&
           evhttp_request_get_command(request) == EVHTTP_REQ_POST;
  }

  /// Whether the request may come in; a refusal is sent.
  bool admit(Door& door, evhttp_request* request, AdminPeer& peer) {
    const auto pointer = [](const std::optional<AdminToken>& token) { return token ? &*token : nullptr; };
    const AdminVerdict verdict =
        admin_gate(door.kind, knock_of(request),
                   {pointer(secrets.token), pointer(secrets.report_token), is_report(request)});
    peer = peer_of(request, door.kind);
    peer.has_token = verdict.has_token;
    peer.reports = verdict.reports;
    if (verdict.status == 0) return true;
    ++counters.refused;
    if (refusals.pass(clock.mono())) log::warn("admin: {} is refused: {}", to_string(peer), verdict.why);
    if (verdict.ask_for_token)
      evhttp_add_header(evhttp_request_get_output_headers(request), "WWW-Authenticate",
                        R"(Basic realm="flagfall: any user, the token as password", charset="UTF-8")");
    send(door, request, admin_error(verdict.status, verdict.why));
    return false;
  }

  static void serve(Door& door, evhttp_request* request) {
    Shell& shell = door.shell;
    door.connections.serving(stream_of(request));
    AdminPeer peer;
    if (!shell.admit(door, request, peer)) return;
    const evhttp_uri* uri = evhttp_request_get_evhttp_uri(request);
    const char* wanted = uri == nullptr ? nullptr : evhttp_uri_get_path(uri);
    const auto route = wanted == nullptr ? shell.routes.end() : shell.routes.find(std::string_view(wanted));
    if (route == shell.routes.end())
      return send(door, request, admin_error(HTTP_NOTFOUND, "no such path; see docs/admin.md"));
    const auto handler = route->second.find(evhttp_request_get_command(request));
    if (handler == route->second.end())
      return send(door, request, admin_error(HTTP_BADMETHOD, "wrong method; see docs/admin.md"));
    const char* query = evhttp_uri_get_query(uri);
    auto parameters = parse_query(query == nullptr ? "" : query);
    if (!parameters) return send(door, request, admin_error(HTTP_BADREQUEST, parameters.error()));
    ++shell.counters.requests;
    const AdminRequest asked{wanted, std::move(*parameters), body_of(request), peer};
    const std::uint64_t number = shell.wait(door, request);
    Answer answer = [number, self = shell.weak_from_this()](const AdminReply& reply) {
      if (const auto there = self.lock()) there->reply(number, reply);
    };
    if (evhttp_request_get_command(request) == EVHTTP_REQ_POST)
      answer = shell.observed(asked, std::move(answer));
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

  std::uint64_t wait(Door& door, evhttp_request* request) {
    const std::uint64_t number = next++;
    Waiting& entry = waiting[number] = {&door, number, request};
    const auto gone = [](evhttp_connection* /*connection*/, void* of) {
      const auto* which = static_cast<const Waiting*>(of);
      which->door->shell.waiting.erase(which->number);  // libevent frees the request
    };
    evhttp_connection_set_closecb(evhttp_request_get_connection(request), gone, &entry);
    return number;
  }

  void reply(std::uint64_t number, const AdminReply& with) {
    const auto entry = waiting.find(number);
    if (entry == waiting.end()) return;
    evhttp_request* const request = entry->second.request;
    Door& door = *entry->second.door;
    evhttp_connection_set_closecb(evhttp_request_get_connection(request), nullptr, nullptr);
    waiting.erase(entry);
    send(door, request, with);
  }

  static void send(Door& door, evhttp_request* request, const AdminReply& reply) {
    door.connections.replying(stream_of(request));
    evhttp_request_set_on_complete_cb(
        request,
        [](evhttp_request* sent, void* of) { static_cast<Door*>(of)->connections.replied(stream_of(sent)); },
        &door);
    evkeyvalq* headers = evhttp_request_get_output_headers(request);
    evhttp_add_header(headers, "Content-Type", reply.content_type.c_str());
    add_safe_headers(headers);
    evbuffer* out = evhttp_request_get_output_buffer(request);
    evbuffer_add(out, reply.body.data(), reply.body.size());
    if (!reply.body.ends_with('\n')) evbuffer_add(out, "\n", 1);
    evhttp_send_reply(request, reply.status, nullptr, nullptr);
  }
};

AdminServer::AdminServer(Loop& loop, const AdminOptions& options)
    : shell_(std::make_shared<Shell>(loop, options)) {
  auto secrets = AdminSecrets::load(options.files, shell_->clock.real());
  if (!secrets) throw std::runtime_error(secrets.error());
  shell_->secrets = std::move(*secrets);
  for (const Endpoint& at : options.listen) {
    if (!at.ip.loopback() && (!shell_->secrets.tls || !shell_->secrets.token))
      throw std::runtime_error(
          fmt::format("admin listener {}: it needs a certificate and a token", to_string(at)));
    shell_->open(at.ip.loopback() ? AdminDoor::loopback : AdminDoor::tls, tcp_listener(at, false));
  }
  if (!options.socket.empty()) shell_->open(AdminDoor::socket, listen_unix(options.socket));
}

AdminServer::~AdminServer() {
  for (const auto& door : shell_->doors) {
    door->http.reset();
    if (door->kind == AdminDoor::socket) (void)unlink(shell_->path.c_str());
  }
}

Status AdminServer::reload() {
  auto secrets = AdminSecrets::load(shell_->files, shell_->clock.real());
  if (!secrets) return Error{secrets.error()};
  shell_->secrets = std::move(*secrets);
  return Ok{};
}

std::vector<Endpoint> AdminServer::local() const {
  std::vector<Endpoint> out;
  for (const auto& door : shell_->doors)
    if (door->kind != AdminDoor::socket) out.push_back(local_endpoint(door->listener));
  return out;
}

std::optional<RealTime> AdminServer::certificate_expires() const {
  const auto& tls = shell_->secrets.tls;
  return tls ? std::optional(tls->expires()) : std::nullopt;
}

AdminCounters AdminServer::counters() const {
  AdminCounters sum = shell_->counters;
  for (const auto& door : shell_->doors) {
    const AdminConnectionCounters& c = door->connections.counters();
    sum.connections.accepted += c.accepted;
    sum.connections.evicted += c.evicted;
    sum.connections.timed_out += c.timed_out;
  }
  return sum;
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
