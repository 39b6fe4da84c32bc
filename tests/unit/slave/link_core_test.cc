#include "slave/link_core.hh"

#include <boost/test/unit_test.hpp>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using slave::LinkCore;
using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::CloseCause;

namespace {

/// What an event made the core do, sorted by kind.
struct Did {
  unsigned dials = 0;
  unsigned closes = 0;
  unsigned registered = 0;
  std::vector<wire::Message> sends;
  std::vector<wire::Services> services;
  std::vector<wire::Heartbeat> clocks;
  std::vector<wire::PingOrder> pings;
  std::vector<wire::HomeAnswer> homes;
  std::vector<std::string> losses;
  std::vector<std::string> lines;  // without debug

  explicit Did(LinkCore::Actions actions) {
    for (LinkCore::Action& action : actions) {
      if (std::holds_alternative<LinkCore::Dial>(action)) ++dials;
      if (std::holds_alternative<LinkCore::Close>(action)) ++closes;
      if (std::holds_alternative<LinkCore::Registered>(action)) ++registered;
      if (auto* send = std::get_if<LinkCore::Send>(&action)) sends.push_back(send->message);
      if (auto* serve = std::get_if<LinkCore::Serve>(&action)) services.push_back(serve->services);
      if (auto* clock = std::get_if<LinkCore::MasterClock>(&action)) clocks.push_back(clock->heartbeat);
      if (auto* ping = std::get_if<LinkCore::Ping>(&action)) pings.push_back(ping->order);
      if (auto* home = std::get_if<LinkCore::Home>(&action)) homes.push_back(home->answer);
      if (auto* lost = std::get_if<LinkCore::Lost>(&action)) losses.push_back(lost->reason);
      if (auto* log = std::get_if<LinkCore::Log>(&action);
          log != nullptr && log->level != LinkCore::Log::Level::debug)
        lines.push_back(log->text);
    }
  }
};

struct Rig {
  SeededRandom random{2};
  LinkCore core{{.master = *parse_endpoint("192.0.2.1:4953"),
                 .master_name = "master-1",
                 .order_port = 4954,
                 .instance = 9},
                random};
  Nanos now{seconds(1000)};

  [[nodiscard]] wire::HostTime time() const {
    return {MonoTime(now), RefTime(now), wire::ClockStatus::synchronised, Nanos(7)};
  }
  Did tick(Nanos later = Nanos(0)) {
    now += later;
    return Did(core.tick(time()));
  }
  Did say(wire::Message message) { return Did(core.message(std::move(message), time())); }
  Did closed(CloseCause cause, const std::string& why) { return Did(core.closed(cause, why, time())); }
  /// Lets time pass up to the next dial, and says how long it took.
  Nanos until_dial() {
    const Nanos from = now;
    now = std::max(now, core.next_deadline().time_since_epoch());
    BOOST_REQUIRE(Did(core.tick(time())).dials == 1U);
    return now - from;
  }
  void secure() { BOOST_REQUIRE(Did(core.secured({"master-1"}, time())).sends.size() == 1U); }
  void register_now() {
    (void)until_dial();
    secure();
    BOOST_REQUIRE(say(wire::Welcome{wire::kSessionVersion, 77, seconds(1), "fra", {}}).registered == 1U);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(link_core)

BOOST_AUTO_TEST_CASE(it_dials_at_once_says_hello_and_is_registered_by_welcome_only) {
  Rig rig;
  BOOST_TEST(rig.tick().dials == 1U);
  const Did did(rig.core.secured({"alias", "master-1"}, rig.time()));
  BOOST_REQUIRE(did.sends.size() == 1U);
  BOOST_TEST(std::get<wire::Hello>(did.sends[0]).instance == 9U);
  BOOST_TEST(std::get<wire::Hello>(did.sends[0]).order_port == 4954);
  BOOST_TEST(!rig.core.registered());
  const Did welcome = rig.say(wire::Welcome{wire::kSessionVersion, 77, seconds(1), "fra", {}});
  BOOST_TEST(rig.core.registered());
  BOOST_TEST(welcome.lines.at(0) == "registered with master master-1 (192.0.2.1:4953) as 'fra'");
}

BOOST_AUTO_TEST_CASE(a_master_with_another_name_gets_no_hello) {
  Rig rig;
  (void)rig.tick();
  const Did did(rig.core.secured({"fra"}, rig.time()));
  BOOST_TEST(did.sends.empty());
  BOOST_TEST(did.closes == 1U);
  BOOST_TEST(did.lines.at(0).find("its certificate is for 'fra', not for 'master-1'") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(waits_double_up_to_two_seconds_with_jitter) {
  Rig rig;
  Nanos base = milliseconds(100);
  BOOST_TEST(rig.until_dial().count() == 0);
  for (int i = 0; i < 12; ++i) {
    (void)rig.closed(CloseCause::connect, "Connection refused");
    const Nanos waited = rig.until_dial();
    BOOST_TEST(waited.count() >= base.count() / 2);
    BOOST_TEST(waited.count() <= base.count());
    base = std::min<Nanos>(base * 2, seconds(2));
  }
}

BOOST_AUTO_TEST_CASE(an_attempt_that_gets_no_answer_ends_after_three_seconds) {
  Rig rig;
  (void)rig.until_dial();
  BOOST_TEST(rig.tick(milliseconds(2999)).closes == 0U);
  const Did did = rig.tick(milliseconds(1));
  BOOST_TEST(did.closes == 1U);
  BOOST_TEST(did.lines.at(0) ==
             "master master-1 (192.0.2.1:4953): no connection within 3 s; dialling again until it works");
  (void)rig.until_dial();
  rig.secure();
  BOOST_TEST(rig.tick(seconds(3)).closes == 1U);
}

BOOST_AUTO_TEST_CASE(whatever_the_moment_of_a_masters_return_the_next_dial_is_within_five_seconds) {
  // The worst: an attempt whose packets are all lost has just begun, and the wait is the longest.
  Rig rig;
  for (int i = 0; i < 10; ++i) {
    (void)rig.until_dial();
    (void)rig.closed(CloseCause::connect, "Connection refused");
  }
  (void)rig.until_dial();
  const Nanos back = rig.now;
  (void)rig.tick(seconds(3));
  (void)rig.until_dial();
  BOOST_TEST((rig.now - back).count() <= Nanos(seconds(5)).count());
}

BOOST_AUTO_TEST_CASE(the_same_failure_is_said_once_and_again_after_five_minutes) {
  Rig rig;
  std::size_t lines = 0;
  const Nanos start = rig.now;
  while (rig.now - start < std::chrono::minutes(4)) {
    (void)rig.until_dial();
    lines += rig.closed(CloseCause::connect, "Connection refused").lines.size();
  }
  BOOST_TEST(lines == 1U);
  (void)rig.until_dial();
  BOOST_TEST(rig.closed(CloseCause::connect, "No route to host").lines.size() == 1U);
  while (rig.now - start < std::chrono::minutes(10)) {
    (void)rig.until_dial();
    lines += rig.closed(CloseCause::connect, "No route to host").lines.size();
  }
  BOOST_TEST(lines == 2U);
}

BOOST_AUTO_TEST_CASE(a_refusal_is_said_with_its_reason_and_its_wait_is_kept) {
  Rig rig;
  (void)rig.until_dial();
  rig.secure();
  const Did did = rig.say(wire::Refusal{"no slave named 'fra'", seconds(5)});
  BOOST_TEST(did.closes == 1U);
  BOOST_TEST(did.lines.at(0).find("it refused us: no slave named 'fra'") != std::string::npos);
  BOOST_TEST(rig.until_dial().count() == Nanos(seconds(5)).count());
}

BOOST_AUTO_TEST_CASE(services_and_the_masters_clock_are_passed_on) {
  Rig rig;
  rig.register_now();
  BOOST_TEST(rig.say(wire::Services{}).services.size() == 1U);
  const Did did =
      rig.say(wire::Heartbeat{RefTime(rig.now), {}, {}, wire::ClockStatus::synchronised, Nanos(55)});
  BOOST_REQUIRE(did.clocks.size() == 1U);
  BOOST_TEST(did.clocks[0].bound.count() == 55);
}

BOOST_AUTO_TEST_CASE(heartbeats_go_out_every_interval_of_the_welcome) {
  Rig rig;
  rig.register_now();
  unsigned sent = 0;
  for (int i = 0; i < 20; ++i) {
    sent += static_cast<unsigned>(rig.tick(milliseconds(500)).sends.size());
    (void)rig.say(wire::Heartbeat{});
  }
  BOOST_TEST(sent == 11U);  // one of them at once, as the echo of the first that came
  BOOST_TEST(rig.core.registered());
}

BOOST_AUTO_TEST_CASE(a_master_silent_for_three_heartbeats_is_lost) {
  Rig rig;
  rig.register_now();
  BOOST_TEST(rig.tick(milliseconds(2999)).losses.empty());
  const Did did = rig.tick(milliseconds(1));
  BOOST_TEST(did.losses.at(0) == "silent for 3 s");
  BOOST_TEST(did.closes == 1U);
  BOOST_TEST(!rig.core.registered());
}

BOOST_AUTO_TEST_CASE(after_a_long_session_the_first_wait_is_short_and_after_a_short_one_it_grows) {
  Rig rig;
  for (int i = 0; i < 6; ++i) {
    rig.register_now();
    (void)rig.closed(CloseCause::ended, "it closed the connection");
  }
  rig.register_now();  // sessions that end at once: the waits have grown
  for (int i = 0; i < 6; ++i) {
    (void)rig.tick(seconds(1));
    (void)rig.say(wire::Heartbeat{});
  }
  const Did did = rig.closed(CloseCause::ended, "it closed the connection");
  BOOST_TEST(did.losses.size() == 1U);
  BOOST_TEST(did.lines.at(0) ==
             "master master-1 (192.0.2.1:4953) is lost: it closed the connection; dialling again");
  BOOST_TEST(rig.until_dial().count() <= Nanos(milliseconds(100)).count());
}

BOOST_AUTO_TEST_CASE(messages_that_may_not_come_end_the_session) {
  for (const wire::Message& m :
       std::vector<wire::Message>{wire::Hello{}, wire::Ready{}, wire::Report{}, wire::Welcome{}}) {
    Rig rig;
    rig.register_now();
    const Did did = rig.say(m);
    BOOST_TEST(did.closes == 1U);
    BOOST_TEST(did.losses.size() == 1U);
  }
  for (const wire::Message& m :
       std::vector<wire::Message>{wire::Hello{}, wire::Services{}, wire::Heartbeat{}, wire::Ready{}}) {
    Rig rig;
    (void)rig.until_dial();
    rig.secure();
    BOOST_TEST(rig.say(m).closes == 1U);
    BOOST_TEST(!rig.core.registered());
  }
}

BOOST_AUTO_TEST_CASE(a_welcome_of_another_version_is_no_registration) {
  Rig rig;
  (void)rig.until_dial();
  rig.secure();
  const Did did = rig.say(wire::Welcome{1, 1, seconds(1), "", {}});
  BOOST_TEST(did.registered == 0U);
  BOOST_TEST(did.lines.at(0).find("it speaks protocol version 1, we speak 6") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_master_that_does_not_read_is_left) {
  Rig rig;
  rig.register_now();
  const Did did(rig.core.overflowed(rig.time()));
  BOOST_TEST(did.losses.size() == 1U);
  BOOST_TEST(did.closes == 1U);
}

BOOST_AUTO_TEST_CASE(events_of_a_connection_that_was_given_up_change_nothing) {
  Rig rig;
  (void)rig.until_dial();
  (void)rig.closed(CloseCause::connect, "Connection refused");
  BOOST_TEST(rig.closed(CloseCause::ended, "again").lines.empty());
  BOOST_TEST(rig.say(wire::Welcome{wire::kSessionVersion, 1, seconds(1), "fra", {}}).registered == 0U);
  BOOST_TEST(Did(rig.core.secured({"master-1"}, rig.time())).sends.empty());
}

BOOST_AUTO_TEST_CASE(an_answer_for_the_front_end_is_handed_on) {
  Rig rig;
  (void)rig.tick();
  (void)rig.core.secured({"master-1"}, rig.time());
  (void)rig.say(wire::Welcome{wire::kSessionVersion, 77, seconds(1), "fra", {}});
  const Did did = rig.say(wire::HomeAnswer{7, wire::HomeAnswer::Home::here, 24, seconds(1), {}});
  BOOST_REQUIRE(did.homes.size() == 1U);
  BOOST_TEST(did.homes[0].number == 7U);
  BOOST_TEST(rig.say(wire::HomeQuestion{}).closes == 1U);  // a slave's word
}

BOOST_AUTO_TEST_CASE(an_order_of_pings_is_taken_from_a_master_that_has_welcomed_us_only) {
  const wire::PingOrder order{seconds(1), {*parse_ip("198.51.100.1")}};
  Rig early;
  (void)early.tick();
  (void)early.core.secured({"master-1"}, early.time());
  const Did refused = early.say(order);
  BOOST_TEST(refused.pings.empty());
  BOOST_TEST(refused.closes == 1U);
  Rig rig;
  (void)rig.tick();
  (void)rig.core.secured({"master-1"}, rig.time());
  (void)rig.say(wire::Welcome{wire::kSessionVersion, 77, seconds(1), "fra", {}});
  const Did did = rig.say(order);
  BOOST_REQUIRE(did.pings.size() == 1U);
  BOOST_TEST(did.pings[0].addresses.size() == 1U);
  BOOST_TEST(did.closes == 0U);
  BOOST_TEST(rig.say(wire::Evidence{}).closes == 1U);  // a slave's word
}

BOOST_AUTO_TEST_SUITE_END()
