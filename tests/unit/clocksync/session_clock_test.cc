#include "clocksync/session_clock.hh"

#include <boost/test/unit_test.hpp>

#include "common/base/random.hh"

using namespace flagfall;             // NOLINT(*-using-namespace)
using namespace flagfall::clocksync;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;
using wire::ClockStatus;

namespace {

/// A peer whose reference time is 1000 s ahead of our monotonic clock and gains `ppm` on it.
struct Session {
  SessionClock clock{0.05};
  SeededRandom random{1};
  Nanos there = 5ms;
  Nanos back = 5ms;
  Nanos jitter = 0ns;
  double ppm = 0;
  Nanos set{};
  MonoTime now{50s};

  explicit Session(Nanos interval = 1s) { clock.begin(interval); }
  [[nodiscard]] RefTime truth(MonoTime t) const {
    return RefTime(
        t.time_since_epoch() + 1000s + set +
        Nanos(static_cast<std::int64_t>(static_cast<double>((t - MonoTime(50s)).count()) * ppm * 1e-6)));
  }
  Nanos some() {
    return Nanos(static_cast<std::int64_t>(static_cast<double>(jitter.count()) * random.unit()));
  }
  /// Ours goes there, is held for 300 ms, and its echo comes back a second after the last.
  void beat(ClockStatus status = ClockStatus::synchronised) {
    now += 1s;
    const MonoTime sent = now;
    const MonoTime arrived = sent + there + some();
    const MonoTime replied = arrived + 300ms;
    wire::Heartbeat heartbeat;
    heartbeat.sent = truth(replied);
    heartbeat.held = replied - arrived;
    heartbeat.clock = status;
    clock.heartbeat(heartbeat, sent, replied + back + some());
  }
  void beats(int n) {
    for (int i = 0; i < n; ++i) beat();
  }
  [[nodiscard]] Nanos error() const { return std::chrono::abs(clock.map().to_ref(now) - truth(now)); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(session_clock)

BOOST_AUTO_TEST_CASE(some_heartbeats_give_the_peers_time_within_half_the_round_trip) {
  Session s;
  BOOST_TEST((s.clock.map().status == ClockStatus::unknown));
  BOOST_TEST(s.clock.map().why.find("no heartbeat") != std::string::npos);
  s.beat();
  BOOST_TEST((s.clock.map().status == ClockStatus::unknown));
  BOOST_TEST(s.clock.map().why.find("more heartbeats") != std::string::npos);
  s.beats(5);
  BOOST_REQUIRE((s.clock.map().status == ClockStatus::synchronised));
  BOOST_TEST((s.error() < 100us));
  BOOST_TEST((s.clock.map().bound >= 5ms));
  BOOST_TEST((s.clock.map().bound < 6ms));
}

BOOST_AUTO_TEST_CASE(the_bound_holds_on_lopsided_ways_with_jitter_and_drift) {
  for (const double ppm : {-90.0, 0.0, 90.0}) {
    Session s;
    s.there = 9ms;
    s.back = 1ms;
    s.jitter = 8ms;
    s.ppm = ppm;
    for (int i = 0; i < 200; ++i) {
      s.beat();
      if (s.clock.map().status == ClockStatus::unknown) continue;
      BOOST_TEST((s.error() <= s.clock.map().bound_at(s.now)));
    }
    BOOST_TEST((s.clock.map().status == ClockStatus::synchronised));
    BOOST_TEST((s.clock.map().bound < 7ms));  // the least round trip counts, not the usual one
    BOOST_TEST(std::abs(s.clock.map().clock_drift_ppm - ppm) < 60.0);
  }
}

BOOST_AUTO_TEST_CASE(a_peer_without_a_clock_has_no_time_to_tell) {
  Session s;
  s.beats(6);
  s.beat(ClockStatus::unknown);
  BOOST_TEST((s.clock.map().status == ClockStatus::unknown));
  BOOST_TEST(s.clock.map().why.find("not synchronised") != std::string::npos);
  s.set = 3600s;  // what it calls reference time is another now
  s.beats(6);
  BOOST_REQUIRE((s.clock.map().status == ClockStatus::synchronised));
  BOOST_TEST((s.error() < 1ms));
}

BOOST_AUTO_TEST_CASE(a_peer_that_sets_its_clock_is_doubted_and_then_believed) {
  Session s;
  s.beats(10);
  s.set = 2s;
  s.beat();
  BOOST_TEST((s.clock.map().status == ClockStatus::unknown));
  s.beats(10);
  BOOST_REQUIRE((s.clock.map().status == ClockStatus::synchronised));
  BOOST_TEST((s.error() < 1ms));
}

BOOST_AUTO_TEST_CASE(a_new_session_begins_with_what_is_known) {
  Session s;
  s.beats(10);
  s.clock.begin(1s);
  BOOST_TEST((s.clock.map().status == ClockStatus::synchronised));
  wire::Heartbeat first;
  first.sent = s.truth(s.now);
  first.clock = ClockStatus::synchronised;
  s.clock.heartbeat(first, std::nullopt, s.now + 5ms);  // echoes nothing: tells nothing
  BOOST_TEST((s.clock.map().status == ClockStatus::synchronised));
  BOOST_TEST((s.error() < 1ms));
}

BOOST_AUTO_TEST_SUITE_END()
