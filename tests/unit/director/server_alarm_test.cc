#include "director/server_alarm.hh"

#include <boost/test/unit_test.hpp>

using namespace flagfall;            // NOLINT(google-build-using-namespace): a test
using namespace flagfall::director;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;

namespace {

struct Rig {
  ServerAlarm alarm{3};
  MonoTime now{Nanos(1000s)};

  static Prefix network(unsigned number) {
    IpAddress ip = *parse_ip("10.0.0.0");
    ip.octets[1] = static_cast<std::uint8_t>(number);
    return {ip, 16};
  }
  void raced(ServerIndex server, unsigned who, bool rival_won, double stands_for = 1) {
    now += 1s;
    alarm.raced(server, network(who), rival_won, stands_for, now);
  }
  [[nodiscard]] bool raised(ServerIndex server) const { return (alarm.raised() & bit(server)) != 0; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(server_alarm)

BOOST_AUTO_TEST_CASE(three_networks_that_contradict_raise_it_for_their_server_alone) {
  Rig rig;
  for (unsigned i = 0; i < 50; ++i) rig.raced(1, i, false);
  BOOST_TEST(!rig.alarm.advance(rig.now));
  rig.raced(1, 60, true);
  rig.raced(1, 61, true);
  BOOST_TEST(rig.alarm.raised() == 0U);
  rig.raced(1, 62, true);
  BOOST_TEST(rig.alarm.raised() == bit(1));
  BOOST_TEST(rig.alarm.advance(rig.now));
  BOOST_TEST(!rig.alarm.advance(rig.now));
}

BOOST_AUTO_TEST_CASE(one_network_is_one_voice) {
  Rig rig;
  for (unsigned i = 0; i < 100; ++i) rig.raced(1, 7 + i % 2, true);
  BOOST_TEST(rig.alarm.raised() == 0U);
}

BOOST_AUTO_TEST_CASE(contradictions_now_and_then_raise_nothing) {
  Rig rig;
  for (unsigned i = 0; i < 200; ++i) rig.raced(1, i, i % 20 == 0);  // 5 %
  BOOST_TEST(rig.alarm.raised() == 0U);
}

BOOST_AUTO_TEST_CASE(it_ends_when_the_networks_agree) {
  Rig rig;
  for (unsigned i = 0; i < 5; ++i) rig.raced(1, i, true);
  BOOST_TEST(rig.raised(1));
  for (unsigned i = 0; i < 5; ++i) rig.raced(1, i, false);
  BOOST_TEST(rig.raised(1));
  for (unsigned i = 0; i < 20; ++i) rig.raced(1, i, false);
  BOOST_TEST(!rig.raised(1));
}

BOOST_AUTO_TEST_CASE(it_ends_when_nobody_contradicts_any_more) {
  Rig rig;
  for (unsigned i = 0; i < 5; ++i) rig.raced(1, i, true);
  BOOST_TEST(rig.alarm.advance(rig.now));
  BOOST_TEST(!rig.alarm.advance(rig.now + ServerAlarm::kKeep - 1s));
  BOOST_TEST(rig.raised(1));
  BOOST_TEST(rig.alarm.advance(rig.now + ServerAlarm::kKeep));
  BOOST_TEST(rig.alarm.raised() == 0U);
  // And begins anew only with three more.
  rig.raced(1, 10, true);
  rig.raced(1, 11, true);
  BOOST_TEST(rig.alarm.raised() == 0U);
}

BOOST_AUTO_TEST_CASE(a_server_whose_networks_never_agree_is_not_raced_for_ever) {
  Rig rig;
  unsigned raced = 0;
  for (unsigned i = 0; i < 60'000; ++i) {
    const double stands_for = rig.raised(1) ? 1.0 / 30 : 1;
    // Of those that are raced a third as often as they win.
    rig.raced(1, i, i % 3 == 0, stands_for);
    (void)rig.alarm.advance(rig.now);
    if (i >= 30'000 && rig.raised(1)) ++raced;
  }
  BOOST_TEST(raced < 10'000U);
}

BOOST_AUTO_TEST_SUITE_END()
