#include "master/delay_control.hh"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "master/delay_status.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;
using master::DelayControl;
using master::Snapshot;
using race::Fate;

namespace {

constexpr MonoTime kStart{1000s};

/// web follows, mail is fixed; both have ams and fra.
struct Fixture {
  master::Config config;
  std::vector<std::string> names{"ams", "fra"};
  Snapshot snapshot;
  MonoTime now = kStart;
  std::uint64_t race = 1;

  Fixture() {
    config.services.resize(2);
    config.services[0].name = "web";
    config.services[0].delay =
        delay::Follow{.on_time = 0.99, .nearest = {}, .at_least = 2ms, .at_most = 80ms};
    config.services[1].name = "mail";
    config.services[1].delay = Nanos(30ms);
    for (int i = 0; i < 2; ++i) {
      master::RacedService& service = snapshot.services.emplace_back();
      service.v4 = {{0, 0, 1}, {1, 0, 1}};
      service.v6 = {{1, 0, 1}};
    }
  }
  /// 100 races a second of both services; all notes.
  std::vector<DelayControl::Note> run(DelayControl& control, Nanos how_long, Nanos way) {
    std::vector<DelayControl::Note> notes;
    for (const MonoTime until = now + how_long; now < until; now += 10ms, ++race) {
      for (std::uint16_t service = 0; service < 2; ++service) {
        for (std::uint16_t slave = 0; slave < 2; ++slave) {
          const Nanos one_way = slave == 0 ? way / 2 : way;
          const Nanos had = control.delay(service);
          control.timed(
              {race, service, slave, one_way > had ? Fate::sent_late : Fate::sent, had, 0ns, one_way, 1ms},
              now);
        }
      }
      if (race % 25 == 0)
        for (auto& note : control.tick(snapshot, now)) notes.push_back(std::move(note));
    }
    return notes;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(delay_control)

BOOST_AUTO_TEST_CASE(a_fixed_delay_stays_and_one_that_follows_starts_at_its_most) {
  Fixture f;
  DelayControl control(f.config, f.names);
  control.apply(f.snapshot);
  BOOST_CHECK(f.snapshot.services[0].delay == 80ms);
  BOOST_CHECK(f.snapshot.services[1].delay == 30ms);
  BOOST_CHECK(f.snapshot.gather == 2ms);
  BOOST_TEST(control.follower(1) == nullptr);
  BOOST_TEST(master::delay_json(control, 1, f.now) == nlohmann::json({{"mode", "fixed"}}));
  BOOST_TEST(f.run(control, 1s, 40ms).empty());
}

BOOST_AUTO_TEST_CASE(a_change_goes_into_the_snapshots_and_into_the_log) {
  Fixture f;
  DelayControl control(f.config, f.names);
  const auto notes = f.run(control, 10s, 10ms);
  BOOST_REQUIRE(notes.size() == 1);
  BOOST_TEST(notes[0].changed);
  BOOST_TEST(notes[0].text.starts_with("service web: delay 80 ms -> 10.21 ms: first figures, of "));
  BOOST_TEST(notes[0].text.ends_with("; fra needs 10 ms (p99), clock bound 1 ms"));
  Snapshot after = f.snapshot;
  control.apply(after);
  BOOST_CHECK(after.services[0].delay == 10210us);
  BOOST_CHECK(after.services[1].delay == 30ms);
  BOOST_CHECK(after.gather == 1021us);
  BOOST_TEST(!after.same_as(f.snapshot));
  BOOST_REQUIRE(control.last_change(0).has_value());
  BOOST_TEST(!control.last_change(1).has_value());
}

BOOST_AUTO_TEST_CASE(a_reload_starts_the_delays_anew_that_it_changes_and_no_others) {
  Fixture f;
  DelayControl control(f.config, f.names);
  (void)f.run(control, 10s, 8ms);
  const Nanos found = control.delay(0);
  BOOST_CHECK(found < 20ms);
  f.config.services[1].delay = Nanos(40ms);
  control.reconfigure();
  BOOST_CHECK(control.delay(0) == found);
  BOOST_TEST(control.last_change(0).has_value());
  BOOST_CHECK(control.delay(1) == 40ms);
  f.config.services[0].delay =
      delay::Follow{.on_time = 0.99, .nearest = {}, .at_least = 2ms, .at_most = 60ms};
  control.reconfigure();
  BOOST_CHECK(control.delay(0) == 60ms);
  BOOST_TEST(!control.last_change(0).has_value());
}

BOOST_AUTO_TEST_CASE(the_status_says_how_the_delay_does_and_what_the_ways_are) {
  Fixture f;
  DelayControl control(f.config, f.names);
  const auto before = master::delay_json(control, 0, f.now);
  BOOST_TEST(before["wanted_ms"].is_null());
  BOOST_TEST(before["share"].is_null());
  BOOST_TEST(before["last_change"].is_null());
  BOOST_TEST(master::ways_json(control, 0).empty());
  (void)f.run(control, 10s, 10ms);
  const auto delay = master::delay_json(control, 0, f.now);
  BOOST_TEST(delay["mode"] == "follow");
  BOOST_TEST(delay["on_time"] == 0.99);
  BOOST_TEST(delay["nearest"].is_null());
  BOOST_TEST(delay["slaves"] == nlohmann::json({"ams", "fra"}));
  BOOST_TEST(delay["share"] == 1.0);
  BOOST_TEST(delay["changes"] == 1);
  BOOST_TEST(delay["limited"] == false);
  BOOST_TEST(delay["last_change"]["to_ms"].get<double>() == 10.21, boost::test_tools::tolerance(1e-9));
  const auto ways = master::ways_json(control, 1);
  BOOST_TEST(ways["fra"]["count"] == 1000);
  BOOST_TEST(ways["fra"]["max"] == 10.0);
  BOOST_TEST(ways["ams"]["p50"] == 5.0);
  BOOST_TEST(ways["ams"]["bound"] == 1.0);
}

BOOST_AUTO_TEST_CASE(what_may_not_be_is_a_warning_and_no_change) {
  Fixture f;
  DelayControl control(f.config, f.names);
  const auto notes = f.run(control, 10s, 200ms);
  BOOST_REQUIRE(notes.size() == 1);
  BOOST_TEST(!notes[0].changed);
  BOOST_TEST(
      notes[0].text.starts_with("service web: delay stays at 80 ms: at_most forbids 204.01 ms: 0 % of "));
  BOOST_CHECK(control.delay(0) == 80ms);
  BOOST_TEST(!control.last_change(0).has_value());
}

BOOST_AUTO_TEST_CASE(timings_of_strangers_change_nothing) {
  Fixture f;
  DelayControl control(f.config, f.names);
  control.timed({1, 2, 0, Fate::sent, 25ms, 0ns, 10ms, 1ms}, f.now);
  control.timed({1, 0, 2, Fate::sent, 25ms, 0ns, 10ms, 1ms}, f.now);
  BOOST_TEST(master::ways_json(control, 0).empty());
  BOOST_TEST(control.tick(f.snapshot, f.now).empty());
  BOOST_TEST(control.tick(Snapshot(), f.now).empty());  // before the first was published
}

BOOST_AUTO_TEST_SUITE_END()
