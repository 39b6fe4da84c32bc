// The socket side against a scripted chronyd, and against the real one.
#include "clocksync/chrony_source.hh"

#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "common/net/udp.hh"
#include "tests/unit/clocksync/real_chronyd.hh"

using namespace flagfall;             // NOLINT(*-using-namespace)
using namespace flagfall::clocksync;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;
using flagfall::testing::Directory;
using flagfall::testing::free_port;
using flagfall::testing::NeedsChronyd;
using flagfall::testing::RealChronyd;
using wire::ClockStatus;

namespace {

const Endpoint kLoopback = *parse_endpoint("127.0.0.1:1");  // NOLINT(cert-err58-cpp)

Endpoint any_port() {
  Endpoint e = kLoopback;
  e.port = 0;
  return e;
}

/// Runs the loop until `done` or the deadline; true when done.
template <class Done>
bool run_until(net::Loop& loop, Done done, Nanos most = 10s) {
  bool reached = false;
  const auto limit = loop.after(most, [&] { loop.stop(); });
  const auto look = loop.every(5ms, [&] {
    if (!done()) return;
    reached = true;
    loop.stop();
  });
  loop.run();
  return reached;
}

/// Answers requests in its own way, on the test's loop.
struct ScriptedChronyd {
  net::Loop& loop;
  net::Fd fd = net::udp_socket(any_port(), {});
  net::UdpReceiver receiver;
  net::UdpSender sender;
  unsigned requests = 0;
  std::uint16_t leap = 0;
  bool silent = false;
  net::Watch watch;

  explicit ScriptedChronyd(net::Loop& l) : loop(l) {
    watch = loop.on_readable(fd.get(), [this] { serve(); });
  }
  [[nodiscard]] std::string address() const { return to_string(net::local_endpoint(fd)); }
  void serve() {
    for (const net::Datagram& d : receiver.receive(fd)) {
      ++requests;
      BOOST_TEST(d.data.size() == wire::kChronyRequest);
      if (silent) continue;
      ByteWriter w(sender.room());
      w.u8(6);
      w.u8(2);
      w.u16(0);
      w.u16(33);
      w.u16(5);
      w.u16(0);
      for (int i = 0; i < 3; ++i) w.u16(0);
      w.bytes(d.data.subspan(8, 4));
      w.u64(0);
      for (int i = 0; i < 6; ++i) w.u32(0);
      w.u16(1);
      w.u16(leap);
      w.u32(0);  // it has measured just now
      w.u32(static_cast<std::uint32_t>(SystemClock().real().time_since_epoch() / 1s));
      while (w.size() < wire::kChronyTrackingReply) w.u8(0);
      sender.commit(w.size(), d.from);
    }
    sender.flush(fd);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(chrony_source)

BOOST_AUTO_TEST_CASE(a_chronyd_that_answers_gives_a_map_within_a_moment) {
  net::Loop loop;
  const SystemClock clock;
  SeededRandom random(1);
  ScriptedChronyd chronyd(loop);
  unsigned updates = 0;
  const ChronySource source(loop, clock, random, {chronyd.address(), 50ms},
                            [&](const RefMap&) { ++updates; });
  BOOST_TEST(run_until(loop, [&] { return source.current().status == ClockStatus::synchronised; }));
  BOOST_TEST(updates >= 2U);
  const Nanos difference =
      source.current().to_ref(clock.mono()).time_since_epoch() - clock.real().time_since_epoch();
  BOOST_TEST(std::chrono::abs(difference) < 1ms);
}

BOOST_AUTO_TEST_CASE(a_chronyd_that_falls_silent_is_noticed_and_its_return_too) {
  net::Loop loop;
  const SystemClock clock;
  SeededRandom random(1);
  ScriptedChronyd chronyd(loop);
  const ChronySource source(loop, clock, random, {chronyd.address(), 20ms}, [](const RefMap&) {});
  BOOST_TEST(run_until(loop, [&] { return source.current().status == ClockStatus::synchronised; }));
  chronyd.silent = true;
  BOOST_TEST(run_until(loop, [&] { return source.current().status == ClockStatus::unknown; }));
  BOOST_TEST(source.current().why.find("does not answer") != std::string::npos);
  BOOST_TEST(source.counters().timeouts.get() >= 3U);
  chronyd.silent = false;
  BOOST_TEST(run_until(loop, [&] { return source.current().status == ClockStatus::synchronised; }));
}

BOOST_AUTO_TEST_CASE(a_closed_port_is_a_status_with_a_reason_and_not_an_error) {
  net::Loop loop;
  const SystemClock clock;
  SeededRandom random(1);
  Endpoint closed = kLoopback;
  closed.port = free_port();
  const ChronySource source(loop, clock, random, {to_string(closed), 10ms}, [](const RefMap&) {});
  BOOST_TEST(run_until(loop, [&] { return source.counters().timeouts.get() >= 3; }));
  BOOST_TEST((source.current().status == ClockStatus::unknown));
  BOOST_TEST(source.current().why.find("cannot be asked: Connection refused") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_unix_socket_that_is_not_there_is_a_status_with_a_reason) {
  const Directory directory;
  net::Loop loop;
  const SystemClock clock;
  SeededRandom random(1);
  const ChronySource source(loop, clock, random, {directory.path + "/none.sock", 10ms}, [](const RefMap&) {});
  BOOST_TEST(run_until(loop, [&] { return source.counters().timeouts.get() >= 3; }));
  BOOST_TEST(source.current().why.find("No such file") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_address_that_is_none_is_refused_at_the_start) {
  net::Loop loop;
  const SystemClock clock;
  SeededRandom random(1);
  BOOST_CHECK_THROW(ChronySource(loop, clock, random, {"chronyd", 1s}, [](const RefMap&) {}),
                    std::runtime_error);
  BOOST_CHECK_THROW(
      ChronySource(loop, clock, random, {"/" + std::string(200, 'x') + "/s", 1s}, [](const RefMap&) {}),
      std::runtime_error);
}

BOOST_AUTO_TEST_CASE(the_real_chronyd_answers_by_udp_and_its_death_is_noticed,
                     *boost::unit_test::precondition(NeedsChronyd())) {
  const Directory directory;
  net::Loop loop;
  const SystemClock clock;
  SystemRandom random;
  Endpoint command = kLoopback;
  command.port = free_port();
  RealChronyd chronyd(directory.path, command.port);
  const ChronySource source(loop, clock, random, {to_string(command), 50ms}, [](const RefMap&) {});
  BOOST_REQUIRE(run_until(loop, [&] { return source.current().status == ClockStatus::synchronised; }));
  const Nanos difference =
      source.current().to_ref(clock.mono()).time_since_epoch() - clock.real().time_since_epoch();
  BOOST_TEST(std::chrono::abs(difference) < 1ms);
  BOOST_TEST((source.current().bound > 0ns && source.current().bound < 1ms));
  BOOST_TEST(source.counters().malformed.get() == 0U);
  chronyd.stop();
  BOOST_TEST(run_until(loop, [&] { return source.current().status == ClockStatus::unknown; }));
}

BOOST_AUTO_TEST_CASE(the_real_chronyd_answers_by_its_unix_socket_also_after_a_restart,
                     *boost::unit_test::precondition(NeedsChronyd())) {
  const Directory directory;
  net::Loop loop;
  const SystemClock clock;
  SystemRandom random;
  const std::uint16_t port = free_port();
  {
    RealChronyd chronyd(directory.path, port);
    const ChronySource source(loop, clock, random, {directory.path + "/chronyd.sock", 50ms},
                              [](const RefMap&) {});
    BOOST_REQUIRE(run_until(loop, [&] { return source.current().status == ClockStatus::synchronised; }));
    chronyd.stop();
    BOOST_TEST(run_until(loop, [&] { return source.current().status == ClockStatus::unknown; }));
    const RealChronyd again(directory.path, port);
    BOOST_TEST(run_until(loop, [&] { return source.current().status == ClockStatus::synchronised; }));
  }
  for (const auto& entry : std::filesystem::directory_iterator(directory.path))
    BOOST_TEST(!entry.path().filename().string().starts_with("flagfall."));
}

BOOST_AUTO_TEST_SUITE_END()
