// Peers that hold a TLS library and bad intentions: what the master does with them.
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <thread>

#include "common/net/sockaddr.hh"
#include "common/wire/session.hh"
#include "tests/scenario/session/rig.hh"

using namespace flagfall;            // NOLINT(google-build-using-namespace): a test
using namespace flagfall::scenario;  // NOLINT(google-build-using-namespace)
using std::chrono::seconds;

namespace {

/// A blocking TLS client that breaks the rules it is told to break. Its thread runs
/// beside the loop; it touches nothing but its own socket.
class Attacker {
 public:
  struct How {
    std::string certificate = "fra";  // empty: none
    bool alpn = true;
    int highest = TLS1_3_VERSION;
    std::vector<std::uint8_t> bytes;  // sent after the handshake, in pieces of `piece`
    std::size_t piece = 1000;
    bool read = true;  // afterwards, until the end; otherwise waits for `release`
  };

  Attacker(const Rig& rig, const Endpoint& to, How how)
      : how_(std::move(how)), context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_verify(context_, SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_max_proto_version(context_, how_.highest);
    if (!how_.certificate.empty()) {
      BOOST_REQUIRE(SSL_CTX_use_certificate_file(context_, rig.path("ca", how_.certificate + ".crt").c_str(),
                                                 SSL_FILETYPE_PEM) == 1);
      BOOST_REQUIRE(SSL_CTX_use_PrivateKey_file(context_, rig.path("ca", how_.certificate + ".key").c_str(),
                                                SSL_FILETYPE_PEM) == 1);
    }
    static constexpr std::array<std::uint8_t, 9> kAlpn{8, 'f', 'l', 'a', 'g', 'f', 'a', 'l', 'l'};
    if (how_.alpn) SSL_CTX_set_alpn_protos(context_, kAlpn.data(), kAlpn.size());
    fd_ = net::Fd(net::check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    const timeval limit{20, 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    const int small = 4096;  // so that what is not read fills up soon
    if (!how_.read) setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    const net::SockAddr address(to);
    net::check(connect(fd_.get(), &address.any, address.length), "connect");
    thread_ = std::thread([this] { run(); });
  }
  ~Attacker() {
    shutdown(fd_.get(), SHUT_RDWR);
    thread_.join();
    SSL_CTX_free(context_);
  }
  Attacker(const Attacker&) = delete;
  Attacker& operator=(const Attacker&) = delete;
  Attacker(Attacker&&) = delete;
  Attacker& operator=(Attacker&&) = delete;

  [[nodiscard]] bool done() const { return done_; }
  /// After done(): the other side ended it.
  [[nodiscard]] bool thrown_out() const { return ended_; }

 private:
  void run() {
    SSL* tls = SSL_new(context_);
    SSL_set_fd(tls, fd_.get());
    if (SSL_connect(tls) == 1) {
      for (std::size_t at = 0; at < how_.bytes.size(); at += how_.piece)
        if (SSL_write(tls, how_.bytes.data() + at,
                      static_cast<int>(std::min(how_.piece, how_.bytes.size() - at))) <= 0)
          break;
      std::array<char, 4096> sink{};
      while (how_.read && SSL_read(tls, sink.data(), sink.size()) > 0) {
      }
      // A receive time-out would be EAGAIN.
      ended_ = how_.read && errno != EAGAIN;
    } else {
      ended_ = true;
    }
    SSL_free(tls);
    done_ = true;
  }

  How how_;
  SSL_CTX* context_;
  net::Fd fd_;
  std::atomic<bool> done_{false};
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

std::vector<std::uint8_t> hello() {
  return wire::encode(wire::Hello{wire::kSessionVersion, 77, 4954, "attacker"});
}

std::vector<std::uint8_t> operator+(std::vector<std::uint8_t> a, const std::vector<std::uint8_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hostile_peer)

BOOST_AUTO_TEST_CASE(without_a_certificate_our_protocol_or_tls_1_3_nobody_comes_in) {
  Rig rig;
  Master master(rig);
  const auto refused = [&](Attacker::How how) {
    const std::uint64_t before = master.counter("control_handshake_failed");
    Attacker attacker(rig, master.at(), std::move(how));
    BOOST_TEST(rig.run_until([&] { return attacker.done(); }));
    BOOST_TEST(attacker.thrown_out());
    BOOST_TEST(master.counter("control_handshake_failed") == before + 1);
  };
  refused({.certificate = "", .bytes = hello()});
  refused({.alpn = false, .bytes = hello()});
  refused({.highest = TLS1_2_VERSION, .bytes = hello()});
  BOOST_TEST(master.counter("control_registered") == 0U);
  BOOST_TEST(rig.lines->has("no TLS handshake: it has no certificate"));
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_message_end_the_connection_at_any_split) {
  Rig rig;
  Master master(rig);
  Slave slave(rig, master.at(), "nyc");
  BOOST_REQUIRE(rig.run_until([&] { return slave.registered(); }));
  const std::vector<std::uint8_t> junk(300, 0xee);
  const std::vector<std::uint8_t> huge{0, 7, 0, 0, 0xff, 0xff, 0xff, 0xff};
  for (const auto& bytes : {junk, huge, hello() + junk, hello() + huge}) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}}) {
      const std::uint64_t before = master.counter("control_malformed");
      Attacker attacker(rig, master.at(), {.bytes = bytes, .piece = piece});
      BOOST_TEST(rig.run_until([&] { return attacker.done(); }));
      BOOST_TEST(attacker.thrown_out());
      BOOST_TEST(master.counter("control_malformed") == before + 1);
      BOOST_TEST(!master.slave("fra").registered);
    }
  }
  BOOST_TEST(slave.registered());
  BOOST_TEST(slave.losses.empty());
}

BOOST_AUTO_TEST_CASE(a_second_hello_or_a_masters_message_ends_the_connection) {
  Rig rig;
  Master master(rig);
  for (const auto& bytes : {hello() + hello(), hello() + wire::encode(wire::Refusal{"no", Nanos(0)}),
                            wire::encode(wire::Ready{})}) {
    const std::uint64_t before = master.counter("control_out_of_order");
    Attacker attacker(rig, master.at(), {.bytes = bytes});
    BOOST_TEST(rig.run_until([&] { return attacker.done(); }));
    BOOST_TEST(attacker.thrown_out());
    BOOST_TEST(master.counter("control_out_of_order") == before + 1);
  }
}

BOOST_AUTO_TEST_CASE(a_slave_that_reads_nothing_costs_bounded_memory_and_is_thrown_out) {
  Rig rig;
  Master master(rig);
  // It sends enough heartbeats beforehand, so that silence is not what ends it.
  Attacker attacker(rig, master.at(), {.bytes = hello(), .read = false});
  BOOST_REQUIRE(rig.run_until([&] { return master.slave("fra").registered; }));
  wire::Services big;
  for (int i = 0; i < 200; ++i) {
    big.services.push_back(services("service", wire::kMaxAddresses).services[0]);
    big.services.back().nsid = std::string(60, 'n');
  }
  BOOST_REQUIRE(wire::encode(big).size() > 50'000U);
  for (int i = 0; i < 400 && master.slave("fra").registered; ++i) {
    big.services[0].ttl = static_cast<std::uint32_t>(i);
    master.hub->update({{"fra", big}});
    rig.run_for(Nanos(0));
  }
  BOOST_TEST(!master.slave("fra").registered);
  BOOST_TEST(master.counter("control_overflow") == 1U);
  BOOST_TEST(rig.lines->has("slave fra is out of all races: it does not read what it is sent"));
}

BOOST_AUTO_TEST_SUITE_END()
