// Hub and links over real TLS on loopback: what slaves, strangers and faults do.
#include <sys/socket.h>

#include <fstream>

#include "common/net/acceptor.hh"
#include "common/net/seal.hh"
#include "common/net/sockaddr.hh"
#include "common/net/tcp.hh"
#include "common/net/udp.hh"
#include "tests/scenario/session/rig.hh"

using namespace flagfall;            // NOLINT(google-build-using-namespace): a test
using namespace flagfall::scenario;  // NOLINT(google-build-using-namespace)
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

wire::Report racing() {
  wire::Report report;
  report.racing = true;
  report.clock = wire::ClockStatus::synchronised;
  report.provider = "chrony";
  report.outcomes = {{42, wire::RaceOutcome::Fate::sent, Nanos(1000), Nanos(-3)}};
  return report;
}

/// A plain TCP connection.
net::Fd dial(const Endpoint& to) {
  net::Fd fd(net::check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const net::SockAddr address(to);
  net::check(connect(fd.get(), &address.any, address.length), "connect");
  return fd;
}

/// Registers by hand, then does only what a test says.
struct HandMade final : net::SessionStream::Handler {
  Rig& rig;
  net::TlsContext context;
  net::SessionStream stream;
  std::vector<wire::Message> got;
  bool closed = false;

  HandMade(Rig& the_rig, const Endpoint& to, const std::string& name)
      : rig(the_rig),
        context(std::move(*net::TlsContext::load(
            net::TlsRole::client,
            {rig.path("ca", "ca.crt"), rig.path("ca", name + ".crt"), rig.path("ca", name + ".key")},
            rig.clock.real()))),
        stream(rig.loop, context, to, *this) {}
  void on_secure() override { (void)stream.send(wire::Hello{wire::kSessionVersion, 7, 4954, "hand-made"}); }
  void on_message(wire::Message&& message) override { got.push_back(std::move(message)); }
  void on_closed(wire::CloseCause /*cause*/, const std::string& /*why*/) override { closed = true; }
};

/// Accepts, says Welcome, and then nothing any more.
struct FrozenMaster {
  struct Peer final : net::SessionStream::Handler {
    net::SessionStream stream;
    Peer(FrozenMaster& owner, net::Fd fd) : stream(owner.rig.loop, owner.context, std::move(fd), *this) {}
    void on_secure() override {}
    void on_message(wire::Message&& message) override {
      if (std::holds_alternative<wire::Hello>(message))
        (void)stream.send(wire::Welcome{wire::kSessionVersion, 5, kHeartbeat, "fra", {}});
    }
    void on_closed(wire::CloseCause /*cause*/, const std::string& /*why*/) override {}
  };
  Rig& rig;
  net::TlsContext context;
  net::Fd listening = net::tcp_listener({*parse_ip("127.0.0.1"), 0}, false);
  std::vector<std::unique_ptr<Peer>> peers;
  net::Watch acceptor;

  explicit FrozenMaster(Rig& the_rig)
      : rig(the_rig),
        context(std::move(*net::TlsContext::load(
            net::TlsRole::server,
            {rig.path("ca", "ca.crt"), rig.path("ca", "master-1.crt"), rig.path("ca", "master-1.key")},
            rig.clock.real()))),
        acceptor(rig.loop.on_readable(listening.get(), [this] {
          int error = 0;
          if (auto accepted = net::tcp_accept(listening, error); accepted.fd)
            peers.push_back(std::make_unique<Peer>(*this, std::move(accepted.fd)));
        })) {}
};

}  // namespace

BOOST_AUTO_TEST_SUITE(tls_session)

BOOST_AUTO_TEST_CASE(a_slave_registers_gets_its_services_and_races) {
  Rig rig;
  Master master(rig);
  Slave slave(rig, master.at(), "fra");
  BOOST_REQUIRE(
      rig.run_until([&] { return !master.slave("fra").ready.empty() && !slave.heartbeats.empty(); }));
  BOOST_TEST(slave.registered());
  BOOST_TEST(slave.welcomes.at(0).slave == "fra");
  BOOST_TEST(slave.welcomes.at(0).session == master.slave("fra").session);
  BOOST_TEST(slave.services.at(0).services.at(0).name == "web");
  BOOST_TEST(to_ns(slave.services.at(0).since) == 0);
  BOOST_TEST(slave.heartbeats.at(0).bound.count() == 1234);
  BOOST_TEST(master.slave("fra").orders.port == 4954);
  BOOST_TEST(!master.slave("fra").fit());

  BOOST_TEST(slave.link->send(racing()));
  BOOST_REQUIRE(rig.run_until([&] { return !master.reports.empty(); }));
  BOOST_TEST(master.slave("fra").fit());
  BOOST_TEST(master.reports.at(0).outcomes.at(0).race == 42U);
  BOOST_TEST(master.slave("fra").last_report.outcomes.empty());
  BOOST_TEST(!master.slave("nyc").registered);
  BOOST_TEST(rig.lines->has("slave fra registered from 127.0.0.1:"));
  BOOST_TEST(rig.lines->has("registered with master master-1"));
}

BOOST_AUTO_TEST_CASE(certificates_that_are_read_again_count_from_the_next_session_on) {
  Rig rig;
  rig.make_ca("new");
  for (const char* host : {"master-1", "fra", "nyc"}) rig.certify("new", host);
  Master master(rig);
  Slave fra(rig, master.at(), "fra");
  BOOST_REQUIRE(rig.run_until([&] { return fra.registered(); }));
  for (const char* file : {"ca.crt", "master-1.crt", "master-1.key", "fra.crt", "fra.key"})
    std::filesystem::copy(rig.path("new", file), rig.path("ca", file),
                          std::filesystem::copy_options::overwrite_existing);
  BOOST_REQUIRE(master.hub->reload_certificates().ok());
  const Slave nyc(rig, master.at(), "nyc", "master-1", "new", "new");
  BOOST_REQUIRE(rig.run_until([&] { return nyc.registered(); }));
  BOOST_TEST(fra.registered());  // with its old certificate
  BOOST_TEST(fra.welcomes.size() == 1U);

  // A session that is made anew needs what is good now.
  BOOST_REQUIRE(fra.link->reload_certificates().ok());
  master.hub->update({{"nyc", services("web")}});
  BOOST_REQUIRE(rig.run_until([&] { return !fra.registered(); }));
  master.hub->update({{"nyc", services("web")}, {"fra", services("web")}});
  BOOST_REQUIRE(rig.run_until([&] { return fra.welcomes.size() == 2; }));
}

BOOST_AUTO_TEST_CASE(certificates_that_are_not_good_change_nothing_when_they_are_read_again) {
  Rig rig;
  Master master(rig);
  const Slave fra(rig, master.at(), "fra");
  BOOST_REQUIRE(rig.run_until([&] { return fra.registered(); }));
  std::filesystem::remove(rig.path("ca", "master-1.crt"));
  std::filesystem::permissions(rig.path("ca", "fra.key"), std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  const auto master_said = master.hub->reload_certificates();
  const auto slave_said = fra.link->reload_certificates();
  BOOST_REQUIRE((!master_said.ok() && !slave_said.ok()));
  BOOST_TEST(master_said.error().find("master-1.crt") != std::string::npos);
  BOOST_TEST(slave_said.error().find("fra.key") != std::string::npos);
  const Slave nyc(rig, master.at(), "nyc");
  BOOST_TEST(rig.run_until([&] { return nyc.registered(); }));
  BOOST_TEST(fra.registered());
}

BOOST_AUTO_TEST_CASE(slaves_of_both_families_have_sessions_with_one_master) {
  Rig rig;
  const Master master(rig);
  BOOST_REQUIRE(master.hub->local().size() == 2U);
  const Slave four(rig, master.hub->local()[0], "fra");
  const Slave six(rig, master.hub->local()[1], "nyc");
  BOOST_REQUIRE(rig.run_until([&] { return four.registered() && six.registered(); }));
  BOOST_TEST((master.slave("fra").orders == Endpoint{*parse_ip("127.0.0.1"), 4954}));
  BOOST_TEST((master.slave("nyc").orders == Endpoint{*parse_ip("::1"), 4954}));
}

BOOST_AUTO_TEST_CASE(both_sides_hold_the_same_key_for_orders) {
  Rig rig;
  Master master(rig);
  Slave slave(rig, master.at(), "fra");
  BOOST_REQUIRE(rig.run_until([&] { return slave.registered() && master.slave("fra").registered; }));
  net::Sealer sealer(master.slave("fra").key, master.slave("fra").session, 0);
  net::Opener opener(slave.key);
  std::vector<std::uint8_t> datagram(100);
  (void)sealer.seal(datagram, 100 - net::kSealOverhead);
  BOOST_TEST((opener.open(datagram).verdict == net::Opener::Verdict::ok));
  BOOST_TEST((slave.key != net::SealKey{}));
}

BOOST_AUTO_TEST_CASE(heartbeats_measure_the_round_trip_and_keep_the_session) {
  Rig rig;
  Master master(rig);
  Slave slave(rig, master.at(), "fra");
  BOOST_REQUIRE(rig.run_until([&] { return slave.heartbeats.size() >= 5; }));
  BOOST_TEST(slave.registered());
  BOOST_TEST(slave.losses.empty());
  BOOST_TEST(master.slave("fra").round_trip.count() > 0);
  BOOST_TEST(master.slave("fra").round_trip.count() < kHeartbeat.count());
  BOOST_TEST(master.counter("control_registered") == 1U);
}

BOOST_AUTO_TEST_CASE(changed_services_are_sent_again_and_answered) {
  Rig rig;
  Master master(rig);
  Slave slave(rig, master.at(), "fra");
  BOOST_REQUIRE(rig.run_until([&] { return master.slave("fra").ready.size() == 1; }));
  auto changed = services("web");
  changed.services.push_back(services("mail").services[0]);
  master.hub->update({{"fra", changed}});
  BOOST_TEST(master.slave("fra").ready.empty());
  BOOST_REQUIRE(rig.run_until([&] { return master.slave("fra").ready.size() == 2; }));
  BOOST_TEST(slave.services.size() == 2U);
  BOOST_TEST(to_ns(slave.services.at(1).since) > 0);
  BOOST_TEST(master.hub->slaves().size() == 1U);  // nyc has no service any more
}

BOOST_AUTO_TEST_CASE(a_slave_whose_certificate_another_ca_signed_is_refused_with_a_clear_line) {
  Rig rig;
  rig.make_ca("other");
  rig.certify("other", "fra");
  // Its own check finds the mismatch before it dials.
  BOOST_CHECK_EXCEPTION(Slave(rig, *parse_endpoint("127.0.0.1:1"), "fra", "master-1", "other", "ca"),
                        std::runtime_error, [](const std::runtime_error& e) {
                          return std::string(e.what()).find("does not vouch for it") != std::string::npos;
                        });
  // A file with both CAs (a CA being replaced) passes that check; the master knows only one of them.
  std::filesystem::create_directory(rig.directory / "both");
  for (const char* ca : {"ca", "other"}) {
    std::ifstream in(rig.path(ca, "ca.crt"));
    std::ofstream(rig.path("both", "ca.crt"), std::ios::app) << in.rdbuf();
  }
  Master master(rig);
  Slave slave(rig, master.at(), "fra", "master-1", "other", "both");
  BOOST_REQUIRE(
      rig.run_until([&] { return rig.lines->has("it refused our certificate: its CA did not sign it"); }));
  BOOST_TEST(!slave.registered());
  BOOST_TEST(slave.welcomes.empty());
  BOOST_TEST(master.counter("control_handshake_failed") >= 1U);
  BOOST_TEST(!master.slave("fra").registered);
  BOOST_TEST(rig.lines->has("no TLS handshake: its certificate is not good"));
}

BOOST_AUTO_TEST_CASE(a_slave_does_not_trust_a_master_of_another_ca_or_name) {
  Rig rig;
  rig.make_ca("other");
  rig.certify("other", "master-1");
  {
    Master master(rig, 0, "master-1", "other");
    Slave slave(rig, master.at(), "fra");
    BOOST_REQUIRE(rig.run_until([&] { return rig.lines->has("its certificate is not good"); }));
    BOOST_TEST(!slave.registered());
  }
  Master master(rig, 0, "master-2");
  Slave slave(rig, master.at(), "fra");
  BOOST_REQUIRE(
      rig.run_until([&] { return rig.lines->has("its certificate is for 'master-2', not for 'master-1'"); }));
  BOOST_TEST(!slave.registered());
}

BOOST_AUTO_TEST_CASE(an_unknown_slave_name_is_refused_with_a_clear_line_on_both_sides) {
  Rig rig;
  Master master(rig);
  Slave slave(rig, master.at(), "stranger");
  BOOST_REQUIRE(rig.run_until([&] {
    return rig.lines->has("it refused us: no service of this master has a slave named 'stranger'");
  }));
  BOOST_TEST(rig.lines->has("slave 'stranger' from 127.0.0.1:"));
  BOOST_TEST(master.counter("control_refused_unknown") == 1U);
  BOOST_TEST(!slave.registered());
}

BOOST_AUTO_TEST_CASE(a_second_slave_of_the_same_name_is_refused_while_the_first_lives) {
  Rig rig;
  Master master(rig);
  auto first = std::make_unique<Slave>(rig, master.at(), "fra", "master-1", "ca", "ca", 1);
  BOOST_REQUIRE(rig.run_until([&] { return first->registered(); }));
  Slave second(rig, master.at(), "fra", "master-1", "ca", "ca", 2);
  BOOST_REQUIRE(
      rig.run_until([&] { return rig.lines->has("'fra' has a session already, from 127.0.0.1:"); }));
  rig.run_for(2 * kHeartbeat);
  BOOST_TEST(first->registered());
  BOOST_TEST(!second.registered());
  // Killed: its kernel closes the connection, which frees the name at once.
  first.reset();
  BOOST_REQUIRE(rig.run_until([&] { return second.registered(); }, seconds(5)));
  BOOST_TEST(master.slave("fra").sessions == 2U);
}

BOOST_AUTO_TEST_CASE(a_silent_slave_is_out_of_races_after_three_heartbeats) {
  Rig rig;
  Master master(rig);
  HandMade mute(rig, master.at(), "fra");
  BOOST_REQUIRE(rig.run_until([&] { return master.slave("fra").registered; }));
  const MonoTime registered = rig.clock.mono();
  const unsigned changes = master.changes;
  BOOST_REQUIRE(rig.run_until([&] { return !master.slave("fra").registered; }));
  BOOST_TEST((rig.clock.mono() - registered > 2 * kHeartbeat));
  BOOST_TEST((rig.clock.mono() - registered < 12 * kHeartbeat));
  BOOST_TEST(master.changes > changes);
  BOOST_TEST(master.counter("control_silent") == 1U);
  BOOST_TEST((master.slave("fra").key == net::SealKey{}));
  BOOST_REQUIRE(rig.run_until([&] { return mute.closed; }));
}

BOOST_AUTO_TEST_CASE(a_slave_leaves_a_silent_master_and_dials_again) {
  Rig rig;
  FrozenMaster frozen(rig);
  Slave slave(rig, net::local_endpoint(frozen.listening), "fra");
  BOOST_REQUIRE(rig.run_until([&] { return slave.registered(); }));
  BOOST_REQUIRE(rig.run_until([&] { return !slave.registered(); }));
  BOOST_TEST(slave.losses.at(0).starts_with("silent for 0."));
  BOOST_REQUIRE(rig.run_until([&] { return slave.welcomes.size() == 2; }));
}

BOOST_AUTO_TEST_CASE(after_a_restart_of_the_master_the_slave_is_back_within_five_seconds) {
  Rig rig;
  auto master = std::make_unique<Master>(rig);
  const Endpoint at = master->at();
  Slave slave(rig, at, "fra");
  BOOST_REQUIRE(rig.run_until([&] { return slave.registered(); }));
  const auto old_key = slave.key;
  const auto old_session = slave.welcomes.back().session;
  master.reset();
  BOOST_REQUIRE(rig.run_until([&] { return !slave.registered(); }));
  BOOST_TEST(slave.losses.size() == 1U);
  rig.run_for(seconds(1));
  BOOST_TEST(rig.lines->has("no connection: Connection refused"), rig.lines->all());
  Master again(rig, at.port);
  const MonoTime back = rig.clock.mono();
  BOOST_REQUIRE(rig.run_until([&] { return slave.registered(); }, seconds(5)));
  BOOST_TEST_MESSAGE("back after " << (rig.clock.mono() - back).count() / 1000000 << " ms");
  BOOST_TEST((slave.key != old_key));
  BOOST_TEST(slave.welcomes.back().session != old_session);
}

BOOST_AUTO_TEST_CASE(a_slave_keeps_sessions_with_several_masters) {
  Rig rig;
  Master one(rig);
  auto two = std::make_unique<Master>(rig, 0, "master-2");
  Slave to_one(rig, one.at(), "fra", "master-1");
  Slave to_two(rig, two->at(), "fra", "master-2");
  BOOST_REQUIRE(rig.run_until([&] { return to_one.registered() && to_two.registered(); }));
  BOOST_TEST((to_one.key != to_two.key));
  two.reset();
  BOOST_REQUIRE(rig.run_until([&] { return !to_two.registered(); }));
  rig.run_for(2 * kHeartbeat);
  BOOST_TEST(to_one.registered());
}

BOOST_AUTO_TEST_CASE(junk_on_the_port_is_counted_and_closed_while_sessions_go_on) {
  Rig rig;
  Master master(rig);
  Slave slave(rig, master.at(), "fra");
  BOOST_REQUIRE(rig.run_until([&] { return slave.registered(); }));
  for (const std::string& junk : {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(500, '\0'),
                                  std::string(5000, '\xff'), std::string("\x16\x03\x01\x00\x05hello", 10)}) {
    const std::uint64_t before = master.counter("control_handshake_failed");
    const net::Fd fd = dial(master.at());
    BOOST_TEST(write(fd.get(), junk.data(), junk.size()) > 0);
    shutdown(fd.get(), SHUT_WR);
    BOOST_TEST(rig.run_until([&] { return master.counter("control_handshake_failed") == before + 1; }));
  }
  BOOST_TEST(rig.lines->has("no TLS handshake: it does not speak TLS"));
  BOOST_TEST(slave.registered());
  BOOST_TEST(slave.losses.empty());
}

BOOST_AUTO_TEST_CASE(idle_connections_from_one_address_are_capped_and_sessions_go_on) {
  Rig rig;
  Master master(rig);
  Slave slave(rig, master.at(), "fra");
  BOOST_REQUIRE(rig.run_until([&] { return slave.registered(); }));
  std::vector<net::Fd> idle;
  idle.reserve(50);
  for (int i = 0; i < 50; ++i) idle.push_back(dial(master.at()));
  BOOST_REQUIRE(rig.run_until([&] { return master.counter("control_connections") == 51; }));
  BOOST_TEST(master.counter("control_over_limit") == 42U);
  rig.run_for(4 * kHeartbeat);
  BOOST_TEST(slave.registered());
  BOOST_TEST(slave.losses.empty());
}

BOOST_AUTO_TEST_CASE(a_message_that_may_not_come_ends_the_session) {
  Rig rig;
  Master master(rig);
  HandMade peer(rig, master.at(), "fra");
  BOOST_REQUIRE(rig.run_until([&] { return master.slave("fra").registered; }));
  BOOST_TEST(peer.stream.send(wire::Welcome{wire::kSessionVersion, 1, seconds(1), "fra", {}}));
  BOOST_REQUIRE(rig.run_until([&] { return peer.closed; }));
  BOOST_TEST(!master.slave("fra").registered);
  BOOST_TEST(master.counter("control_out_of_order") == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
