// The slave's small pure parts.
#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>
#include <vector>

#include "common/base/random.hh"
#include "common/base/spsc_ring.hh"
#include "slave/deadline_queue.hh"
#include "slave/fitness.hh"
#include "slave/raw_header.hh"
#include "slave/shot.hh"
#include "slave/stamp_window.hh"

using namespace flagfall;         // NOLINT(*-using-namespace)
using namespace flagfall::slave;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;
using wire::ClockStatus;

namespace {

MonoTime at(Nanos t) {
  return MonoTime(t);
}

/// RFC 1071, the plain way: the sum of a right packet with its pseudo header is all ones.
std::uint32_t ones_sum(Bytes data, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < data.size(); ++i)
    sum += static_cast<std::uint32_t>(data[i]) << (i % 2 == 0 ? 8 : 0);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

clocksync::RefMap own_clock(ClockStatus status, Nanos bound) {
  clocksync::RefMap map;
  map.status = status;
  map.bound = bound;
  map.measured = at(1000s);
  if (status == ClockStatus::unknown) map.why = "chronyd does not answer";
  return map;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(parts)

BOOST_AUTO_TEST_CASE(the_queue_gives_the_nearest_deadline_first_and_equals_in_order) {
  DeadlineQueue queue(1000);
  SeededRandom random(1);
  std::vector<std::pair<MonoTime, std::uint32_t>> expected;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const MonoTime due = at(Nanos(static_cast<std::int64_t>(random.next() % 100)));
    expected.emplace_back(due, i);
    queue.add(due, i);
  }
  std::ranges::stable_sort(expected, {}, &std::pair<MonoTime, std::uint32_t>::first);
  std::vector<std::uint32_t> out(7);
  std::size_t seen = 0;
  while (!queue.empty()) {
    const std::size_t n = queue.take(MonoTime::max(), out);
    for (std::size_t i = 0; i < n; ++i) BOOST_TEST(out[i] == expected[seen++].second);
  }
  BOOST_TEST(seen == 1000U);
}

BOOST_AUTO_TEST_CASE(the_queue_gives_nothing_that_is_not_due) {
  DeadlineQueue queue(4);
  queue.add(at(20ns), 1);
  queue.add(at(10ns), 2);
  std::vector<std::uint32_t> out(4);
  BOOST_TEST(queue.take(at(9ns), out) == 0U);
  BOOST_TEST((queue.next() == at(10ns)));
  BOOST_TEST(queue.take(at(10ns), out) == 1U);
  BOOST_TEST(out[0] == 2U);
  BOOST_TEST(queue.size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_ring_refuses_when_full_and_keeps_order) {
  SpscRing<std::uint32_t> ring(4);
  for (std::uint32_t i = 0; i < 4; ++i) BOOST_TEST(ring.push(i));
  BOOST_TEST(!ring.push(4));
  std::uint32_t value = 9;
  BOOST_TEST(ring.pop(value));
  BOOST_TEST(value == 0U);
  BOOST_TEST(ring.push(4));
  for (std::uint32_t i = 1; i <= 4; ++i) {
    BOOST_TEST(ring.pop(value));
    BOOST_TEST(value == i);
  }
  BOOST_TEST(ring.empty());
  BOOST_TEST(!ring.pop(value));
}

BOOST_AUTO_TEST_CASE(two_threads_lose_and_double_nothing_in_the_ring) {
  constexpr std::uint32_t kMany = 50'000;
  SpscRing<std::uint32_t> ring(256);
  std::thread producer([&] {
    for (std::uint32_t i = 0; i < kMany;)
      if (ring.push(i)) {
        ++i;
      } else {
        std::this_thread::yield();
      }
  });
  std::uint32_t next = 0;
  bool in_order = true;
  while (next < kMany) {
    std::uint32_t value = 0;
    if (!ring.pop(value)) {
      std::this_thread::yield();
      continue;
    }
    in_order = in_order && value == next;
    ++next;
  }
  producer.join();
  BOOST_TEST(in_order);
}

BOOST_AUTO_TEST_CASE(the_pool_gives_each_slot_once_and_says_when_it_is_empty) {
  ShotPool pool(3);
  std::vector<std::uint32_t> taken;
  while (const auto index = pool.take()) taken.push_back(*index);
  std::ranges::sort(taken);
  BOOST_TEST(taken == (std::vector<std::uint32_t>{0, 1, 2}), boost::test_tools::per_element());
  BOOST_TEST(pool.in_use() == 3U);
  pool.give_back(1);
  BOOST_TEST(*pool.take() == 1U);
  BOOST_TEST(pool.answer(2).data() - pool.answer(1).data() == static_cast<std::ptrdiff_t>(kMaxPacket));
}

BOOST_AUTO_TEST_CASE(a_shot_goes_with_the_answer_that_was_offered_before_its_turn_and_with_no_later_one) {
  ShotPool pool(4);
  const auto shot = *pool.take();
  const auto better = *pool.take();
  BOOST_TEST(!pool.offer(shot, better));  // it is not open
  BOOST_TEST(pool.settle(shot) == shot);
  pool.open(shot);
  BOOST_TEST(pool.offer(shot, better));
  BOOST_TEST(!pool.offer(shot, better));
  BOOST_TEST(pool.settle(shot) == better);
  BOOST_TEST(pool.settle(shot) == better);
  BOOST_TEST((pool.offered(shot) == better));
  const std::uint32_t turn = pool.turn(shot);
  pool.give_back(shot);
  BOOST_TEST(pool.turn(shot) != turn);
  const auto next = *pool.take();
  BOOST_TEST(pool.settle(next) == next);  // nothing is left of what was
  pool.open(next);
  BOOST_TEST(pool.settle(next) == next);
  BOOST_TEST(!pool.offer(next, better));
  BOOST_TEST(!pool.offered(next));
}

BOOST_AUTO_TEST_CASE(a_shot_that_is_settled_on_one_thread_and_offered_an_answer_on_another_has_one) {
  ShotPool pool(2);
  for (int i = 0; i < 2000; ++i) {
    const auto shot = *pool.take();
    const auto better = *pool.take();
    pool.open(shot);
    pool[better].length = static_cast<std::uint16_t>(i);
    std::uint32_t settled = 0;
    std::thread sender([&] {
      settled = pool.settle(shot);
      if (settled == better && pool[better].length != i) settled = 99;
    });
    const bool taken = pool.offer(shot, better);
    sender.join();
    BOOST_REQUIRE(settled == (taken ? better : shot));
    pool.give_back(better);
    pool.give_back(shot);
  }
}

BOOST_AUTO_TEST_CASE(stamps_find_their_shots_in_any_order_and_only_once) {
  StampWindow window;
  for (std::uint32_t i = 0; i < 5; ++i) window.sent({100 + i, at(Nanos(i))});
  BOOST_TEST(window.stamped(3)->shot == 103U);
  BOOST_TEST(!window.stamped(3));
  BOOST_TEST(!window.stamped(5));
  BOOST_TEST(!window.stamped(0xffffffff));
  BOOST_TEST(window.oldest().shot == 100U);
  BOOST_TEST(window.stamped(0)->shot == 100U);
  BOOST_TEST(window.oldest().shot == 101U);
  window.give_up_oldest();
  BOOST_TEST(!window.stamped(1));
  BOOST_TEST(window.stamped(2)->shot == 102U);
  BOOST_TEST(window.oldest().shot == 104U);  // 3 was answered long ago
  BOOST_TEST(window.stamped(4)->shot == 104U);
  BOOST_TEST(window.empty());
}

BOOST_AUTO_TEST_CASE(a_stamp_window_fills_up_and_counts_on_past_its_size) {
  StampWindow window;
  for (std::uint32_t i = 0; i < StampWindow::kSize; ++i) window.sent({i, at(0ns)});
  BOOST_TEST(window.full());
  for (std::uint32_t i = 0; i < 2 * StampWindow::kSize; ++i) {
    BOOST_TEST(window.oldest().shot == i);
    window.give_up_oldest();
    window.sent({StampWindow::kSize + i, at(0ns)});
  }
  BOOST_TEST(window.stamped(3 * StampWindow::kSize - 1)->shot == 3 * StampWindow::kSize - 1);
}

BOOST_AUTO_TEST_CASE(raw_headers_have_right_lengths_addresses_and_checksums) {
  SeededRandom random(5);
  for (const auto& [from, to] : {std::pair{"192.0.2.1:53", "198.51.100.9:40000"},
                                 std::pair{"[2001:db8::1]:53", "[2001:db8:ffff::9]:40000"}}) {
    for (const std::size_t length : {0U, 1U, 2U, 63U, 1232U}) {
      std::vector<std::uint8_t> payload(length);
      for (std::uint8_t& octet : payload) octet = static_cast<std::uint8_t>(random.next());
      std::array<std::uint8_t, kRawHeaderRoom> room{};
      const Endpoint source = *parse_endpoint(from), destination = *parse_endpoint(to);
      const std::size_t size = write_raw_header(source, destination, payload, room);
      const bool v4 = source.ip.family == Family::v4;
      BOOST_TEST(size == (v4 ? 28U : 48U));
      const Bytes udp = Bytes(room).subspan(size - 8, 8);
      BOOST_TEST((udp[0] << 8 | udp[1]) == 53);
      BOOST_TEST((udp[2] << 8 | udp[3]) == 40000);
      BOOST_TEST(static_cast<std::size_t>(udp[4] << 8 | udp[5]) == 8 + length);
      BOOST_TEST((udp[6] | udp[7]) != 0);
      std::uint32_t sum = ones_sum(source.ip.bytes());
      sum = ones_sum(destination.ip.bytes(), sum);
      sum = ones_sum(payload, sum + 17 + static_cast<std::uint32_t>(8 + length));
      BOOST_TEST(ones_sum(udp, sum) == 0xffffU);
      const Bytes total = v4 ? Bytes(room).subspan(2, 2) : Bytes(room).subspan(4, 2);
      BOOST_TEST(static_cast<std::size_t>(total[0] << 8 | total[1]) == 8 + length + (v4 ? 20 : 0));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_checksum_that_comes_out_as_zero_is_written_as_all_ones) {
  // Two octets that make the sum all ones, found by trying: zero on the wire would mean "no checksum".
  const Endpoint source = *parse_endpoint("192.0.2.1:53"), destination = *parse_endpoint("192.0.2.2:1024");
  unsigned zeros = 0, ones = 0;
  for (unsigned word = 0; word <= 0xffff; ++word) {
    const std::array<std::uint8_t, 2> payload = {static_cast<std::uint8_t>(word >> 8),
                                                 static_cast<std::uint8_t>(word)};
    std::array<std::uint8_t, kRawHeaderRoom> room{};
    write_raw_header(source, destination, payload, room);
    const auto checksum = static_cast<unsigned>(room[26] << 8 | room[27]);
    zeros += checksum == 0 ? 1 : 0;
    ones += checksum == 0xffff ? 1 : 0;
  }
  BOOST_TEST(zeros == 0U);
  BOOST_TEST(ones >= 1U);
}

BOOST_AUTO_TEST_CASE(a_slave_races_when_both_clocks_are_good_enough_together) {
  Fitness fitness(5ms);
  const MasterClock master{ClockStatus::synchronised, 2ms, at(1000s)};
  BOOST_TEST(!fitness.racing());
  BOOST_TEST(fitness.update(own_clock(ClockStatus::synchronised, 2ms), master, at(1000s)));
  BOOST_TEST(fitness.racing());
  BOOST_TEST((fitness.bound() == 4ms));
  BOOST_TEST(!fitness.update(own_clock(ClockStatus::free_running, 2ms), master, at(1000s)));
  BOOST_TEST(fitness.racing());
  BOOST_TEST(fitness.update(own_clock(ClockStatus::synchronised, 4ms), master, at(1000s)));
  BOOST_TEST(!fitness.racing());
  BOOST_TEST(fitness.why_not() ==
             "clock bound 6.000 ms (own 4.000 + master's 2.000) is above clock.max_error 5.000 ms");
}

BOOST_AUTO_TEST_CASE(an_unknown_clock_on_either_side_stands_the_slave_down_and_says_whose) {
  Fitness fitness(5ms);
  const auto own = own_clock(ClockStatus::synchronised, 1us);
  const MasterClock good{ClockStatus::synchronised, 1us, at(1000s)};
  fitness.update(own, good, at(1000s));
  BOOST_TEST(fitness.update(own, MasterClock{ClockStatus::unknown, 0ns, at(1000s)}, at(1000s)));
  BOOST_TEST(!fitness.racing());
  BOOST_TEST(fitness.why_not() == "the master's clock is not synchronised");
  BOOST_TEST(fitness.update(own_clock(ClockStatus::unknown, 1us), good, at(1000s)));
  BOOST_TEST(fitness.why_not() == "clock: chronyd does not answer");
  auto trouble = own_clock(ClockStatus::unknown, 1us);
  trouble.why = "1 of 3 servers agree";
  BOOST_TEST(fitness.update(trouble, good, at(1000s)));  // another trouble is news
  trouble.why = "2 of 3 servers agree";
  BOOST_TEST(!fitness.update(trouble, good, at(1000s)));  // another figure is not
  BOOST_TEST(fitness.update(own, good, at(1000s)));
  BOOST_TEST(fitness.racing());
  BOOST_TEST(fitness.why_not().empty());
}

BOOST_AUTO_TEST_CASE(a_clock_by_which_a_heartbeat_would_arrive_before_it_was_sent_stands_the_slave_down) {
  Fitness fitness(5ms);
  MasterClock master{ClockStatus::synchronised, 1ms, at(1000s)};
  auto own = own_clock(ClockStatus::synchronised, 2ms);
  const Nanos truth = 5000s;
  // 6 ms there, held 500 ms, 4 ms back.
  const auto ref = [&](Nanos t) { return RefTime(at(1000s + t).time_since_epoch() + truth); };
  master.exchange = clocksync::Exchange{0, at(1000s), ref(6ms), ref(506ms), at(1000s + 510ms)};
  Nanos when = 1000s;
  const auto races = [&](Nanos error) {
    own.offset = truth + error;
    own.measured = at(when += Fitness::kPenance);
    master.heard = own.measured;
    fitness.update(own, master, own.measured);
    return fitness.racing();
  };
  // The way and the bounds explain so much, and no more.
  BOOST_TEST(races(0ms));
  BOOST_TEST(races(9ms));
  BOOST_TEST(races(-7ms));
  BOOST_TEST(!races(9'001us));
  BOOST_TEST(fitness.why_not().starts_with("our clock is 3.001 ms or more ahead of the master's"));
  BOOST_TEST(!races(-7'001us));
  BOOST_TEST(fitness.why_not().starts_with("our clock is 3.001 ms or more behind the master's"));
  BOOST_TEST(!races(1h));
  BOOST_TEST(!races(-1h));
  // What contradicts nothing proves nothing either: it takes some time to be believed again.
  own.offset = truth;
  fitness.update(own, master, at(when + Fitness::kPenance - 1ns));
  BOOST_TEST(!fitness.racing());
  BOOST_TEST(fitness.why_not().find("or more behind the master's") != std::string::npos);
  BOOST_TEST(races(1ms));
}

BOOST_AUTO_TEST_CASE(bounds_grow_with_age_on_both_sides_until_the_slave_stands_down) {
  Fitness fitness(5ms);
  const auto own = own_clock(ClockStatus::free_running, 2ms);
  const MasterClock master{ClockStatus::synchronised, 2ms, at(1000s)};
  fitness.update(own, master, at(1009s));
  BOOST_TEST(fitness.racing());
  fitness.update(own, master, at(1011s));  // 2 * 11 s * 50 ppm = 1.1 ms
  BOOST_TEST(!fitness.racing());
}

BOOST_AUTO_TEST_CASE(a_bound_at_the_limit_does_not_flap) {
  Fitness fitness(5ms);
  const MasterClock master{ClockStatus::synchronised, 0ns, at(1000s)};
  fitness.update(own_clock(ClockStatus::synchronised, 5001us), master, at(1000s));
  BOOST_TEST(!fitness.racing());
  BOOST_TEST(!fitness.update(own_clock(ClockStatus::synchronised, 4900us), master, at(1000s)));
  BOOST_TEST(!fitness.racing());
  BOOST_TEST(fitness.update(own_clock(ClockStatus::synchronised, 4400us), master, at(1000s)));
  BOOST_TEST(fitness.racing());
}

BOOST_AUTO_TEST_SUITE_END()
