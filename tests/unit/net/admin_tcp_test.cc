// The admin listener over TCP, plain and TLS, with clients as they should not be.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "common/net/admin.hh"
#include "common/net/certificates.hh"
#include "common/net/fd.hh"
#include "common/net/openssl.hh"
#include "common/net/sockaddr.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;

namespace {

constexpr auto kToken = "0123456789abcdef";

struct Site {
  std::string path = "/tmp/ff-admin-tcp-XXXXXX";
  net::Loop loop;
  Site() {
    (void)std::signal(SIGPIPE, SIG_IGN);  // as in every daemon
    BOOST_REQUIRE(mkdtemp(path.data()) != nullptr);
    write_token(kToken);
  }
  ~Site() { std::filesystem::remove_all(path); }
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;
  Site(Site&&) = delete;
  Site& operator=(Site&&) = delete;

  void write_token(const std::string& text) const {
    std::ofstream(path + "/token") << text << '\n';
    std::filesystem::permissions(path + "/token", std::filesystem::perms(0600));
  }
  void make_certificate() const {
    const RealTime now = SystemClock().real();
    const net::CertificateOptions options{path, std::chrono::days(30), true};
    BOOST_REQUIRE(net::make_ca(options, now).ok());
    BOOST_REQUIRE(net::make_certificate("master", options, now).ok());
  }
  [[nodiscard]] net::AdminOptions options(const char* listen) const {
    net::AdminOptions o;
    o.listen = {{*parse_ip(listen), 0}};
    o.files.token = path + "/token";
    return o;
  }
  [[nodiscard]] net::AdminOptions tls_options() const {
    make_certificate();
    net::AdminOptions o = options("0.0.0.0");
    o.files.certificate = path + "/master.crt";
    o.files.key = path + "/master.key";
    return o;
  }
  /// Runs the loop while `client` runs in a thread of its own.
  void during(const std::function<void()>& client) {
    std::thread thread([&] {
      client();
      loop.post([this] { loop.stop(); });
    });
    loop.run();
    thread.join();
  }
};

net::Fd dial(std::uint16_t port) {
  net::Fd fd(net::check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const timeval patience{10, 0};
  net::check(setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), "SO_RCVTIMEO");
  const net::SockAddr to(Endpoint{*parse_ip("127.0.0.1"), port});
  net::check(connect(fd.get(), &to.any, to.length), "connect");
  return fd;
}

void put(const net::Fd& fd, const std::string& text) {
  (void)send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
}

/// All until the server closes, or 10 s.
std::string read_all(const net::Fd& fd) {
  std::string out;
  std::array<char, 4096> part{};
  for (ssize_t n = 0; (n = recv(fd.get(), part.data(), part.size(), 0)) > 0;)
    out.append(part.data(), static_cast<std::size_t>(n));
  return out;
}

std::string over_tcp(std::uint16_t port, const std::string& request) {
  const net::Fd fd = dial(port);
  put(fd, request);
  return read_all(fd);
}

std::string get(const std::string& path, const std::string& headers = "Host: localhost\r\n") {
  return "GET " + path + " HTTP/1.1\r\nConnection: close\r\n" + headers + "\r\n";
}
std::string post(const std::string& path, const std::string& headers) {
  return "POST " + path + " HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\nContent-Length: 0\r\n" +
         headers + "\r\n";
}

/// One request over TLS, at most `version`; "" when there is no handshake.
std::string over_tls(std::uint16_t port, const std::string& request, int version = TLS1_3_VERSION) {
  const net::Fd fd = dial(port);
  const std::unique_ptr<SSL_CTX, net::Freed<SSL_CTX_free>> context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), version);
  SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  const std::unique_ptr<SSL, net::Freed<SSL_free>> ssl(SSL_new(context.get()));
  SSL_set_fd(ssl.get(), fd.get());
  std::string out;
  if (SSL_connect(ssl.get()) == 1) {
    SSL_write(ssl.get(), request.data(), static_cast<int>(request.size()));
    std::array<char, 4096> part{};
    for (int n = 0; (n = SSL_read(ssl.get(), part.data(), part.size())) > 0;)
      out.append(part.data(), static_cast<std::size_t>(n));
  }
  ERR_clear_error();
  return out;
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void add_routes(net::AdminServer& server, int& paused) {
  server.get("/status", [](const net::AdminRequest& request) {
    return net::AdminReply{200, to_string(request.peer), "text/plain"};
  });
  server.post("/pause", [&](const net::AdminRequest& request) {
    paused += request.peer.has_token ? 1 : 100;
    return net::AdminReply{200, "{}"};
  });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(admin_tcp)

BOOST_AUTO_TEST_CASE(loopback_serves_readers_and_who_has_the_token) {
  Site site;
  net::AdminServer server(site.loop, site.options("127.0.0.1"));
  int paused = 0;
  add_routes(server, paused);
  const std::uint16_t port = server.local().at(0).port;
  site.during([&] {
    const std::string status = over_tcp(port, get("/status"));
    BOOST_TEST(holds(status, " 200 "));
    BOOST_TEST(holds(status, "\r\n\r\n127.0.0.1:"));
    for (const char* header :
         {"X-Content-Type-Options: nosniff", "Content-Security-Policy: default-src 'none'; script-src 'self'",
          "Referrer-Policy: no-referrer", "Cross-Origin-Resource-Policy: same-origin",
          "Cache-Control: no-store"})
      BOOST_TEST(holds(status, header), header);
    BOOST_TEST(!holds(status, "Access-Control-"));
    BOOST_TEST(holds(over_tcp(port, get("/status", "Host: evil.example\r\n")), " 403 "));
    BOOST_TEST(holds(over_tcp(port, get("/status", "")), " 403 "));
    BOOST_TEST(holds(over_tcp(port, post("/pause", "")), " 403 "));
    BOOST_TEST(holds(over_tcp(port, post("/pause", "Authorization: Bearer wrong\r\n")), " 401 "));
    BOOST_TEST(holds(
        over_tcp(port,
                 post("/pause", "Origin: http://evil.example\r\nAuthorization: Bearer 0123456789abcdef\r\n")),
        " 403 "));
    BOOST_TEST(paused == 0);
    BOOST_TEST(holds(over_tcp(port, post("/pause", "Authorization: Bearer 0123456789abcdef\r\n")), " 200 "));
    BOOST_TEST(holds(over_tcp(port,
                              "OPTIONS /pause HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nOrigin: "
                              "http://evil.example\r\n\r\n"),
                     " 403 "));
  });
  BOOST_TEST(paused == 1);
  BOOST_TEST(server.counters().refused == 6U);
  BOOST_TEST(server.counters().requests == 2U);
}

BOOST_AUTO_TEST_CASE(elsewhere_tls_and_the_token_are_needed) {
  Site site;
  net::AdminServer server(site.loop, site.tls_options());
  int paused = 0;
  add_routes(server, paused);
  const std::uint16_t port = server.local().at(0).port;
  const std::string bearer = "Host: master\r\nAuthorization: Bearer 0123456789abcdef\r\n";
  site.during([&] {
    const std::string none = over_tls(port, get("/status", "Host: master\r\n"));
    BOOST_TEST(holds(none, " 401 "));
    BOOST_TEST(holds(none, "WWW-Authenticate: Basic realm="));
    BOOST_TEST(holds(over_tls(port, get("/status", bearer)), " 200 "));
    BOOST_TEST(holds(over_tls(port, get("/status", bearer), TLS1_2_VERSION), " 200 "));
    BOOST_TEST(over_tls(port, get("/status", bearer), TLS1_1_VERSION).empty());
    BOOST_TEST(
        holds(over_tls(port, get("/status", "Authorization: Basic dTowMTIzNDU2Nzg5YWJjZGVm\r\n")), " 200 "));
    BOOST_TEST(
        holds(over_tls(port, post("/pause", "Authorization: Basic dTowMTIzNDU2Nzg5YWJjZGVm\r\n")), " 403 "));
    BOOST_TEST(paused == 0);
    BOOST_TEST(holds(over_tls(port, post("/pause", "Authorization: Bearer 0123456789abcdef\r\n")), " 200 "));
    BOOST_TEST(!holds(over_tcp(port, get("/status", bearer)), "200 OK"));  // plain HTTP
  });
  BOOST_TEST(paused == 1);
  BOOST_TEST(server.certificate_expires().has_value());
}

BOOST_AUTO_TEST_CASE(other_addresses_are_not_opened_without_certificate_and_token) {
  Site site;
  net::AdminOptions options = site.options("0.0.0.0");
  BOOST_CHECK_EXCEPTION(
      net::AdminServer(site.loop, options), std::runtime_error,
      [](const std::runtime_error& e) { return holds(e.what(), "needs a certificate and a token"); });
  options = site.tls_options();
  options.files.token.clear();
  BOOST_CHECK_THROW(net::AdminServer(site.loop, options), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(a_reload_takes_new_secrets_or_keeps_the_old_ones) {
  Site site;
  net::AdminServer server(site.loop, site.tls_options());
  server.get("/status", [] { return net::AdminReply{200, "{}"}; });
  const std::uint16_t port = server.local().at(0).port;
  const auto asks = [&](const std::string& token) {
    std::string got;
    site.during([&] { got = over_tls(port, get("/status", "Authorization: Bearer " + token + "\r\n")); });
    return holds(got, " 200 ");
  };
  site.write_token("short");
  BOOST_TEST(!server.reload().ok());
  BOOST_TEST(asks(kToken));
  site.write_token("fedcba9876543210");
  const auto before = server.certificate_expires();
  std::this_thread::sleep_for(1100ms);  // dates are in seconds
  site.make_certificate();
  BOOST_TEST(server.reload().ok());
  BOOST_TEST(!asks(kToken));
  BOOST_TEST(asks("fedcba9876543210"));
  BOOST_TEST((server.certificate_expires() > before));
}

BOOST_AUTO_TEST_CASE(who_trickles_is_cut_and_who_is_served_is_not) {
  Site site;
  net::AdminOptions options = site.options("127.0.0.1");
  options.limits.request = 300ms;
  net::AdminServer server(site.loop, options);
  net::AdminServer::Answer answer;
  server.get_slow("/slow",
                  [&](const net::AdminRequest&, net::AdminServer::Answer a) { answer = std::move(a); });
  const std::uint16_t port = server.local().at(0).port;
  site.during([&] {
    const net::Fd silent = dial(port);
    const net::Fd trickling = dial(port);
    const net::Fd waiting = dial(port);
    put(waiting, get("/slow"));
    const auto begin = std::chrono::steady_clock::now();
    bool cut = false;
    for (const char c : "GET /status HTTP/1.1\r\nX: " + std::string(2000, 'x')) {
      put(trickling, std::string(1, c));
      std::this_thread::sleep_for(20ms);
      std::array<char, 1> byte{};
      cut = recv(trickling.get(), byte.data(), 1, MSG_DONTWAIT) == 0;
      if (cut) break;
    }
    BOOST_TEST(cut);
    BOOST_TEST((std::chrono::steady_clock::now() - begin < 10s));
    BOOST_TEST(read_all(silent).empty());
    site.loop.post([&] { answer({200, R"({"slow": true})"}); });
    BOOST_TEST(holds(read_all(waiting), R"({"slow": true})"));
  });
  BOOST_TEST(server.counters().connections.timed_out == 2U);
}

BOOST_AUTO_TEST_CASE(the_oldest_silent_connection_makes_room_for_a_new_one) {
  Site site;
  net::AdminOptions options = site.options("127.0.0.1");
  options.limits.connections = 4;
  net::AdminServer server(site.loop, options);
  server.get("/status", [] { return net::AdminReply{200, "{}"}; });
  const std::uint16_t port = server.local().at(0).port;
  site.during([&] {
    std::vector<net::Fd> silent;
    silent.reserve(20);
    for (int i = 0; i < 20; ++i) silent.push_back(dial(port));
    BOOST_TEST(read_all(silent.front()).empty());
    for (int i = 0; i < 3; ++i) BOOST_TEST(holds(over_tcp(port, get("/status")), " 200 "));
  });
  BOOST_TEST(server.counters().connections.accepted == 23U);
  BOOST_TEST(server.counters().connections.evicted >= 16U);
}

BOOST_AUTO_TEST_CASE(when_all_are_being_served_the_newest_is_turned_away) {
  Site site;
  net::AdminOptions options = site.options("127.0.0.1");
  options.limits.connections = 2;
  net::AdminServer server(site.loop, options);
  std::vector<net::AdminServer::Answer> answers;
  std::atomic<int> served = 0;
  server.get_slow("/slow", [&](const net::AdminRequest&, net::AdminServer::Answer a) {
    answers.push_back(std::move(a));
    ++served;
  });
  const std::uint16_t port = server.local().at(0).port;
  site.during([&] {
    const net::Fd one = dial(port);
    put(one, get("/slow"));
    const net::Fd two = dial(port);
    put(two, get("/slow"));
    while (served < 2) std::this_thread::sleep_for(5ms);
    BOOST_TEST(over_tcp(port, get("/slow")).empty());
    site.loop.post([&] {
      for (const auto& answer : answers) answer({200, "done"});
    });
    BOOST_TEST(holds(read_all(one), "done"));
    BOOST_TEST(holds(read_all(two), "done"));
    BOOST_TEST(holds(over_tcp(port, get("/other")), " 404 "));
  });
}

BOOST_AUTO_TEST_CASE(hostile_bytes_are_answered_or_cut_and_the_next_client_is_served) {
  Site site;
  net::AdminServer server(site.loop, site.options("127.0.0.1"));
  server.get("/status", [] { return net::AdminReply{200, "{}"}; });
  const std::uint16_t port = server.local().at(0).port;
  std::string many;
  for (int i = 0; i < 2000; ++i) many += "X-" + std::to_string(i) + ": x\r\n";
  site.during([&] {
    for (const std::string& request :
         {std::string("\r\n\r\n\r\n"), std::string(10'000, '\0'),
          std::string("\x16\x03\x01\x02\x00\x01\x00", 7),
          "GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\n\r\n", get("/status", many),
          "GET /status HTTP/1.1\r\nHost: " + std::string(60'000, 'h') + "\r\n\r\n",
          std::string("GET /status HTTP/9.9\r\nHost: localhost\r\n\r\n"),
          std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
          std::string("POST /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n"),
          std::string("POST /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"),
          std::string("POST /status HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: "
                      "chunked\r\n\r\nffffffffffffffff\r\n"),
          std::string("GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n"),
          std::string("GET /%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n"),
          std::string("CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
          std::string("GET http://evil.example/status HTTP/1.1\r\nHost: evil.example\r\n\r\n")}) {
      const net::Fd fd = dial(port);
      put(fd, request);
      shutdown(fd.get(), SHUT_WR);
      const std::string got = read_all(fd);
      BOOST_TEST(!holds(got, " 200 OK"), request.substr(0, 60));
      BOOST_TEST(!holds(got, "root:"));
    }
    BOOST_TEST(holds(over_tcp(port, get("/status")), " 200 "));
  });
}

BOOST_AUTO_TEST_SUITE_END()
