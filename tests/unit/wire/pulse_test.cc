#include "common/wire/pulse.hh"

#include <boost/test/unit_test.hpp>

#include "common/wire/limits.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::Pulse;

namespace {

constexpr Nanos kInterval = seconds(1);

/// `ms` after the start; reference time runs 1000 s ahead of monotonic.
wire::HostTime at(int ms) {
  const Nanos t = seconds(100) + milliseconds(ms);
  return {MonoTime(t), RefTime(t + seconds(1000)), wire::ClockStatus::synchronised, Nanos(500)};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pulse)

BOOST_AUTO_TEST_CASE(a_heartbeat_is_due_at_once_and_then_every_interval) {
  Pulse pulse(at(0).mono, kInterval);
  BOOST_TEST(pulse.due(at(0)).has_value());
  BOOST_TEST(!pulse.due(at(999)).has_value());
  BOOST_TEST((pulse.next_deadline() == at(1000).mono));
  const auto heartbeat = pulse.due(at(1000));
  BOOST_REQUIRE(heartbeat.has_value());
  BOOST_TEST((heartbeat->sent == at(1000).reference));
  BOOST_TEST((heartbeat->echo == RefTime{}));
  BOOST_TEST(heartbeat->bound.count() == 500);
}

BOOST_AUTO_TEST_CASE(the_first_heartbeat_that_comes_is_echoed_at_once_and_only_that) {
  Pulse pulse(at(0).mono, kInterval);
  BOOST_TEST(pulse.due(at(0)).has_value());
  wire::Heartbeat theirs;
  for (const int ms : {10, 20}) {
    theirs.sent = at(ms).reference;
    pulse.received(theirs, at(ms).mono);
    const auto answer = pulse.due(at(ms));
    BOOST_TEST(answer.has_value() == (ms == 10));
    if (answer) BOOST_TEST((answer->echo == theirs.sent));
  }
  BOOST_TEST((pulse.next_deadline() == at(1010).mono));
  // One that claims to be of the epoch asks for no more than the others do.
  Pulse another(at(0).mono, kInterval);
  int sent = 0;
  for (int ms = 0; ms < 900; ms += 10) {
    another.received(wire::Heartbeat{}, at(ms).mono);
    sent += another.due(at(ms)) ? 1 : 0;
  }
  BOOST_TEST(sent == 2);
}

BOOST_AUTO_TEST_CASE(three_silent_intervals_are_death_and_any_message_is_life) {
  Pulse pulse(at(0).mono, kInterval);
  BOOST_TEST(!pulse.dead(at(2999).mono));
  BOOST_TEST(pulse.dead(at(3000).mono));
  pulse.heard(at(2500).mono);
  BOOST_TEST(!pulse.dead(at(5499).mono));
  BOOST_TEST(pulse.dead(at(5500).mono));
}

BOOST_AUTO_TEST_CASE(the_round_trip_leaves_out_what_the_peer_held) {
  Pulse ours(at(0).mono, kInterval);
  Pulse theirs(at(0).mono, kInterval);
  const auto ping = ours.due(at(0));
  theirs.received(*ping, at(20).mono);
  (void)theirs.due(at(20));                // echoes, held 0
  const auto pong = theirs.due(at(1020));  // echoes, held 1 s
  BOOST_TEST(pong->held.count() == Nanos(seconds(1)).count());
  const auto sent = ours.received(*pong, at(1050).mono);
  BOOST_REQUIRE(sent.has_value());
  BOOST_TEST((*sent == at(0).mono));
  BOOST_TEST(ours.round_trip().count() == Nanos(milliseconds(50)).count());
}

BOOST_AUTO_TEST_CASE(the_smallest_round_trip_counts_and_is_forgotten_after_a_minute) {
  Pulse pulse(at(0).mono, kInterval);
  const auto echo = [&](int sent_ms, int back_ms) {
    const auto heartbeat = pulse.due(at(sent_ms));
    BOOST_REQUIRE(heartbeat.has_value());
    pulse.received({RefTime(seconds(7)), heartbeat->sent, Nanos(0)}, at(back_ms).mono);
  };
  echo(0, 10);
  echo(1000, 1030);
  BOOST_TEST(pulse.round_trip().count() == Nanos(milliseconds(10)).count());
  for (int s = 2; s <= 70; ++s) echo(s * 1000, s * 1000 + 30);
  BOOST_TEST(pulse.round_trip().count() == Nanos(milliseconds(30)).count());
}

BOOST_AUTO_TEST_CASE(lying_echoes_give_no_round_trip) {
  Pulse pulse(at(0).mono, kInterval);
  const auto heartbeat = pulse.due(at(0));
  BOOST_TEST(
      !pulse.received({RefTime(seconds(7)), RefTime(seconds(3)), Nanos(0)}, at(10).mono));  // never sent
  pulse.received({RefTime(seconds(7)), heartbeat->sent, milliseconds(11)},
                 at(10).mono);  // held longer than it was away
  BOOST_TEST(pulse.round_trip().count() == 0);
}

BOOST_AUTO_TEST_CASE(an_echo_older_than_eight_heartbeats_is_ignored) {
  Pulse pulse(at(0).mono, kInterval);
  const auto first = pulse.due(at(0));
  for (int s = 1; s <= 8; ++s) BOOST_TEST(pulse.due(at(s * 1000)).has_value());
  pulse.received({RefTime(seconds(7)), first->sent, Nanos(0)}, at(8000).mono);
  BOOST_TEST(pulse.round_trip().count() == 0);
}

BOOST_AUTO_TEST_CASE(times_that_no_message_can_carry_are_clamped) {
  Pulse pulse(at(0).mono, kInterval);
  wire::HostTime now = at(0);
  now.reference = from_ns<RefTime>(-5);
  now.bound = Nanos::max();
  const auto heartbeat = pulse.due(now);
  BOOST_TEST(to_ns(heartbeat->sent) == 0);
  BOOST_TEST(heartbeat->bound.count() == wire::kMaxBound);
  BOOST_TEST(!wire::encode(*heartbeat).empty());
}

BOOST_AUTO_TEST_SUITE_END()
