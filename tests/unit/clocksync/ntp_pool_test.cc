// Several servers, liars among them, in fake time.
#include "clocksync/ntp_pool.hh"

#include <boost/test/unit_test.hpp>

#include "tests/unit/clocksync/ntp_scene.hh"

using namespace flagfall;                   // NOLINT(*-using-namespace)
using namespace flagfall::clocksync;        // NOLINT(*-using-namespace)
using namespace flagfall::clocksync::test;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(ntp_pool)

namespace {

/// Several servers in one fake time, each polled when it wants to be.
struct Servers {
  std::vector<Scene> scenes;
  NtpPool pool;
  MonoTime now{1000s};
  std::vector<bool> silent;

  explicit Servers(std::size_t n, const NtpClient::Options& each = {})
      : scenes(n), pool(named(n, each), {}), silent(n) {}
  static std::vector<NtpClient::Options> named(std::size_t n, const NtpClient::Options& each) {
    std::vector<NtpClient::Options> out(n, each);
    for (std::size_t i = 0; i < n; ++i) out[i].name = "server" + std::to_string(i);
    return out;
  }
  void run(Nanos length) {
    const MonoTime end = now + length;
    SeededRandom random(3);
    while (now < end) {
      now += 1ms;
      for (std::size_t i = 0; i < scenes.size(); ++i) {
        if (pool.client(i).next_request() > now) continue;
        const auto request = pool.client(i).request(now, {random.next(), random.next()});
        pool.judge(now);
        if (silent[i]) continue;
        const auto packet = scenes[i].server.answer(
            wire::parse_ntp(Bytes(request.bytes).first(request.size))->packet, Scene::truth(now + kOneWay));
        pool.take(i, pool.client(i).reply(Scene::bytes(packet), now + 230us), now + 230us);
      }
    }
  }
  [[nodiscard]] Nanos error() const {
    return pool.map().to_ref(now).time_since_epoch() - Scene::truth(now).time_since_epoch();
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(one_server_is_synchronised_within_a_second_and_right) {
  Servers servers(1);
  BOOST_TEST((servers.pool.map().status == wire::ClockStatus::unknown));
  BOOST_TEST(servers.pool.map().why.find("has not answered yet") != std::string::npos);
  servers.run(1s);
  BOOST_TEST((servers.pool.map().status == wire::ClockStatus::synchronised));
  BOOST_TEST((std::chrono::abs(servers.error()) <= servers.pool.map().bound_at(servers.now)));
  BOOST_TEST((servers.pool.map().bound < 200us));
  BOOST_TEST((servers.pool.map().expected < servers.pool.map().bound));
}

BOOST_AUTO_TEST_CASE(a_server_that_lies_by_a_second_is_out_voted_by_two_and_named) {
  Servers servers(3);
  servers.scenes[1].server.error = 1s;
  servers.scenes[1].server.base.root_dispersion = 0ns;
  servers.run(5s);
  BOOST_TEST((servers.pool.map().status == wire::ClockStatus::synchronised));
  BOOST_TEST(servers.pool.falseticker(1));
  BOOST_TEST(!servers.pool.falseticker(0));
  BOOST_TEST(servers.pool.counters().outvoted.get() == 1U);
  BOOST_TEST((std::chrono::abs(servers.error()) <= servers.pool.map().bound_at(servers.now)));
}

BOOST_AUTO_TEST_CASE(a_liar_within_what_a_far_server_claims_is_not_trusted_for_its_narrow_bound) {
  // Near: right, within 0.1 ms. Far: right, within 10 ms. The liar overlaps with the far one only, and claims
  // least.
  Servers servers(3);
  servers.scenes[1].server.error = 2ms;
  servers.scenes[1].server.base.root_dispersion = 10ms;
  servers.scenes[2].server.error = 5ms;
  servers.scenes[2].server.base.root_dispersion = 0ns;
  for (int i = 0; i < 100; ++i) {
    servers.run(100ms);
    if (servers.pool.map().status != wire::ClockStatus::synchronised) continue;
    BOOST_TEST((std::chrono::abs(servers.error()) <= servers.pool.map().bound_at(servers.now)));
  }
}

BOOST_AUTO_TEST_CASE(a_server_that_is_seldom_asked_is_a_clock_all_the_same) {
  Servers servers(1, {.poll_least = 120s, .poll_most = 120s});
  servers.run(10s);
  BOOST_TEST((servers.pool.map().status == wire::ClockStatus::synchronised));
  for (int i = 0; i < 100; ++i) {
    servers.run(10s);
    BOOST_TEST((servers.pool.map().status != wire::ClockStatus::unknown));
  }
}

BOOST_AUTO_TEST_CASE(a_liar_that_answers_first_is_not_believed_meanwhile) {
  Servers servers(3);
  servers.scenes[0].server.error = 1s;
  servers.silent = {false, true, true};
  servers.run(500ms);
  BOOST_TEST((servers.pool.map().status == wire::ClockStatus::unknown));
  BOOST_TEST(servers.pool.map().why.find("1 of 3 NTP servers agree, 2 must") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(two_servers_that_disagree_are_no_clock_until_one_is_gone) {
  Servers servers(2);
  servers.scenes[1].server.error = 1s;
  servers.run(3s);
  BOOST_TEST((servers.pool.map().status == wire::ClockStatus::unknown));
  BOOST_TEST(servers.pool.map().why.find("disagree") != std::string::npos);
  servers.silent = {false, true};
  servers.run(120s);
  BOOST_TEST((servers.pool.map().status == wire::ClockStatus::synchronised));
  BOOST_TEST((std::chrono::abs(servers.error()) <= servers.pool.map().bound_at(servers.now)));
}

BOOST_AUTO_TEST_CASE(a_step_of_the_reference_stands_down_and_comes_back_by_itself) {
  Servers servers(1);
  servers.run(10s);
  servers.scenes[0].server.error = -3600s;
  bool unknown = false;
  for (int i = 0; i < 30; ++i) {
    servers.run(100ms);
    unknown = unknown || servers.pool.map().status == wire::ClockStatus::unknown;
  }
  BOOST_TEST(unknown);
  BOOST_TEST((servers.pool.map().status == wire::ClockStatus::synchronised));
  BOOST_TEST((std::chrono::abs(servers.error() + 3600s) < 200us));
  BOOST_TEST(servers.pool.counters().restarted.get() == 1U);
}

BOOST_AUTO_TEST_CASE(silence_makes_the_map_free_running_then_unknown_and_its_bound_grows) {
  Servers servers(1);
  servers.run(10s);
  const Nanos before = servers.pool.map().bound_at(servers.now);
  servers.silent = {true};
  servers.run(10s);
  BOOST_TEST((servers.pool.map().status == wire::ClockStatus::free_running));
  BOOST_TEST((servers.pool.map().bound_at(servers.now) > before + 400us));
  servers.run(120s);
  BOOST_TEST((servers.pool.map().status == wire::ClockStatus::unknown));
  BOOST_TEST(servers.pool.map().why.find("does not answer") != std::string::npos);
  servers.silent = {false};
  servers.run(30s);
  BOOST_TEST((servers.pool.map().status == wire::ClockStatus::synchronised));
}

BOOST_AUTO_TEST_CASE(a_leap_second_that_is_announced_is_known) {
  Servers servers(1);
  servers.scenes[0].server.base.leap = wire::NtpLeap::insert;
  servers.run(1s);
  const RefMap& map = servers.pool.map();
  BOOST_TEST(map.leap_pending);
  const RefTime midnight{(map.to_ref(map.measured).time_since_epoch() / 24h + 1) * 24h};
  BOOST_TEST(map.near_leap(midnight));
  BOOST_TEST(map.near_leap(midnight - 2s));
  BOOST_TEST(map.near_leap(midnight + 2s));
  // This map is of the scale before the leap: good for nothing after it, however late the next one comes.
  BOOST_TEST(map.near_leap(midnight + 3s));
  BOOST_TEST(map.near_leap(midnight + 10min));
  // Nor is one that was measured just after midnight: a clock that is behind has not made its leap by then.
  RefMap just_after;
  just_after.offset = (midnight + 100ms).time_since_epoch();
  just_after.leap_pending = true;
  BOOST_TEST(just_after.near_leap(midnight + 6s));
  // The server forgets at midnight; we do not for some seconds more.
  RefMap after;
  after.offset = (midnight + 1s).time_since_epoch();
  after.remember_leap(map);
  BOOST_TEST(after.near_leap(midnight + 1s));
  RefMap much_later;
  much_later.offset = (midnight + 11s).time_since_epoch();
  much_later.remember_leap(after);
  BOOST_TEST(!much_later.leap_pending);
  RefMap without;
  without.offset = (midnight + 1s).time_since_epoch();
  without.remember_leap(RefMap());
  BOOST_TEST(!without.leap_pending);
}

BOOST_AUTO_TEST_CASE(a_server_that_was_out_voted_is_not_believed_when_the_others_fall_silent) {
  Servers servers(3);
  servers.scenes[1].server.error = 1s;
  servers.scenes[1].server.base.root_dispersion = 0ns;
  servers.run(5s);
  servers.silent = {true, false, true};
  servers.run(200s);
  BOOST_TEST((servers.pool.map().status == wire::ClockStatus::unknown));
  BOOST_TEST(servers.pool.map().why.starts_with("only NTP servers that the others have outvoted answer; "));
  BOOST_TEST(servers.pool.falseticker(1));
  servers.silent[0] = false;
  servers.run(60s);
  BOOST_TEST((servers.pool.map().status == wire::ClockStatus::unknown));  // one against one
  servers.silent[2] = false;
  servers.run(60s);
  BOOST_TEST((servers.pool.map().status == wire::ClockStatus::synchronised));
  BOOST_TEST((std::chrono::abs(servers.error()) <= servers.pool.map().bound_at(servers.now)));
}

BOOST_AUTO_TEST_CASE(a_leap_second_that_one_of_three_servers_announces_is_known) {
  for (std::size_t who = 0; who < 3; ++who) {
    Servers servers(3);
    servers.scenes[who].server.base.leap = wire::NtpLeap::insert;
    servers.run(5s);
    BOOST_TEST(servers.pool.map().leap_pending);
  }
}

BOOST_AUTO_TEST_CASE(a_map_is_a_line_and_its_inverse) {
  RefMap map;
  map.offset = Nanos(kEpoch);
  map.measured = MonoTime(1000s);
  map.rate_ppm = -87.5;
  BOOST_TEST((map.to_ref(map.measured + 1000s) == RefTime(Nanos(kEpoch) + 2000s - 87500us)));
  for (const Nanos age : {-3600s, 0s, 1s, 3600s}) {
    const MonoTime t = map.measured + age;
    BOOST_TEST(std::chrono::abs(map.to_mono(map.to_ref(t)) - t).count() <= 1);
  }
}

BOOST_AUTO_TEST_SUITE_END()
