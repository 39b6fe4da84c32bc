#include "master/hub_core.hh"

#include <boost/test/unit_test.hpp>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using master::HubCore;
using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::CloseCause;

namespace {

wire::Services services(const std::string& name) {
  wire::Services made;
  made.services.push_back(
      {name, {*parse_endpoint("192.0.2.1:53")}, {*parse_ip("192.0.2.9")}, 30, wire::LatePolicy::send, ""});
  return made;
}

/// What an event made the core do, sorted by kind.
struct Did {
  std::vector<HubCore::Send> sends;
  std::vector<HubCore::Id> finishes, closes;
  std::vector<std::string> lines;
  std::vector<wire::Report> reports;
  std::vector<wire::Evidence> evidence;
  std::vector<wire::HomeQuestion> questions;
  unsigned changes = 0;

  explicit Did(HubCore::Actions actions) {
    for (HubCore::Action& action : actions) {
      if (auto* send = std::get_if<HubCore::Send>(&action)) sends.push_back(std::move(*send));
      if (auto* finish = std::get_if<HubCore::Finish>(&action)) finishes.push_back(finish->id);
      if (auto* close = std::get_if<HubCore::Close>(&action)) closes.push_back(close->id);
      if (auto* log = std::get_if<HubCore::Log>(&action)) lines.push_back(log->text);
      if (auto* reported = std::get_if<HubCore::Reported>(&action)) reports.push_back(reported->report);
      if (auto* gathered = std::get_if<HubCore::Gathered>(&action)) evidence.push_back(gathered->evidence);
      if (auto* asked = std::get_if<HubCore::Asked>(&action)) questions.push_back(asked->question);
      if (std::holds_alternative<HubCore::Changed>(action)) ++changes;
    }
  }
  template <class M>
  [[nodiscard]] const M* sent(std::size_t i = 0) const {
    for (const auto& send : sends)
      if (const auto* m = std::get_if<M>(&send.message); m != nullptr && i-- == 0) return m;
    return nullptr;
  }
};

struct Rig {
  SeededRandom random{4};
  HubCore core{{.heartbeat = seconds(1), .slaves = {{"fra", services("web")}, {"nyc", services("web")}}},
               random};
  Nanos now{seconds(1000)};
  HubCore::Id next = 1;

  [[nodiscard]] wire::HostTime time() const {
    return {MonoTime(now), RefTime(now), wire::ClockStatus::synchronised, Nanos(7)};
  }
  HubCore::Id connect(const std::string& from = "192.0.2.50:1000") {
    (void)core.connected(next, *parse_endpoint(from), time());
    return next++;
  }
  HubCore::Id secure(const std::string& name, const std::string& from = "192.0.2.50:1000") {
    const auto id = connect(from);
    (void)core.secured(id, {name}, {1, 2, 3});
    return id;
  }
  Did say(HubCore::Id id, wire::Message message) { return Did(core.message(id, std::move(message), time())); }
  Did hello(HubCore::Id id, std::uint64_t instance = 1) {
    return say(id, wire::Hello{wire::kSessionVersion, instance, 4954, "test"});
  }
  HubCore::Id registered(const std::string& name, std::uint64_t instance = 1) {
    const auto id = secure(name);
    BOOST_REQUIRE(hello(id, instance).sent<wire::Welcome>() != nullptr);
    return id;
  }
  Did tick(Nanos later) {
    now += later;
    return Did(core.tick(time()));
  }
  Did ping(const std::string& name, const std::vector<IpAddress>& addresses, std::size_t& taken) {
    return Did(core.order_pings(name, addresses, seconds(1), time(), taken));
  }
  [[nodiscard]] const master::SlaveState& slave(const std::string& name) const {
    return core.slaves().at(name);
  }
};

wire::Report racing(bool yes, const std::string& why = "") {
  wire::Report report;
  report.racing = yes;
  report.why_not = why;
  return report;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hub_core)

BOOST_AUTO_TEST_CASE(web_sites_are_for_front_ends_and_trouble_nobody_else) {
  Rig rig;
  const auto with = [](const char* host) {
    wire::Services out = services("web");
    out.services[0].sites = {{host, "", 0, ""}};
    return out;
  };
  (void)rig.core.update({{"fra", with("a.test")}, {"nyc", with("a.test")}}, rig.time());
  const auto front = rig.secure("fra"), plain = rig.secure("nyc");
  Did did = rig.say(front, wire::Hello{wire::kSessionVersion, 1, 4954, "test", true});
  BOOST_TEST(did.sent<wire::Services>()->services[0].sites.size() == 1U);
  did = rig.hello(plain);
  BOOST_TEST(did.sent<wire::Services>()->services[0].sites.empty());
  did = Did(rig.core.update({{"fra", with("b.test")}, {"nyc", with("b.test")}}, rig.time()));
  BOOST_REQUIRE(did.sends.size() == 1U);
  BOOST_TEST(did.sends[0].id == front);
  BOOST_TEST(did.sent<wire::Services>()->services[0].sites[0].host == "b.test");
}

BOOST_AUTO_TEST_CASE(hello_is_answered_with_welcome_and_services) {
  Rig rig;
  const auto id = rig.secure("fra");
  const Did did = rig.hello(id);
  BOOST_REQUIRE(did.sent<wire::Welcome>() != nullptr);
  BOOST_TEST(did.sent<wire::Welcome>()->slave == "fra");
  BOOST_TEST(did.sent<wire::Welcome>()->session == rig.slave("fra").session);
  BOOST_REQUIRE(did.sent<wire::Services>() != nullptr);
  BOOST_TEST(to_ns(did.sent<wire::Services>()->since) == 0);
  BOOST_TEST(did.changes == 1U);
  BOOST_TEST(did.lines.at(0) == "slave fra registered from 192.0.2.50:1000, orders to UDP port 4954 (test)");
  BOOST_TEST(rig.slave("fra").registered);
  BOOST_TEST((rig.slave("fra").orders == *parse_endpoint("192.0.2.50:4954")));
  BOOST_TEST((rig.slave("fra").key == net::SealKey{1, 2, 3}));
}

BOOST_AUTO_TEST_CASE(a_slave_is_fit_when_it_is_ready_and_races) {
  Rig rig;
  const auto id = rig.registered("fra");
  Did did = rig.say(id, wire::Ready{{1}});
  BOOST_TEST(did.changes == 1U);
  BOOST_TEST(!rig.slave("fra").fit());
  did = rig.say(id, racing(true));
  BOOST_TEST(did.changes == 1U);
  BOOST_TEST(did.reports.size() == 1U);
  BOOST_TEST(did.lines.at(0) == "slave fra races");
  BOOST_TEST(rig.slave("fra").fit());
  BOOST_TEST(rig.say(id, racing(true)).changes == 0U);
  did = rig.say(id, racing(false, "clock bound 9 ms is above 5 ms"));
  BOOST_TEST(did.changes == 1U);
  BOOST_TEST(did.lines.at(0) == "slave fra stands down: clock bound 9 ms is above 5 ms");
  did = rig.say(id, racing(false, "clock bound 9.05 ms is above 5 ms"));
  BOOST_TEST(did.lines.empty());  // the same reason, once a second for as long as it lasts
  did = rig.say(id, racing(false, "clock: chronyd does not answer"));
  BOOST_TEST(did.lines.size() == 1U);
  BOOST_TEST(!rig.slave("fra").fit());
}

BOOST_AUTO_TEST_CASE(a_slave_that_can_send_from_nothing_is_not_fit_and_the_operator_is_told) {
  Rig rig;
  const auto id = rig.registered("fra");
  const Did did = rig.say(id, wire::Ready{{0}});
  BOOST_TEST(did.lines.at(0) ==
             "slave fra cannot send from any address of service web: list them in its [transmit] sources");
  (void)rig.say(id, racing(true));
  BOOST_TEST(!rig.slave("fra").fit());
}

BOOST_AUTO_TEST_CASE(an_unknown_name_a_duplicate_and_another_version_are_refused_with_the_reason) {
  Rig rig;
  auto id = rig.secure("bob");
  Did did = rig.hello(id);
  BOOST_REQUIRE(did.sent<wire::Refusal>() != nullptr);
  BOOST_TEST(did.sent<wire::Refusal>()->reason ==
             "no service of this master has a slave named 'bob', as your certificate says");
  BOOST_TEST(did.finishes == std::vector<HubCore::Id>{id});

  (void)rig.registered("fra", 1);
  id = rig.secure("fra", "192.0.2.51:2000");
  did = rig.hello(id, 2);
  BOOST_REQUIRE(did.sent<wire::Refusal>() != nullptr);
  BOOST_TEST(did.sent<wire::Refusal>()->reason ==
             "'fra' has a session already, from 192.0.2.50:1000; every slave needs a certificate of its own");
  BOOST_TEST((rig.slave("fra").peer == *parse_endpoint("192.0.2.50:1000")));

  id = rig.secure("nyc");
  did = rig.say(id, wire::Hello{1, 1, 4954, ""});
  BOOST_REQUIRE(did.sent<wire::Refusal>() != nullptr);
  BOOST_TEST(did.sent<wire::Refusal>()->reason ==
             "protocol version 1 is not spoken here, only 6: upgrade the older side");
  BOOST_TEST(rig.core.counters().refused_unknown == 1U);
  BOOST_TEST(rig.core.counters().refused_duplicate == 1U);
  BOOST_TEST(rig.core.counters().refused_version == 1U);
  // Who does not go by itself is closed after a second.
  BOOST_TEST(rig.tick(seconds(1)).closes.size() == 3U);
}

BOOST_AUTO_TEST_CASE(the_same_process_that_dials_again_takes_its_session_over) {
  Rig rig;
  const auto old = rig.registered("fra", 5);
  const auto session = rig.slave("fra").session;
  const auto id = rig.secure("fra", "192.0.2.60:3000");
  const Did did = rig.hello(id, 5);
  BOOST_TEST(did.closes == std::vector<HubCore::Id>{old});
  BOOST_TEST(did.sent<wire::Welcome>() != nullptr);
  BOOST_TEST(rig.slave("fra").session != session);
  BOOST_TEST(rig.slave("fra").registered);
  BOOST_TEST(rig.core.counters().replaced == 1U);
}

BOOST_AUTO_TEST_CASE(a_name_is_free_as_soon_as_its_connection_ended) {
  Rig rig;
  const auto id = rig.registered("fra", 1);
  const Did did(rig.core.closed(id, CloseCause::ended, "it closed the connection", rig.time()));
  BOOST_TEST(did.changes == 1U);
  BOOST_TEST(did.lines.at(0) == "slave fra is out of all races: it closed the connection");
  BOOST_TEST(!rig.slave("fra").registered);
  (void)rig.registered("fra", 2);
}

BOOST_AUTO_TEST_CASE(a_slave_silent_for_three_heartbeats_is_out_of_races) {
  Rig rig;
  const auto id = rig.registered("fra");
  for (int i = 0; i < 5; ++i) {
    (void)rig.tick(milliseconds(900));
    (void)rig.say(id, wire::Heartbeat{RefTime(rig.now), {}, {}});
  }
  BOOST_TEST(rig.slave("fra").registered);
  (void)rig.tick(milliseconds(2999));
  BOOST_TEST(rig.slave("fra").registered);
  const Did did = rig.tick(milliseconds(1));
  BOOST_TEST(!rig.slave("fra").registered);
  BOOST_TEST(did.closes == std::vector<HubCore::Id>{id});
  BOOST_TEST(did.changes == 1U);
  BOOST_TEST(did.lines.at(0) == "slave fra is out of all races: silent for 3 s");
}

BOOST_AUTO_TEST_CASE(heartbeats_go_out_every_interval_with_the_masters_clock) {
  Rig rig;
  const auto id = rig.registered("fra");
  unsigned sent = 0;
  for (int i = 0; i < 20; ++i) {
    const Did did = rig.tick(milliseconds(500));
    if (const auto* heartbeat = did.sent<wire::Heartbeat>()) {
      ++sent;
      BOOST_TEST(heartbeat->bound.count() == 7);
    }
    (void)rig.say(id, wire::Heartbeat{RefTime(rig.now), {}, {}});
    BOOST_TEST(
        (rig.core.next_deadline() > MonoTime(rig.now) || i == 0));  // the first that comes is echoed at once
  }
  BOOST_TEST(sent == 11U);
}

BOOST_AUTO_TEST_CASE(connections_without_hello_end_at_the_time_limit) {
  Rig rig;
  const auto mute = rig.connect();
  const auto secured = rig.secure("fra", "192.0.2.51:1");
  BOOST_TEST((rig.core.next_deadline() == MonoTime(rig.now + seconds(10))));
  BOOST_TEST(rig.tick(milliseconds(9999)).closes.empty());
  const Did did = rig.tick(milliseconds(1));
  BOOST_TEST((did.closes == std::vector<HubCore::Id>{mute, secured}));
  BOOST_TEST(did.lines.at(0) ==
             "control connection from 192.0.2.50:1000 closed: no TLS handshake within 10 s");
  BOOST_TEST(rig.core.counters().handshake_timeout == 2U);
  BOOST_TEST((rig.core.next_deadline() == MonoTime::max()));
}

BOOST_AUTO_TEST_CASE(one_address_may_hold_eight_unfinished_connections) {
  Rig rig;
  for (int i = 0; i < 8; ++i)
    BOOST_TEST(Did(rig.core.connected(100U + static_cast<unsigned>(i), *parse_endpoint("198.51.100.1:9"),
                                      rig.time()))
                   .closes.empty());
  const Did did(rig.core.connected(200, *parse_endpoint("198.51.100.1:9"), rig.time()));
  BOOST_TEST(did.closes == std::vector<HubCore::Id>{200});
  BOOST_TEST(rig.core.counters().over_limit == 1U);
  BOOST_TEST(Did(rig.core.connected(201, *parse_endpoint("198.51.100.2:9"), rig.time())).closes.empty());
}

BOOST_AUTO_TEST_CASE(a_flood_from_many_addresses_pushes_out_its_own_oldest_and_no_session) {
  Rig rig;
  const auto slave = rig.registered("fra");
  std::vector<HubCore::Id> closed;
  for (unsigned i = 0; i < 500; ++i) {
    const Did did(
        rig.core.connected(1000 + i,
                           {ip_from_bytes(std::vector<std::uint8_t>{10, 0, static_cast<std::uint8_t>(i / 256),
                                                                    static_cast<std::uint8_t>(i)}),
                            1},
                           rig.time()));
    closed.insert(closed.end(), did.closes.begin(), did.closes.end());
  }
  BOOST_TEST(closed.size() == 500U - 64);
  BOOST_TEST(closed.front() == 1000U);
  BOOST_TEST(rig.core.counters().evicted == 500U - 64);
  BOOST_TEST(rig.slave("fra").registered);
  // And a slave can still come in while the flood goes on.
  (void)rig.registered("nyc");
  BOOST_TEST(slave != 0U);
}

BOOST_AUTO_TEST_CASE(lines_that_outsiders_cause_are_limited) {
  Rig rig;
  std::size_t lines = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto id = rig.connect();
    lines +=
        Did(rig.core.closed(id, CloseCause::handshake, "it does not speak TLS", rig.time())).lines.size();
  }
  BOOST_TEST(lines == 5U);
  rig.now += seconds(10);
  const Did did(rig.core.closed(rig.connect(), CloseCause::handshake, "it does not speak TLS", rig.time()));
  BOOST_TEST(did.lines.at(0).ends_with("(995 lines like this were left out)"));
  BOOST_TEST(rig.core.counters().handshake_failed == 1001U);
}

BOOST_AUTO_TEST_CASE(messages_that_may_not_come_end_the_connection) {
  Rig rig;
  const std::vector<wire::Message> before_hello{wire::Ready{},   wire::Heartbeat{}, wire::Report{},
                                                wire::Welcome{}, wire::Services{},  wire::Refusal{}};
  for (const wire::Message& m : before_hello) {
    const auto id = rig.secure("fra");
    BOOST_TEST(rig.say(id, m).closes == std::vector<HubCore::Id>{id});
  }
  const std::vector<wire::Message> afterwards{wire::Hello{wire::kSessionVersion, 1, 1, ""}, wire::Welcome{},
                                              wire::Services{}, wire::Refusal{}};
  for (const wire::Message& m : afterwards) {
    const auto id = rig.registered("fra");
    const Did did = rig.say(id, m);
    BOOST_TEST(did.closes == std::vector<HubCore::Id>{id});
    BOOST_TEST(!rig.slave("fra").registered);
  }
  const auto id = rig.connect();  // before TLS is done
  BOOST_TEST(rig.hello(id).closes == std::vector<HubCore::Id>{id});
  BOOST_TEST(rig.core.counters().out_of_order == 11U);
}

BOOST_AUTO_TEST_CASE(a_ready_of_the_wrong_length_or_unasked_ends_the_session) {
  Rig rig;
  auto id = rig.registered("fra");
  BOOST_TEST(rig.say(id, wire::Ready{{1, 1}}).closes == std::vector<HubCore::Id>{id});
  id = rig.registered("fra");
  BOOST_TEST(rig.say(id, wire::Ready{{1}}).closes.empty());
  BOOST_TEST(rig.say(id, wire::Ready{{1}}).closes == std::vector<HubCore::Id>{id});
}

BOOST_AUTO_TEST_CASE(a_slave_tells_by_itself_that_a_backend_is_down_and_up_again) {
  Rig rig;
  const auto id = rig.registered("fra");
  // While Services are unanswered it says nothing new.
  BOOST_TEST(rig.say(id, wire::Ready{{1}, false, true}).changes == 0U);
  BOOST_TEST(rig.slave("fra").ready.empty());
  BOOST_TEST(rig.say(id, wire::Ready{{1}}).changes == 1U);
  Did did = rig.say(id, wire::Ready{{0}, false, true, {wire::Lack::down}});
  BOOST_TEST(did.changes == 1U);
  BOOST_TEST(did.lines.at(0) == "slave fra has a [[backend]] for service web that does not answer");
  BOOST_TEST(rig.slave("fra").ready[0] == 0U);
  did = rig.say(id, wire::Ready{{0}, false, true, {wire::Lack::down}});
  BOOST_TEST(did.lines.empty());
  did = rig.say(id, wire::Ready{{1}, false, true, {wire::Lack::nothing}});
  BOOST_TEST(did.lines.at(0) == "slave fra answers for service web again");
  BOOST_TEST(rig.slave("fra").ready[0] == 1U);
  BOOST_TEST(rig.say(id, wire::Ready{{1, 1}, false, true}).closes == std::vector<HubCore::Id>{id});
}

BOOST_AUTO_TEST_CASE(changed_services_are_sent_and_only_the_last_ready_counts) {
  Rig rig;
  const auto id = rig.registered("fra");
  BOOST_TEST(rig.say(id, wire::Ready{{1}}).changes == 1U);
  auto two = services("web");
  two.services.push_back(services("mail").services[0]);
  const std::map<std::string, wire::Services> slaves{{"fra", two}, {"nyc", services("web")}};
  Did did(rig.core.update(slaves, rig.time()));
  BOOST_REQUIRE(did.sent<wire::Services>() != nullptr);
  BOOST_TEST((did.sent<wire::Services>()->since == RefTime(rig.now)));
  BOOST_TEST(rig.slave("fra").ready.empty());
  BOOST_TEST(Did(rig.core.update(slaves, rig.time())).sends.empty());  // nothing new
  auto three = two;
  three.services.push_back(services("ftp").services[0]);
  (void)rig.core.update({{"fra", three}, {"nyc", services("web")}}, rig.time());
  BOOST_TEST(rig.say(id, wire::Ready{{1, 1}}).closes.empty());
  BOOST_TEST(rig.slave("fra").ready.empty());
  BOOST_TEST(rig.say(id, wire::Ready{{1, 1, 1}}).closes.empty());
  BOOST_TEST(rig.slave("fra").ready.size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_slave_that_is_not_configured_any_more_is_sent_away) {
  Rig rig;
  const auto id = rig.registered("fra");
  const Did did(rig.core.update({{"nyc", services("web")}}, rig.time()));
  BOOST_REQUIRE(did.sent<wire::Refusal>() != nullptr);
  BOOST_TEST(did.finishes == std::vector<HubCore::Id>{id});
  BOOST_TEST(rig.core.slaves().size() == 1U);
  BOOST_TEST(rig.tick(seconds(1)).closes == std::vector<HubCore::Id>{id});
  BOOST_TEST(rig.say(id, wire::Heartbeat{}).closes.empty());  // what still comes is ignored
}

BOOST_AUTO_TEST_CASE(a_slave_that_refuses_most_orders_is_benched_in_the_log_and_comes_back_by_itself) {
  Rig rig;
  const auto id = rig.registered("fra");
  (void)rig.say(id, racing(true));
  wire::Report refusals = racing(true);
  refusals.outcomes.assign(40, {1, wire::RaceOutcome::Fate::refused, {}, {}});
  Did did = rig.say(id, refusals);
  BOOST_TEST(did.changes == 1U);
  BOOST_TEST(did.lines.at(0) ==
             "slave fra is benched for 5 s: it refused 40 of 40 orders; see its [transmit] rate and queue");
  BOOST_TEST(did.reports.at(0).outcomes.size() == 40U);
  BOOST_TEST(rig.slave("fra").health.benched());
  did = rig.say(id, refusals);  // of orders that were under way
  BOOST_TEST(did.changes == 0U);
  BOOST_TEST(did.lines.empty());
  BOOST_TEST((rig.core.next_deadline() <= MonoTime(rig.now + seconds(5))));
  for (int i = 0; i < 5; ++i) {
    BOOST_TEST(rig.slave("fra").health.benched());
    (void)rig.say(id, wire::Heartbeat{RefTime(rig.now), {}, {}});
    did = rig.tick(seconds(1));
  }
  BOOST_TEST(did.changes == 1U);
  BOOST_TEST(did.lines.at(0) == "slave fra comes back from the bench");
  BOOST_TEST(!rig.slave("fra").health.benched());
}

BOOST_AUTO_TEST_CASE(a_bench_outlives_the_session_but_not_the_slaves_process) {
  Rig rig;
  auto id = rig.registered("fra", 7);
  wire::Report refusals = racing(true);
  refusals.outcomes.assign(40, {1, wire::RaceOutcome::Fate::refused, {}, {}});
  (void)rig.say(id, refusals);
  id = rig.registered("fra", 7);
  BOOST_TEST(rig.slave("fra").health.benched());
  (void)rig.core.closed(id, CloseCause::ended, "gone", rig.time());
  // Nobody is connected, and the end of the bench is still told.
  BOOST_TEST((rig.core.next_deadline() == MonoTime(rig.now + seconds(5))));
  (void)rig.registered("fra", 8);
  BOOST_TEST(!rig.slave("fra").health.benched());
}

BOOST_AUTO_TEST_CASE(one_refusal_and_the_end_of_its_minute_are_changes) {
  Rig rig;
  const auto id = rig.registered("fra");
  (void)rig.say(id, racing(true));
  wire::Report report = racing(true);
  report.outcomes.push_back({1, wire::RaceOutcome::Fate::failed, {}, {}});
  BOOST_TEST(rig.say(id, report).changes == 1U);
  BOOST_TEST(rig.slave("fra").health.doubted());
  (void)rig.core.closed(id, CloseCause::ended, "gone", rig.time());
  BOOST_TEST((rig.core.next_deadline() == MonoTime(rig.now + seconds(60))));
  const Did did = rig.tick(seconds(60));
  BOOST_TEST(did.changes == 1U);
  BOOST_TEST(did.lines.empty());
  BOOST_TEST((rig.core.next_deadline() == MonoTime::max()));
}

BOOST_AUTO_TEST_CASE(a_slave_that_does_not_read_is_closed) {
  Rig rig;
  const auto id = rig.registered("fra");
  const Did did(rig.core.overflowed(id));
  BOOST_TEST(did.closes == std::vector<HubCore::Id>{id});
  BOOST_TEST(!rig.slave("fra").registered);
  BOOST_TEST(rig.core.counters().overflow == 1U);
}

BOOST_AUTO_TEST_CASE(sessions_of_two_slaves_have_different_ids) {
  Rig rig;
  (void)rig.registered("fra");
  (void)rig.registered("nyc");
  BOOST_TEST(rig.slave("fra").session != rig.slave("nyc").session);
  BOOST_TEST(rig.slave("fra").session != 0U);
}

BOOST_AUTO_TEST_CASE(only_pings_that_were_ordered_of_this_slave_are_evidence_each_once) {
  using Fate = wire::PingResult::Fate;
  Rig rig;
  const auto fra = rig.registered("fra");
  const auto nyc = rig.registered("nyc", 2);
  const IpAddress asked = *parse_ip("198.51.100.1");
  std::size_t taken = 0;
  const Did order = rig.ping("fra", {asked, asked, *parse_ip("224.0.0.1")}, taken);
  BOOST_TEST(taken == 1U);
  BOOST_REQUIRE(order.sent<wire::PingOrder>() != nullptr);
  BOOST_TEST(order.sends.at(0).id == fra);
  BOOST_TEST(order.sent<wire::PingOrder>()->addresses.size() == 1U);
  wire::Evidence told;
  told.pings = {{asked, Fate::answered, milliseconds(7), Nanos(0)},
                {*parse_ip("198.51.100.2"), Fate::answered, milliseconds(1), Nanos(0)}};
  BOOST_TEST(rig.say(nyc, told).evidence.empty());  // it was not asked
  BOOST_TEST(rig.core.counters().pings_unasked == 2U);
  const Did first = rig.say(fra, told);
  BOOST_REQUIRE(first.evidence.size() == 1U);
  BOOST_REQUIRE(first.evidence[0].pings.size() == 1U);
  BOOST_TEST((first.evidence[0].pings[0].address == asked));
  BOOST_TEST(rig.core.counters().pings_unasked == 3U);
  BOOST_TEST(rig.say(fra, told).evidence.empty());
  BOOST_TEST(rig.core.counters().pings_unasked == 5U);
  BOOST_TEST(rig.core.counters().pings_ordered == 1U);
}

BOOST_AUTO_TEST_CASE(pings_are_ordered_of_slaves_with_a_session_only_in_messages_that_fit) {
  Rig rig;
  std::size_t taken = 7;
  BOOST_TEST(rig.ping("fra", {*parse_ip("198.51.100.1")}, taken).sends.empty());
  BOOST_TEST(taken == 0U);
  (void)rig.registered("fra");
  std::vector<IpAddress> many;
  for (unsigned i = 0; i < wire::kMaxPings + 3; ++i)
    many.push_back(ip_from_bytes(std::array{
        std::uint8_t{10}, std::uint8_t{0}, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)}));
  const Did did = rig.ping("fra", many, taken);
  BOOST_TEST(taken == many.size());
  BOOST_REQUIRE(did.sends.size() == 2U);
  for (const auto& send : did.sends) BOOST_TEST(!wire::encode(send.message).empty());
}

BOOST_AUTO_TEST_CASE(loads_and_checks_are_kept_while_there_is_a_session_and_changes_are_said) {
  Rig rig;
  const auto id = rig.registered("fra");
  wire::Evidence told;
  told.loads = {{"machine", 3, 1000, 0, 900'000}};
  told.checks = {{"web", {}, wire::Health::up, seconds(1), ""}};
  const Did up = rig.say(id, told);
  BOOST_TEST(up.evidence.size() == 1U);
  BOOST_TEST(up.lines.at(0) == "slave fra: check web is up");
  BOOST_TEST(rig.say(id, told).lines.empty());
  told.checks[0].state = wire::Health::down;
  told.checks[0].why = "connection refused";
  BOOST_TEST(rig.say(id, told).lines.at(0) == "slave fra: check web is down: connection refused");
  BOOST_TEST(rig.slave("fra").loads.at(0).connections.value() == 3U);
  BOOST_TEST((rig.slave("fra").checks.at(0).state == wire::Health::down));
  // Pings alone do not take them away.
  wire::Evidence paths;
  paths.paths = {{*parse_prefix("198.51.100.0/24"), Nanos(2), Nanos(1), 0, 0, 1}};
  BOOST_TEST(rig.say(id, paths).evidence.size() == 1U);
  BOOST_TEST(rig.slave("fra").checks.size() == 1U);
  (void)rig.core.closed(id, CloseCause::ended, "gone", rig.time());
  BOOST_TEST(rig.slave("fra").loads.empty());
  BOOST_TEST(rig.slave("fra").checks.empty());
}

BOOST_AUTO_TEST_CASE(a_flood_of_evidence_is_dropped_and_counted) {
  Rig rig;
  const auto id = rig.registered("fra");
  wire::Evidence told;
  told.loads = {{"machine", 3, {}, {}, {}}};
  std::size_t taken = 0;
  for (int i = 0; i < 1000; ++i) taken += rig.say(id, told).evidence.size();
  BOOST_TEST(taken == 200U);
  BOOST_TEST(rig.core.counters().evidence_flood == 800U);
  rig.now += seconds(1);
  BOOST_TEST(rig.say(id, told).evidence.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_front_ends_questions_are_handed_on_and_a_flood_of_them_is_dropped) {
  Rig rig;
  const auto id = rig.registered("fra");
  const wire::HomeQuestion question{5, "web", *parse_ip("198.51.100.7")};
  std::size_t handed_on = 0;
  for (int i = 0; i < 3000; ++i) handed_on += rig.say(id, question).questions.size();
  BOOST_TEST(handed_on == 2000U);
  BOOST_TEST(rig.core.counters().home_questions == 2000U);
  BOOST_TEST(rig.core.counters().home_flood == 1000U);
  rig.now += seconds(1);
  const Did did = rig.say(id, question);
  BOOST_REQUIRE(did.questions.size() == 1U);
  BOOST_TEST(did.questions[0].service == "web");
  BOOST_TEST(rig.say(id, wire::HomeAnswer{}).closes.size() == 1U);  // a master's word
}

BOOST_AUTO_TEST_CASE(evidence_before_the_session_is_out_of_order) {
  Rig rig;
  const auto id = rig.secure("fra");
  BOOST_TEST(rig.say(id, wire::Evidence{}).closes.size() == 1U);
  BOOST_TEST(rig.core.counters().out_of_order == 1U);
  const auto session = rig.registered("fra");
  BOOST_TEST(rig.say(session, wire::PingOrder{}).closes.size() == 1U);  // a master's word
}

BOOST_AUTO_TEST_CASE(a_collector_is_sent_no_services_and_is_never_fit) {
  Rig rig;
  const auto id = rig.secure("fra");
  const Did did = rig.say(id, wire::Hello{wire::kSessionVersion, 1, 0, "test"});
  BOOST_REQUIRE(did.sent<wire::Services>() != nullptr);
  BOOST_TEST(did.sent<wire::Services>()->services.empty());
  BOOST_TEST(did.lines.at(0) == "slave fra registered from 192.0.2.50:1000, to collect only (test)");
  const Did ready = rig.say(id, wire::Ready{});
  BOOST_TEST(ready.lines.empty());
  BOOST_TEST(ready.closes.empty());
  (void)rig.say(id, racing(true));
  BOOST_TEST(!rig.slave("fra").fit());
  BOOST_TEST(rig.slave("fra").collects_only);
}

BOOST_AUTO_TEST_SUITE_END()
