// The race over TCP as a whole, in one process over loopback: hand-off, segments, and who won.
#include <poll.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>
#include <string>
#include <thread>

#include "common/net/privileges.hh"
#include "common/net/raw_ip.hh"
#include "common/net/sockaddr.hh"
#include "common/net/tcp.hh"
#include "common/net/tcp_handoff.hh"
#include "common/net/tcp_tap.hh"
#include "common/net/udp.hh"
#include "master/segment_race.hh"

using namespace flagfall;          // NOLINT(google-build-using-namespace): a test
using namespace flagfall::master;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;

namespace {

constexpr unsigned kRunners = 3;
constexpr Nanos kDelay = 8ms;
constexpr std::size_t kAnswer = 200;

boost::test_tools::assertion_result privileged(boost::unit_test::test_unit_id /*unit*/) {
  boost::test_tools::assertion_result result(net::has_capability(net::Capability::net_admin) &&
                                             net::has_capability(net::Capability::net_raw));
  result.message() << "needs CAP_NET_ADMIN and CAP_NET_RAW";
  return result;
}

bool readable(const net::Fd& fd, int ms) {
  pollfd p{fd.get(), POLLIN, 0};
  return poll(&p, 1, ms) == 1;
}

struct Course {
  explicit Course(const char* ip)
      : listener(net::tcp_listener({*parse_ip(ip), 0}, false)),
        at(net::local_endpoint(listener)),
        raw(net::raw_ip_socket(at.ip.family, 1 << 16)),
        tap(at) {
    const net::SockAddr to(at);
    client = net::Fd(socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    net::check(connect(client.get(), &to.any, to.length), "connect");
    BOOST_REQUIRE(readable(listener, 2000));
    server = net::Fd(
        net::check(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC), "accept"));
    peer = net::local_endpoint(client);
    tap.open();
  }

  SegmentRace start() {
    BOOST_REQUIRE(send(client.get(), "?", 1, 0) == 1);
    BOOST_REQUIRE(readable(server, 2000));
    char c = 0;
    BOOST_REQUIRE(recv(server.get(), &c, 1, 0) == 1);
    const net::TcpHandoff h = net::hand_over(server, std::string(kAnswer, 'm'));
    BOOST_REQUIRE((h.result == net::Handover::fits));
    const SegmentRace race({.client = peer,
                            .server = at,
                            .send_next = h.send_next,
                            .receive_next = h.receive_next,
                            .window = h.window,
                            .clock = h.clock,
                            .answer = kAnswer},
                           kRunners, kDelay);
    inject(race.old_octet());
    return race;
  }
  void inject(const wire::TcpSegment& segment) const {
    std::array<std::uint8_t, 2000> room{};
    const std::size_t length = wire::write_tcp_packet(segment, room);
    const net::SockAddr to(Endpoint{peer.ip, 0});
    BOOST_REQUIRE(sendto(raw.get(), room.data(), length, 0, &to.any, to.length) ==
                  static_cast<ssize_t>(length));
  }
  void run(const SegmentRace& race, unsigned runner) const {
    const std::string text(kAnswer, static_cast<char>('a' + runner));
    wire::TcpSegment segment = race.segment(runner);
    segment.payload = as_bytes(text);
    inject(segment);
  }
  /// What the tap's packets say of the race, the first that says anything.
  SegmentRace::Told verdict(const SegmentRace& race) {
    while (readable(tap.fd(), 1000))
      for (const wire::TcpView& each : tap.take())
        if (const auto told = race.look(each); told.outcome != SegmentRace::Outcome::not_yet) return told;
    return {};
  }
  [[nodiscard]] std::string take() const {
    std::string out(kAnswer, '\0');
    std::size_t got = 0;
    while (got < kAnswer && readable(client, 2000)) {
      const ssize_t n = recv(client.get(), out.data() + got, kAnswer - got, 0);
      if (n <= 0) break;
      got += static_cast<std::size_t>(n);
    }
    out.resize(got);
    return out;
  }

  net::Fd listener;
  Endpoint at;
  net::Fd raw;
  net::TcpTap tap;
  net::Fd client;
  net::Fd server;
  Endpoint peer;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(tcp_race, *boost::unit_test::precondition(privileged))

BOOST_AUTO_TEST_CASE(the_client_takes_the_first_segment_and_its_acknowledgement_names_the_sender) {
  for (const char* ip : {"127.0.0.1", "::1"}) BOOST_TEST_CONTEXT(ip) {
      Course course(ip);
      for (unsigned i = 0; i < 12; ++i) {
        const SegmentRace race = course.start();
        const auto begun = std::chrono::steady_clock::now();
        std::this_thread::sleep_for(kDelay);
        const unsigned winner = i % kRunners;
        course.run(race, winner);
        if (std::chrono::steady_clock::now() - begun > kMostTcpDelay) {  // this machine stood still
          (void)course.take();
          (void)course.verdict(race);
          continue;
        }
        for (unsigned k = 0; k < kRunners; ++k)
          if (k != winner) course.run(race, k);
        BOOST_TEST(course.take() == std::string(kAnswer, static_cast<char>('a' + winner)));
        const auto told = course.verdict(race);
        BOOST_TEST((told.outcome == SegmentRace::Outcome::won));
        BOOST_TEST(told.winner.value_or(kRunners) == winner);
      }
      BOOST_TEST(course.tap.lost() == 0U);
    }
}

BOOST_AUTO_TEST_CASE(without_segments_the_master_s_own_copy_is_told_from_a_win) {
  Course course("127.0.0.1");
  const SegmentRace race = course.start();
  BOOST_TEST(course.take() == std::string(kAnswer, 'm'));
  BOOST_TEST((course.verdict(race).outcome == SegmentRace::Outcome::fallback));
}

BOOST_AUTO_TEST_CASE(a_client_that_resets_ends_the_race) {
  Course course("127.0.0.1");
  const SegmentRace race = course.start();
  const linger at_once{1, 0};
  net::check(setsockopt(course.client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), "SO_LINGER");
  course.client = net::Fd();
  BOOST_TEST((course.verdict(race).outcome == SegmentRace::Outcome::closed));
}

BOOST_AUTO_TEST_CASE(a_tap_shows_nothing_else) {
  Course course("127.0.0.1");
  Course other("127.0.0.1");
  (void)course.tap.take();
  BOOST_REQUIRE(send(other.client.get(), "?", 1, 0) == 1);   // to another port
  BOOST_REQUIRE(send(course.client.get(), "?", 1, 0) == 1);  // with data
  BOOST_TEST(!readable(course.tap.fd(), 100));
  course.tap.shut();
  BOOST_REQUIRE(send(course.server.get(), "!", 1, 0) == 1);
  BOOST_TEST(!readable(course.tap.fd(), 100));
  course.tap.open();
  BOOST_REQUIRE(send(course.server.get(), "!", 1, 0) == 1);
  BOOST_TEST(readable(course.tap.fd(), 1000));  // its acknowledgement
}

BOOST_AUTO_TEST_SUITE_END()
