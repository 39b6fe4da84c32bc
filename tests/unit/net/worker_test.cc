#include "common/net/worker.hh"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <optional>
#include <thread>

using flagfall::net::Callback;
using flagfall::net::Loop;
using flagfall::net::Watch;
using flagfall::net::Worker;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(worker)

BOOST_AUTO_TEST_CASE(work_runs_in_another_thread_and_its_result_on_the_loops) {
  Loop loop;
  Worker worker(loop);
  const auto here = std::this_thread::get_id();
  std::thread::id there;
  bool done = false;
  worker.start([&]() -> Callback {
    there = std::this_thread::get_id();
    return [&] {
      done = std::this_thread::get_id() == here && !worker.busy();
      loop.stop();
    };
  });
  BOOST_TEST(worker.busy());
  BOOST_TEST(!done);
  const Watch limit = loop.after(10s, [&] { loop.stop(); });
  loop.run();
  BOOST_TEST(done);
  BOOST_TEST((there != here));
}

BOOST_AUTO_TEST_CASE(the_loop_goes_on_while_work_is_under_way) {
  Loop loop;
  Worker worker(loop);
  std::atomic<bool> go = false;
  bool finished = false;
  unsigned ticks = 0;
  worker.start([&]() -> Callback {
    while (!go) std::this_thread::sleep_for(1ms);
    return [&] {
      finished = true;
      loop.stop();
    };
  });
  const Watch tick = loop.every(1ms, [&] { go = ++ticks >= 5; });
  loop.run();
  BOOST_TEST(finished);
  BOOST_TEST(ticks >= 5U);
}

BOOST_AUTO_TEST_CASE(one_piece_of_work_follows_another_from_its_own_result) {
  Loop loop;
  Worker worker(loop);
  int pieces = 0;
  Worker::Work work = [&]() -> Callback {
    return [&] {
      if (++pieces < 3) return worker.start(work);
      loop.stop();
    };
  };
  worker.start(work);
  const Watch limit = loop.after(10s, [&] { loop.stop(); });
  loop.run();
  BOOST_TEST(pieces == 3);
}

BOOST_AUTO_TEST_CASE(a_worker_that_goes_waits_for_its_work_and_forgets_the_result) {
  Loop loop;
  std::atomic<bool> worked = false;
  bool called = false;
  {
    std::optional<Worker> worker(std::in_place, loop);
    worker->start([&]() -> Callback {
      std::this_thread::sleep_for(5ms);
      worked = true;
      return [&] { called = true; };
    });
    worker.reset();
    BOOST_TEST(worked.load());
  }
  const Watch end = loop.after(5ms, [&] { loop.stop(); });
  loop.run();
  BOOST_TEST(!called);
}

BOOST_AUTO_TEST_SUITE_END()
