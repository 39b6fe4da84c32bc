#include "common/net/web_tls.hh"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <functional>
#include <thread>

#include "common/net/certificates.hh"
#include "common/net/openssl.hh"
#include "common/net/tls.hh"
#include "tests/unit/net/loopback_connection.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using net::testing::LoopbackConnection;

namespace {

struct Fixture {
  std::string path = "/tmp/ff-web-tls-XXXXXX";
  RealTime now = SystemClock().real();
  Fixture() {
    BOOST_REQUIRE(mkdtemp(path.data()) != nullptr);
    const net::CertificateOptions options{path, std::chrono::days(30), true};
    BOOST_REQUIRE(net::make_ca(options, now).ok());
    for (const char* const host : {"first.test", "second.test"})
      BOOST_REQUIRE(net::make_certificate(host, options, now).ok());
  }
  ~Fixture() { std::filesystem::remove_all(path); }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;
  Fixture(Fixture&&) = delete;
  Fixture& operator=(Fixture&&) = delete;

  [[nodiscard]] net::WebTls::Files files(const std::string& host) const {
    return {path + "/" + host + ".crt", path + "/" + host + ".key"};
  }
  [[nodiscard]] std::shared_ptr<const net::WebTls> load() const {
    auto loaded = net::WebTls::load({files("first.test"), files("second.test")}, now);
    BOOST_REQUIRE(loaded.ok());
    return *loaded;
  }
};

/// A client's end, by OpenSSL itself, in a thread of its own.
struct Client {
  struct Wish {
    std::string server;
    std::string protocol;  // for ALPN, empty: none
    std::string say;
  };
  std::string certificate;  // the first name of the server's
  std::string heard;
  bool finished = false;
  std::thread thread;

  Client(const net::Fd& fd, Wish wish)
      : thread([this, &fd, wish = std::move(wish)] { run(fd.get(), wish); }) {}
  void run(int fd, const Wish& wish) {
    const net::SslContextPtr context(SSL_CTX_new(TLS_client_method()));
    const std::unique_ptr<SSL, net::Freed<SSL_free>> ssl(SSL_new(context.get()));
    SSL_set_fd(ssl.get(), fd);
    if (!wish.server.empty()) SSL_set_tlsext_host_name(ssl.get(), wish.server.c_str());
    const std::string offer = std::string(1, static_cast<char>(wish.protocol.size())) + wish.protocol;
    if (!wish.protocol.empty())
      SSL_set_alpn_protos(ssl.get(), as_bytes(offer).data(), static_cast<unsigned>(offer.size()));
    if (SSL_connect(ssl.get()) != 1) return ERR_clear_error();
    if (const X509* const shown = SSL_get0_peer_certificate(ssl.get()); shown != nullptr)
      certificate = net::certificate_names(*shown).front();
    std::size_t done = 0;
    if (!wish.say.empty() && SSL_write_ex(ssl.get(), wish.say.data(), wish.say.size(), &done) != 1) return;
    std::array<char, 1000> room{};
    while (SSL_read_ex(ssl.get(), room.data(), room.size(), &done) == 1) heard.append(room.data(), done);
    finished = SSL_get_shutdown(ssl.get()) == SSL_RECEIVED_SHUTDOWN;
    ERR_clear_error();
  }
};

/// Reads until so many octets came, the end, or an error: what recv() would have said at last.
std::pair<std::string, ssize_t> take(net::TlsStream& stream, const net::Fd& fd, std::size_t octets) {
  std::string out;
  std::array<char, 16384> room{};
  for (;;) {
    const ssize_t got = stream.read(room);
    if (got > 0) out.append(room.data(), static_cast<std::size_t>(got));
    if (got > 0 && out.size() >= octets) return {out, got};
    if (got > 0 || (got < 0 && errno == EAGAIN && net::testing::readable(fd, 2000))) continue;
    return {out, got};
  }
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(web_tls, Fixture)

BOOST_AUTO_TEST_CASE(the_certificate_is_of_the_server_that_was_asked_for) {
  const auto tls = load();
  for (const auto& [asked, shown] : {std::pair("first.test", "first.test"),
                                     {"second.test", "second.test"},
                                     {"SECOND.test.", "second.test"},
                                     {"third.test", "first.test"},
                                     {"", "first.test"}}) {
    const LoopbackConnection c("127.0.0.1");
    net::TlsStream stream(tls, c.server.get());
    Client client(c.client, {asked, "", "hello"});
    const auto [heard, last] = take(stream, c.server, 5);
    BOOST_TEST(heard == "hello");
    BOOST_TEST(stream.established());
    BOOST_TEST(stream.write("answer") == 6);
    stream.end();
    client.thread.join();
    BOOST_TEST(client.certificate == shown, asked);
    BOOST_TEST(client.heard == "answer");
    BOOST_TEST(client.finished);
  }
}

BOOST_AUTO_TEST_CASE(wildcards_stand_for_one_label) {
  const net::CertificateOptions options{path, std::chrono::days(30), true};
  // keygen makes no wildcards: OpenSSL's own tool does.
  const std::string make =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -keyout " + path +
      "/w.key -out " + path +
      "/w.crt -subj /CN=w -addext "
      "subjectAltName=DNS:*.Wild.test 2>/dev/null && chmod 600 " +
      path + "/w.key";
  BOOST_REQUIRE(std::system(make.c_str()) == 0);  // NOLINT(cert-env33-c,concurrency-mt-unsafe): a test
  const auto loaded = net::WebTls::load({files("first.test"), {path + "/w.crt", path + "/w.key"}},
                                        now + std::chrono::seconds(60));
  BOOST_REQUIRE(loaded.ok());
  const auto& tls = **loaded;
  BOOST_TEST(tls.context_for("a.wild.test") != tls.context_for("first.test"));
  for (const char* const other : {"wild.test", "a.b.wild.test", ".wild.test", "", "x"})
    BOOST_TEST(tls.context_for(other) == tls.context_for("first.test"), other);
}

BOOST_AUTO_TEST_CASE(another_protocol_than_http_1_is_refused) {
  const auto tls = load();
  for (const auto& [protocol, good] : {std::pair("http/1.1", true), {"h2", false}}) {
    const LoopbackConnection c("::1");
    net::TlsStream stream(tls, c.server.get());
    Client client(c.client, {"first.test", protocol, "hello"});
    const auto [heard, last] = take(stream, c.server, 5);
    const int error = errno;
    BOOST_TEST((heard == "hello") == good, protocol);
    if (!good) {
      BOOST_TEST(last == -1);
      BOOST_TEST(error == EPROTO);
    }
    stream.end();
    client.thread.join();
  }
}

BOOST_AUTO_TEST_CASE(octets_that_are_no_tls_are_an_error_and_nothing_else) {
  const auto tls = load();
  for (const std::string& octets : {std::string("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), std::string(1000, '\0'),
                                    std::string("\x16\x03\x01\xff\xff") + std::string(500, 'x')}) {
    const LoopbackConnection c("127.0.0.1");
    net::TlsStream stream(tls, c.server.get());
    c.send(c.client, octets);
    std::array<char, 100> room{};
    BOOST_TEST(stream.read(room) == -1);
    BOOST_TEST((errno == EPROTO || errno == EAGAIN));
    BOOST_TEST(!stream.established());
    BOOST_TEST(stream.write("x") == -1);
    stream.end();
  }
}

BOOST_AUTO_TEST_CASE(an_end_without_notice_is_a_reset_or_an_end) {
  const auto tls = load();
  LoopbackConnection c("127.0.0.1");
  net::TlsStream stream(tls, c.server.get());
  c.client = net::Fd();
  std::array<char, 100> room{};
  BOOST_REQUIRE(net::testing::readable(c.server, 2000));
  const ssize_t got = stream.read(room);
  BOOST_TEST((got == 0 || (got == -1 && errno != EAGAIN)));
}

BOOST_AUTO_TEST_CASE(files_that_do_not_fit_are_named) {
  const auto bad = net::WebTls::load(
      {files("first.test"), {files("first.test").certificate, files("second.test").key}}, now);
  BOOST_REQUIRE(!bad.ok());
  BOOST_TEST(bad.error().find("does not belong to certificate") != std::string::npos);
  BOOST_TEST(!net::WebTls::load({}, now).ok());
}

BOOST_AUTO_TEST_CASE(key_updates_without_end_hold_up_nobody) {
  const LoopbackConnection c("127.0.0.1");
  net::TlsStream stream(load(), c.server.get());
  std::thread client([&c] {
    const net::SslContextPtr context(SSL_CTX_new(TLS_client_method()));
    const std::unique_ptr<SSL, net::Freed<SSL_free>> ssl(SSL_new(context.get()));
    SSL_set_fd(ssl.get(), c.client.get());
    if (SSL_connect(ssl.get()) != 1) return;
    for (int i = 0; i < 50; ++i) {
      SSL_key_update(ssl.get(), SSL_KEY_UPDATE_NOT_REQUESTED);
      SSL_do_handshake(ssl.get());
    }
    std::size_t done = 0;
    SSL_write_ex(ssl.get(), "end", 3, &done);
  });
  std::array<char, 1000> room{};
  while (!stream.established() && net::testing::readable(c.server, 2000)) (void)stream.read(room);
  client.join();
  int calls = 1;
  while (stream.read(room) < 0 && errno == EAGAIN && net::testing::readable(c.server, 2000)) ++calls;
  BOOST_TEST(std::string(room.data(), 3) == "end");
  BOOST_TEST(calls >= 50);
}

BOOST_AUTO_TEST_CASE(connections_keep_their_certificates_when_others_are_loaded) {
  const LoopbackConnection c("127.0.0.1");
  std::optional<net::TlsStream> stream;
  {
    const auto old = load();
    stream.emplace(old, c.server.get());
  }  // nobody else holds it
  Client client(c.client, {"second.test", "", "hello"});
  BOOST_TEST(take(*stream, c.server, 5).first == "hello");
  stream->end();
  client.thread.join();
  BOOST_TEST(client.certificate == "second.test");
}

BOOST_AUTO_TEST_SUITE_END()
