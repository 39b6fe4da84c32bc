#include "common/net/loop.hh"

#include <sys/eventfd.h>
#include <csignal>
#include <thread>

#include <boost/test/unit_test.hpp>

#include "common/net/fd.hh"

using namespace std::chrono_literals;
using flagfall::net::Loop;
using flagfall::net::Watch;

BOOST_AUTO_TEST_SUITE(loop)

BOOST_AUTO_TEST_CASE(timers_fire_in_order_and_stop_ends_it) {
  Loop loop;
  std::string order;
  const Watch late = loop.after(20ms, [&] {
    order += "b";
    loop.stop();
  });
  const Watch early = loop.after(5ms, [&] { order += "a"; });
  loop.run();
  BOOST_TEST(order == "ab");
}

BOOST_AUTO_TEST_CASE(a_paused_watch_waits_until_it_is_resumed) {
  Loop loop;
  const flagfall::net::Fd fd(eventfd(1, EFD_NONBLOCK));
  int fired = 0;
  Watch watch = loop.on_readable(fd.get(), [&] {
    ++fired;
    loop.stop();
  });
  watch.pause();
  const Watch later = loop.after(10ms, [&] {
    BOOST_TEST(fired == 0);
    watch.resume();
  });
  loop.run();
  BOOST_TEST(fired == 1);
}

BOOST_AUTO_TEST_CASE(a_destroyed_watch_never_fires) {
  Loop loop;
  bool fired = false;
  Watch doomed = loop.after(1ms, [&] { fired = true; });
  doomed = Watch();
  const Watch end = loop.after(10ms, [&] { loop.stop(); });
  loop.run();
  BOOST_TEST(!fired);
}

BOOST_AUTO_TEST_CASE(a_watch_may_be_destroyed_and_replaced_from_its_own_callback) {
  Loop loop;
  int ticks = 0;
  Watch tick;
  tick = loop.every(1ms, [&] {
    ++ticks;
    tick = loop.after(1ms, [&] {
      ticks += 10;
      tick = Watch();
      loop.stop();
    });
  });
  loop.run();
  BOOST_TEST(ticks == 11);
}

BOOST_AUTO_TEST_CASE(another_threads_post_runs_on_the_loop) {
  Loop loop;
  const auto own = std::this_thread::get_id();
  std::thread::id ran;
  std::jthread other([&] {
    loop.post([&] {
      ran = std::this_thread::get_id();
      loop.stop();
    });
  });
  loop.run();
  BOOST_TEST((ran == own));
}

BOOST_AUTO_TEST_CASE(a_readable_descriptor_and_a_signal_are_seen) {
  Loop loop;
  const flagfall::net::Fd fd(eventfd(1, EFD_NONBLOCK));
  bool read = false, signalled = false;
  const Watch readable = loop.on_readable(fd.get(), [&] {
    std::uint64_t n = 0;
    read = ::read(fd.get(), &n, sizeof n) == sizeof n;
    (void)raise(SIGUSR1);
  });
  const Watch signal = loop.on_signal(SIGUSR1, [&] {
    signalled = true;
    loop.stop();
  });
  loop.run();
  BOOST_TEST(read);
  BOOST_TEST(signalled);
}

BOOST_AUTO_TEST_SUITE_END()
