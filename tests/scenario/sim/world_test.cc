#include "sim/world.hh"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "sim/host.hh"

using namespace flagfall;       // NOLINT(*-using-namespace)
using namespace flagfall::sim;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;

namespace {

/// Takes everything and remembers it.
class Ear final : public Host {
 public:
  Ear(World& world, HostId id, const IpAddress& ip, const HostClock& clock = {kStart, 1h, Nanos(0), 0})
      : Host(world, id, id, "host" + std::to_string(id), clock), at_{ip, 99} {
    world.network.route(ip, id);
    start();
  }
  [[nodiscard]] bool listens(const Endpoint& at) const override { return running() && at == at_; }
  void receive(const Packet& packet) override { heard.push_back(packet.number); }
  void icmp(const IcmpError& error) override { errors.push_back(error); }
  bool stream_comes(StreamId /*id*/, const Endpoint& /*at*/, const Endpoint& /*from*/) override {
    return running();
  }
  void stream_open(StreamId id, const std::string& peer, const net::SealKey& its_key) override {
    stream = id;
    opened += peer;
    key = its_key;
  }
  void stream_bytes(StreamId /*id*/, Bytes bytes) override { octets += as_text(bytes); }
  void stream_closed(StreamId /*id*/, const std::string& why) override { closed += why; }

  Endpoint at_;
  std::vector<std::uint64_t> heard;
  std::vector<IcmpError> errors;
  StreamId stream = 0;
  std::string opened, octets, closed;
  net::SealKey key{};

 private:
  void process_started() override {}
  void process_gone() override {}
};

struct Fixture {
  World world{3, 2, false};
  Ear a{world, 0, *parse_ip("10.0.0.1")};
  Ear b{world, 1, *parse_ip("10.0.0.2")};

  void run(Nanos how_long) {
    const RefTime end = world.now() + how_long;
    while (world.queue.step(end)) {
    }
    world.queue.at(end, [] {});
    world.queue.step(end);
  }
  StreamId connect() {
    const StreamId id = world.streams.dial(0, a.at_, b.at_);
    run(1s);
    return id;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(world)

BOOST_AUTO_TEST_CASE(events_come_in_the_order_of_time_and_then_of_asking) {
  EventQueue queue(kStart);
  std::string order;
  queue.after(2ms, [&] { order += 'c'; });
  queue.after(1ms, [&] {
    order += 'a';
    queue.at(kStart, [&] { order += 'b'; });  // the past means now
  });
  queue.after(2ms, [&] { order += 'd'; });
  while (queue.step(kStart + 1s)) {
  }
  BOOST_TEST(order == "abcd");
  BOOST_TEST((queue.now() == kStart + 2ms));
}

BOOST_AUTO_TEST_CASE(a_fast_clock_gains_and_its_inverse_is_exact) {
  HostClock clock(kStart, 100s, 5ms, 50'000);
  BOOST_TEST((clock.mono(kStart + 1000s) == MonoTime(1100s + 50ms)));
  BOOST_TEST((clock.real(kStart) - RealTime(kStart.time_since_epoch()) == 5ms));
  for (const Nanos ahead : {0ns, 1ns, 999'999'999ns, 86'400'000'000'001ns}) {
    const MonoTime when = clock.mono(kStart) + ahead;
    const RefTime truth = clock.truth(when);
    BOOST_TEST((clock.mono(truth) >= when));
    BOOST_TEST((clock.mono(truth - 1ns) < when));
  }
  clock.set_rate(kStart + 1000s, -50'000);
  BOOST_TEST((clock.mono(kStart + 2000s) == MonoTime(2100s)));
}

BOOST_AUTO_TEST_CASE(datagrams_arrive_after_the_delay_unless_the_path_the_host_or_the_port_is_not_there) {
  Fixture f;
  f.world.network.path(0, 1).delay = 7ms;
  const auto send = [&](const Endpoint& to) { f.world.network.send(0, f.a.at_, to, as_bytes("abc")); };
  send(f.b.at_);
  f.run(6ms);
  BOOST_TEST(f.b.heard.empty());
  f.run(1ms);
  BOOST_TEST(f.b.heard.size() == 1U);
  f.world.network.cut(0, 1, 100ms);
  send(f.b.at_);
  f.run(200ms);
  send({f.b.at_.ip, 98});
  f.b.lose_power();
  send(f.b.at_);
  f.run(200ms);
  BOOST_TEST(f.b.heard.size() == 1U);
  BOOST_TEST(f.world.network.counters().lost.at(static_cast<std::size_t>(Loss::cut)) == 1U);
  BOOST_TEST(f.world.network.counters().lost.at(static_cast<std::size_t>(Loss::host_down)) == 2U);
}

BOOST_AUTO_TEST_CASE(a_closed_port_is_told_to_the_address_that_the_datagram_names_with_its_start) {
  Fixture f;
  const Endpoint client{*parse_ip("10.0.0.2"), 1234};
  std::vector<std::uint8_t> data(600);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::uint8_t>(i);
  // Host b's own datagram, in the name of a: the error goes to a.
  f.world.network.send(1, f.a.at_, client, data);
  f.run(1s);
  BOOST_REQUIRE(f.a.errors.size() == 1U);
  const IcmpError& error = f.a.errors.front();
  BOOST_TEST(port_unreachable(error));
  BOOST_TEST((error.offender == client.ip));
  BOOST_TEST((error.source == f.a.at_));
  BOOST_TEST((error.destination == client));
  BOOST_TEST(error.about == 1U);
  BOOST_TEST((error.quoted == std::vector(data.begin(), data.begin() + 520)));
  // Nothing about an open port, and nothing from a host without power.
  f.world.network.send(0, f.a.at_, f.b.at_, data);
  f.b.lose_power();
  f.world.network.send(0, f.a.at_, client, data);
  f.run(1s);
  BOOST_TEST(f.a.errors.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_host_limits_its_icmp_errors_for_one_address_and_for_all) {
  SeededRandom random(1);
  IcmpLimit limit;
  const auto taken = [&](const char* to, Nanos from, Nanos length, Nanos step) {
    unsigned out = 0;
    for (Nanos t = from; t < from + length; t += step)
      if (limit.take(*parse_ip(to), MonoTime(t), random)) ++out;
    return out;
  };
  BOOST_TEST(taken("192.0.2.1", 10s, 100ms, 10ms) == 6U);  // the burst
  BOOST_TEST(taken("192.0.2.1", 11s, 10s, 10ms) == 10U);   // then one a second
  BOOST_TEST(taken("2001:db8::1", 30s, 10ms, 1ms) == 6U);
  BOOST_TEST(taken("2001:db8::1", 31s, 10s, 10ms) == 105U);  // the burst again, then ten a second
  // 200 strangers at one moment: the host's own burst, each costs about one of it.
  unsigned strangers = 0;
  for (int i = 0; i < 200; ++i)
    if (limit.take(*parse_ip("198.51.100." + std::to_string(i)), MonoTime(60s), random)) ++strangers;
  BOOST_TEST(strangers > 35U);
  BOOST_TEST(strangers < 75U);
}

BOOST_AUTO_TEST_CASE(a_stream_keeps_order_and_loses_nothing_on_a_bad_path) {
  Fixture f;
  for (auto [from, to] : {std::pair(0U, 1U), std::pair(1U, 0U)}) {
    f.world.network.path(from, to).loss = 0.3;
    f.world.network.path(from, to).jitter = 20ms;
  }
  const StreamId id = f.world.streams.dial(0, f.a.at_, f.b.at_);
  f.run(60s);
  BOOST_TEST(f.a.opened == "host1");
  BOOST_TEST(f.b.opened == "host0");
  BOOST_TEST((f.a.key == f.b.key));
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    const std::string text = "message " + std::to_string(i) + ";";
    expected += text;
    f.world.streams.write(id, 0, as_bytes(text));
  }
  f.run(300s);
  BOOST_TEST(f.b.octets == expected);
  f.world.streams.close(id, 0);
  f.run(60s);
  BOOST_TEST(f.b.closed == "closed by the peer");
  BOOST_TEST(f.world.streams.count() == 0U);
}

BOOST_AUTO_TEST_CASE(a_killed_process_is_heard_of_and_a_host_without_power_is_not) {
  Fixture killed;
  killed.connect();
  killed.b.kill();
  killed.run(1s);
  BOOST_TEST(killed.a.closed == "closed by the peer");

  Fixture dark;
  const StreamId id = dark.connect();
  dark.b.lose_power();
  dark.world.streams.write(id, 0, as_bytes("hello?"));
  dark.run(10s);
  BOOST_TEST(dark.a.closed.empty());
  dark.b.restore_power();
  dark.b.start();
  dark.run(30s);  // the next retransmission finds a kernel that knows nothing
  BOOST_TEST(dark.a.closed == "connection reset");
  BOOST_TEST(dark.b.octets.empty());
}

BOOST_AUTO_TEST_CASE(nobody_there_refuses_and_a_cut_path_delays_until_it_heals) {
  Fixture refused;
  refused.b.kill();
  refused.connect();
  BOOST_TEST(refused.a.closed == "connection refused");

  Fixture cut;
  const StreamId id = cut.connect();
  cut.world.network.cut(0, 1, 3s);
  cut.world.streams.write(id, 0, as_bytes("late"));
  cut.run(2s);
  BOOST_TEST(cut.b.octets.empty());
  cut.run(10s);
  BOOST_TEST(cut.b.octets == "late");
}

BOOST_AUTO_TEST_CASE(a_line_delays_by_its_rate_and_drops_what_its_queue_does_not_hold) {
  Fixture f;
  f.world.network.path(0, 1).delay = 1ms;
  f.world.network.path(0, 1).line = Line(10'000, 1'000);  // 1,000 octets take 100 ms
  for (int i = 0; i < 12; ++i) f.world.network.send(0, f.a.at_, f.b.at_, std::vector<std::uint8_t>(72));
  f.run(11ms);  // 72 octets and 28 of headers
  BOOST_TEST(f.b.heard.size() == 1U);
  f.run(1s);
  BOOST_TEST(f.b.heard.size() == 10U);
  BOOST_TEST(f.world.network.counters().lost.at(static_cast<std::size_t>(Loss::queue_full)) == 2U);
  // What passes a site's door is of all paths.
  f.world.network.path(0, 1).line = {};
  f.world.network.door(1) = Line(10'000, 100);
  for (int i = 0; i < 5; ++i) f.world.network.send(0, f.a.at_, f.b.at_, std::vector<std::uint8_t>(72));
  f.run(1s);
  BOOST_TEST(f.b.heard.size() == 11U);
}

BOOST_AUTO_TEST_CASE(a_long_tail_of_jitter_is_long_and_bounded) {
  Fixture f;
  Path& path = f.world.network.path(0, 1);
  path.delay = 1ms;
  path.tail = 1ms;
  path.tail_most = 50ms;
  for (int i = 0; i < 1000; ++i) f.world.network.send(0, f.a.at_, f.b.at_, as_bytes("1"));
  f.run(2ms);
  BOOST_TEST(f.b.heard.size() > 500U);  // the median is 0.6 ms more
  f.run(8ms);
  BOOST_TEST(f.b.heard.size() < 990U);  // one in thirty comes 9 ms later and more
  f.run(42ms);
  BOOST_TEST(f.b.heard.size() == 1000U);
}

BOOST_AUTO_TEST_CASE(a_world_that_is_split_lets_pass_what_stays_on_one_side) {
  World world(3, 3, false);
  Ear a(world, 0, *parse_ip("10.0.0.1"));
  Ear b(world, 1, *parse_ip("10.0.0.2"));
  Ear c(world, 2, *parse_ip("10.0.0.3"));
  world.network.split({false, true, false}, 1s);
  world.network.send(0, a.at_, b.at_, as_bytes("1"));
  world.network.send(1, b.at_, c.at_, as_bytes("1"));
  world.network.send(0, a.at_, c.at_, as_bytes("1"));
  while (world.queue.step(kStart + 500ms)) {
  }
  BOOST_TEST(b.heard.empty());
  BOOST_TEST(c.heard.size() == 1U);
  world.queue.at(kStart + 1s, [&] { world.network.send(0, a.at_, b.at_, as_bytes("1")); });
  while (world.queue.step(kStart + 2s)) {
  }
  BOOST_TEST(b.heard.size() == 1U);
}

BOOST_AUTO_TEST_CASE(half_of_each_round_trip_of_a_matrix_is_a_ways_delay) {
  Fixture f;
  f.world.network.set_delays(std::vector<Nanos>{1ms, 20ms, 60ms, 1ms});
  BOOST_TEST((f.world.network.path(0, 1).delay == 10ms));
  BOOST_TEST((f.world.network.path(1, 0).delay == 30ms));
}

BOOST_AUTO_TEST_CASE(timers_and_streams_of_a_process_that_stands_still_wait_and_its_kernel_takes_datagrams) {
  Fixture f;
  const StreamId id = f.connect();
  RefTime fired;
  f.b.after(10ms, [&] { fired = f.world.now(); });
  f.b.pause(500ms);
  const RefTime until = f.world.now() + 500ms;
  f.world.streams.write(id, 0, as_bytes("wait"));
  f.world.network.send(0, f.a.at_, f.b.at_, as_bytes("1"));
  f.run(400ms);
  BOOST_TEST(f.b.octets.empty());
  BOOST_TEST(f.b.heard.size() == 1U);
  f.run(200ms);
  BOOST_TEST(f.b.octets == "wait");
  BOOST_TEST((fired == until));
  // Who is killed meanwhile does not come back when the pause is over.
  f.b.after(10ms, [&] { fired = {}; });
  f.b.pause(100ms);
  f.b.kill();
  f.b.start();
  f.run(1s);
  BOOST_TEST((fired == until));
}

BOOST_AUTO_TEST_CASE(a_machine_that_stands_still_keeps_a_ring_of_datagrams_and_its_clocks_go_on) {
  Fixture f;
  f.world.network.path(0, 1).delay = 1ms;
  f.b.freeze(300ms);
  const MonoTime before = f.b.mono();
  for (int i = 0; i < 300; ++i) f.world.network.send(0, f.a.at_, f.b.at_, as_bytes("1"));
  f.run(200ms);
  BOOST_TEST(f.b.heard.empty());
  BOOST_TEST((f.b.mono() - before == 200ms));
  f.run(200ms);
  BOOST_TEST(f.b.heard.size() == 256U);
  BOOST_TEST(f.world.network.counters().lost.at(static_cast<std::size_t>(Loss::host_down)) == 44U);
}

BOOST_AUTO_TEST_CASE(at_a_leap_second_the_kernel_sets_its_clock_back_and_chronyd_says_so_before) {
  for (const Leaps leaps : {Leaps::kernel, Leaps::slewed, Leaps::nobody}) {
    World world(3, 1, false);
    world.scale.leap = kStart + 10s;
    const Nanos today = kStart.time_since_epoch() % 24h;
    world.scale.shift = Nanos(24h) - today - 10s;
    BOOST_TEST((world.scale.reference(kStart + 9s).time_since_epoch() % 24h == Nanos(24h) - 1s));
    BOOST_TEST((world.scale.reference(kStart + 11s).time_since_epoch() % 24h == 0s));
    BOOST_TEST((world.scale.world(world.scale.reference(kStart + 3s)) == kStart + 3s));
    BOOST_TEST((world.scale.world(world.scale.reference(kStart + 13s)) == kStart + 13s));
    // 20 ms fast, so the kernel's midnight is as much early.
    const ChronydQuality quality{.error = Nanos(0), .poll = 1s, .first = 1s, .skew_ppb = 0, .leaps = leaps};
    class Plain final : public Host {
     public:
      using Host::Host;
      [[nodiscard]] bool listens(const Endpoint& /*at*/) const override { return false; }
      void receive(const Packet& /*packet*/) override {}

     private:
      void process_started() override {}
      void process_gone() override {}
    };
    Plain host(world, 0, 0, "host", HostClock(kStart, 1h, 20ms, 0), quality);
    const auto ask = [&] {
      const auto reply = wire::parse_tracking_reply(host.ask_chronyd(wire::encode_tracking_request(7, 0)));
      BOOST_TEST((reply.verdict == wire::ChronyVerdict::ok));
      return reply.tracking;
    };
    const auto wrong = [&] {  // what host and chronyd together take the time to be, less what it is
      return host.real().time_since_epoch() + ask().correction -
             world.scale.reference(world.now()).time_since_epoch();
    };
    const auto run = [&](Nanos until) {
      world.queue.at(kStart + until, [] {});
      while (world.queue.step(kStart + until)) {
      }
    };
    run(9s);
    BOOST_TEST((ask().leap == wire::ChronyLeap::insert));
    BOOST_TEST((std::chrono::abs(wrong()) < 1us));
    run(11s);
    BOOST_TEST((ask().leap == wire::ChronyLeap::normal));
    const Nanos unmade = leaps == Leaps::nobody ? 1s : 0s;
    BOOST_TEST((std::chrono::abs(wrong() - unmade) < 1us));
    const Nanos off = host.real().time_since_epoch() - world.scale.reference(world.now()).time_since_epoch();
    BOOST_TEST((off == (leaps == Leaps::kernel ? Nanos(20ms) : Nanos(1020ms))));
    run(17s);  // chronyd has measured
    BOOST_TEST((std::chrono::abs(wrong()) < 1us));
  }
}

BOOST_AUTO_TEST_CASE(timers_die_with_their_process) {
  Fixture f;
  unsigned fired = 0;
  f.a.after(10ms, [&] { ++fired; });
  f.a.kill();
  f.a.start();
  f.a.after(20ms, [&] { fired += 100; });
  f.run(1s);
  BOOST_TEST(fired == 100U);
}

BOOST_AUTO_TEST_SUITE_END()
