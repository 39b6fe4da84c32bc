// The race over TCP as a whole, in one process over loopback: hand-off, segments, and who won.
#include <string>
#include <thread>

#include "common/net/tcp_handoff.hh"
#include "common/net/tcp_tap.hh"
#include "master/segment_race.hh"
#include "tests/unit/net/loopback_connection.hh"

using namespace flagfall;          // NOLINT(google-build-using-namespace): a test
using namespace flagfall::master;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;
using net::testing::readable;

namespace {

constexpr unsigned kRunners = 3;
constexpr Nanos kDelay = 8ms;
constexpr std::size_t kAnswer = 200;

struct Course : net::testing::LoopbackConnection {
  explicit Course(const char* ip) : LoopbackConnection(ip), tap(at) { tap.open(); }
  Course(const char* ip, Numbers numbers)
      : LoopbackConnection(ip, numbers), tap(at), timestamps(numbers.timestamps) {
    tap.open();
  }

  SegmentRace start() {
    ask("?");
    const net::TcpHandoff h = hand_over(std::string(kAnswer, 'm'));
    BOOST_REQUIRE((h.result == net::Handover::fits));
    SegmentRace race({.client = peer,
                      .server = at,
                      .send_next = h.send_next,
                      .receive_next = h.receive_next,
                      .window = h.window,
                      .clock = h.clock,
                      .answer = kAnswer,
                      .timestamps = timestamps},
                     kRunners, kDelay);
    inject(race.old_octet());
    return race;
  }
  void run(const SegmentRace& race, unsigned runner) const {
    const std::string text =
        std::string(race.early(runner), 'x') + std::string(kAnswer, static_cast<char>('a' + runner));
    wire::TcpSegment segment = race.segment(runner);
    segment.payload = as_bytes(text);
    inject(segment);
  }
  /// What the tap's packets say of the race, the first that says anything.
  SegmentRace::Told verdict(SegmentRace& race) {
    while (readable(tap.fd(), 1000))
      for (const net::TcpTap::Seen& each : tap.take())
        if (const auto told = race.look(each.packet); told.outcome != SegmentRace::Outcome::not_yet)
          return told;
    return {};
  }
  [[nodiscard]] std::string answer() const { return take(client, kAnswer); }

  net::TcpTap tap;
  bool timestamps = true;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(tcp_race, *boost::unit_test::precondition(net::testing::may_race))

BOOST_AUTO_TEST_CASE(the_client_takes_the_first_segment_and_its_acknowledgement_names_the_sender) {
  for (const char* ip : {"127.0.0.1", "::1"}) BOOST_TEST_CONTEXT(ip) {
      Course course(ip);
      for (unsigned i = 0; i < 12; ++i) {
        SegmentRace race = course.start();
        const auto begun = std::chrono::steady_clock::now();
        std::this_thread::sleep_for(kDelay);
        const unsigned winner = i % kRunners;
        course.run(race, winner);
        if (std::chrono::steady_clock::now() - begun > kMostTcpDelay) {  // this machine stood still
          (void)course.answer();
          (void)course.verdict(race);
          continue;
        }
        for (unsigned k = 0; k < kRunners; ++k)
          if (k != winner) course.run(race, k);
        BOOST_TEST(course.answer() == std::string(kAnswer, static_cast<char>('a' + winner)));
        const auto told = course.verdict(race);
        BOOST_TEST((told.outcome == SegmentRace::Outcome::won));
        BOOST_TEST(told.winner.value_or(kRunners) == winner);
      }
      BOOST_TEST(course.tap.lost() == 0U);
    }
}

BOOST_AUTO_TEST_CASE(a_race_goes_over_the_end_of_the_sequence_numbers) {
  for (const char* ip : {"127.0.0.1", "::1"})
    for (const std::uint32_t before : {0U, 1U, 57U, 199U, 200U, 201U})
      BOOST_TEST_CONTEXT(ip << " " << before) {
        // After the request, the answer's first octet has this number.
        Course course(ip, {.send_next = 0U - before, .receive_next = 0xffffffff});
        SegmentRace race = course.start();
        BOOST_TEST(race.connection().send_next == 0U - before);
        std::this_thread::sleep_for(kDelay);
        course.run(race, 1);
        course.run(race, 0);
        const std::string got = course.answer();
        if (got == std::string(kAnswer, 'm')) continue;  // this machine stood still
        BOOST_TEST(got == std::string(kAnswer, 'b'));
        BOOST_TEST(course.verdict(race).winner.value_or(kRunners) == 1U);
        course.ask("more");  // and the connection goes on
        Course::send(course.server, "answer");
        BOOST_TEST(Course::take(course.client, 6) == "answer");
      }
}

BOOST_AUTO_TEST_CASE(without_timestamps_the_winner_is_known_by_what_it_sent_early) {
  for (const char* ip : {"127.0.0.1", "::1"}) {
    Course course(ip, {.send_next = 0xfffffff0, .receive_next = 5, .timestamps = false});
    for (unsigned i = 0; i < 12; ++i) BOOST_TEST_CONTEXT(ip << " " << i) {
        SegmentRace race = course.start();
        std::this_thread::sleep_for(kDelay);
        const unsigned winner = i % kRunners;
        course.run(race, winner);
        for (unsigned k = 0; k < kRunners; ++k)
          if (k != winner) course.run(race, k);
        const std::string got = course.answer();
        const auto told = course.verdict(race);
        if (got == std::string(kAnswer, 'm')) continue;  // this machine stood still
        BOOST_TEST(got == std::string(kAnswer, static_cast<char>('a' + winner)));
        BOOST_TEST((told.outcome == SegmentRace::Outcome::won));
        BOOST_TEST(told.winner.value_or(kRunners) == winner);
      }
  }
}

BOOST_AUTO_TEST_CASE(forged_segments_in_a_race_change_neither_its_octets_nor_its_winner) {
  Course course("127.0.0.1");
  SegmentRace race = course.start();
  // Of the client, to the master: numbers that are near and wrong. RFC 5961 answers them with challenges.
  const wire::TcpSegment own = race.segment(0);
  wire::TcpSegment forged{.source = course.peer,
                          .destination = course.at,
                          .sequence = own.acknowledgement + 100,
                          .acknowledgement = own.sequence + 100000,
                          .window = 100,
                          .timestamps = wire::TcpTimestamps{1, race.timestamp(2)},
                          .payload = {}};
  course.inject(forged);
  forged.acknowledgement = own.sequence - 100000;
  course.inject(forged);
  // To the client: of a slave that is none, before and behind the answer.
  const std::string text(kAnswer, 'x');
  wire::TcpSegment other = own;
  other.payload = as_bytes(text);
  other.sequence -= 100000;
  course.inject(other);
  other.sequence = own.sequence + (1U << 30U);
  course.inject(other);
  std::this_thread::sleep_for(kDelay);
  course.run(race, 0);
  course.run(race, 1);
  const std::string got = course.answer();
  if (got == std::string(kAnswer, 'm')) return;  // this machine stood still
  BOOST_TEST(got == std::string(kAnswer, 'a'));
  const auto told = course.verdict(race);
  BOOST_TEST((told.outcome == SegmentRace::Outcome::won || told.outcome == SegmentRace::Outcome::unclear));
  BOOST_TEST(told.winner.value_or(0) == 0U);
  course.ask("more");
}

BOOST_AUTO_TEST_CASE(without_segments_the_master_s_own_copy_is_told_from_a_win) {
  Course course("127.0.0.1");
  SegmentRace race = course.start();
  BOOST_TEST(course.answer() == std::string(kAnswer, 'm'));
  BOOST_TEST((course.verdict(race).outcome == SegmentRace::Outcome::fallback));
}

BOOST_AUTO_TEST_CASE(a_client_that_resets_ends_the_race) {
  Course course("127.0.0.1");
  SegmentRace race = course.start();
  const linger at_once{1, 0};
  net::check(setsockopt(course.client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), "SO_LINGER");
  course.client = net::Fd();
  BOOST_TEST((course.verdict(race).outcome == SegmentRace::Outcome::closed));
}

BOOST_AUTO_TEST_CASE(a_tap_shows_nothing_else) {
  Course course("127.0.0.1");
  Course other("127.0.0.1");
  (void)course.tap.take();
  Course::send(other.client, "?");   // to another port
  Course::send(course.client, "?");  // with data
  BOOST_TEST(!readable(course.tap.fd(), 100));
  course.tap.shut();
  Course::send(course.server, "!");
  BOOST_TEST(!readable(course.tap.fd(), 100));
  course.tap.open();
  Course::send(course.server, "!");
  BOOST_TEST(readable(course.tap.fd(), 1000));  // its acknowledgement
}

BOOST_AUTO_TEST_CASE(packets_that_cannot_be_read_hide_no_others) {
  Course course("127.0.0.1");
  (void)course.tap.take();
  const wire::TcpSegment sound{.source = course.peer,
                               .destination = course.at,
                               .window = 1,
                               .timestamps = wire::TcpTimestamps{1, 2},
                               .payload = {}};
  const net::SockAddr to(Endpoint{course.at.ip, 0});
  std::array<std::uint8_t, 200> room{};
  const std::size_t length = wire::write_tcp_packet(sound, room);
  const auto send = [&] {
    BOOST_REQUIRE(sendto(course.raw.get(), room.data(), length, 0, &to.any, to.length) ==
                  static_cast<ssize_t>(length));
  };
  std::uint8_t& size = room.at(20 + 20 + 2 + 1);  // of the timestamps, behind two octets of padding
  BOOST_REQUIRE(size == 10);
  size = 1;
  for (unsigned i = 0; i < 3 * net::TcpTap::kBatch; ++i) send();
  size = 10;
  send();
  BOOST_REQUIRE(readable(course.tap.fd(), 1000));
  const auto got = course.tap.take();
  BOOST_REQUIRE(got.size() == 1U);
  BOOST_TEST((got.front().packet.source == course.peer));
}

BOOST_AUTO_TEST_SUITE_END()
