#include "master/snapshot_builder.hh"

#include <boost/test/unit_test.hpp>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;
using master::SlaveState;
using master::Snapshot;
using master::SnapshotBuilder;

namespace {

/// web: ams and fra, both families at fra only; mail: fra.
struct Fixture {
  master::Config config;
  std::vector<Endpoint> listen = {*parse_endpoint("192.0.2.1:53"), *parse_endpoint("[2001:db8::1]:53")};
  std::vector<SlaveState> slaves;
  clocksync::RefMap clock;

  Fixture() {
    const IpAddress v4 = *parse_ip("192.0.2.10");
    const IpAddress v6 = *parse_ip("2001:db8::10");
    config.services.push_back(
        {"web", {"www.example.test"}, 25ms, wire::LatePolicy::drop, 30, {{"fra", {v4, v6}}, {"ams", {v4}}}});
    config.services.push_back(
        {"mail", {"mail.example.test"}, 10ms, wire::LatePolicy::send, 60, {{"fra", {v4}}}});
    slaves.push_back(fit("ams", {0b11}));
    slaves.push_back(fit("fra", {0b11, 0b01}));
  }
  static SlaveState fit(const std::string& name, std::vector<std::uint32_t> ready) {
    SlaveState s;
    s.name = name;
    s.registered = true;
    s.sessions = 1;
    s.session = static_cast<std::uint8_t>(name[0]);
    s.orders = {*parse_ip("198.51.100.1"), 4954};
    s.ready = std::move(ready);
    s.last_report.racing = true;
    s.last_report.bound = 1ms;
    return s;
  }
  [[nodiscard]] SnapshotBuilder builder() const { return {config, listen}; }
  [[nodiscard]] Snapshot build() const {
    std::vector<const SlaveState*> views;
    for (const SlaveState& s : slaves) views.push_back(&s);
    return builder().build(views, clock, false, nullptr);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(snapshot_builder)

BOOST_AUTO_TEST_CASE(each_slave_is_told_only_of_the_services_it_races_for) {
  Fixture f;
  const auto services = f.builder().services();
  BOOST_TEST(services.size() == 2U);
  BOOST_TEST(services.at("ams").services.size() == 1U);
  const auto& fra = services.at("fra").services;
  BOOST_REQUIRE(fra.size() == 2U);
  BOOST_TEST(fra[0].name == "web");
  BOOST_TEST((fra[0].late == wire::LatePolicy::drop));
  BOOST_TEST(fra[0].answers.size() == 2U);
  BOOST_TEST((fra[0].addresses == f.listen));
  BOOST_TEST(fra[0].nsid.empty());
  BOOST_TEST(fra[1].ttl == 60U);
  f.config.dns.nsid = "m1";
  BOOST_TEST(f.builder().services().at("fra").services[0].nsid == "fra");
  f.config.services[0].http.hosts = {"www.example.test"};
  BOOST_TEST(f.builder().services().at("fra").services[0].sites.size() == 1U);
  BOOST_TEST(f.builder().services().at("fra").services[1].sites.empty());
  // More hosts than a message holds: the services go without.
  for (int i = 0; i < 2000; ++i)
    f.config.services[0].http.hosts.push_back("h" + std::to_string(i) + ".example.test");
  const auto without = f.builder().services();
  BOOST_TEST(!wire::encode(without.at("fra")).empty());
  BOOST_TEST(without.at("fra").services[0].sites.empty());
}

BOOST_AUTO_TEST_CASE(fit_slaves_run_in_the_families_that_they_answer) {
  Fixture f;
  const Snapshot s = f.build();
  BOOST_REQUIRE(s.services.size() == 2U);
  BOOST_TEST(s.slaves.size() == 2U);  // ams, fra
  BOOST_TEST(s.slaves[1].session == 'f');
  const auto& web = s.services[0];
  BOOST_TEST(web.has_v6);
  BOOST_TEST((web.retry_window == master::kDropRetry));  // late = "drop"
  BOOST_TEST((s.services[1].retry_window == 0ns));
  BOOST_TEST(web.v4.size() == 2U);
  BOOST_REQUIRE(web.v6.size() == 1U);
  BOOST_TEST(web.v6[0].slave == 1U);
  BOOST_REQUIRE(s.services[1].v4.size() == 1U);
  BOOST_TEST(s.services[1].v4[0].service == 1U);  // fra's second
  BOOST_TEST(s.services[1].v4[0].ready == 1U);
  BOOST_TEST(!s.services[1].has_v6);
}

BOOST_AUTO_TEST_CASE(a_service_in_the_shadow_has_its_runners_as_any_other) {
  Fixture f;
  f.config.services[1].mode = master::ServiceConfig::Mode::shadow;
  f.config.services[1].race_share = 0.25;
  const Snapshot s = f.build();
  BOOST_TEST(!s.services[0].shadow);
  BOOST_TEST(s.services[0].race_share == 1.0);
  BOOST_TEST(s.services[1].shadow);
  BOOST_TEST(s.services[1].race_share == 0.25);
  BOOST_TEST(s.services[1].v4.size() == 1U);
}

BOOST_AUTO_TEST_CASE(who_is_not_fit_does_not_run_but_keeps_its_session) {
  Fixture f;
  const auto runs = [&](auto change) {
    Fixture copy = f;
    change(copy.slaves[0]);
    const Snapshot s = copy.build();
    const std::string why = copy.builder().why_not(copy.slaves[0]);
    BOOST_TEST(why.empty() == (s.services[0].v4.size() == 2));
    BOOST_TEST(s.slaves[0].live == copy.slaves[0].registered);
    return why.empty() ? std::string("fit") : why;
  };
  BOOST_TEST(runs([](SlaveState&) {}) == "fit");
  BOOST_TEST(runs([](SlaveState& s) { s.registered = false; }) == "its session is lost");
  BOOST_TEST(runs([](SlaveState& s) {
               s = {};
               s.name = "ams";
             }) == "has not connected");
  BOOST_TEST(runs([](SlaveState& s) { s.ready.clear(); }) == "has not said yet what it can send from");
  BOOST_TEST(
      runs([](SlaveState& s) { s.ready = {0}; }).starts_with("can send from none of the service addresses"));
  BOOST_TEST(runs([](SlaveState& s) { s.last_report.racing = false; }) == "has not reported yet");
  BOOST_TEST(runs([](SlaveState& s) {
               s.last_report.racing = false;
               s.last_report.why_not = "clock: lost";
             }) == "clock: lost");
  BOOST_TEST(runs([](SlaveState& s) { s.last_report.bound = 6ms; }).starts_with("has a clock bound of 6ms"));
}

BOOST_AUTO_TEST_CASE(who_is_benched_does_not_run_and_status_says_why) {
  Fixture f;
  const std::vector<wire::RaceOutcome> refusals(20, {1, wire::RaceOutcome::Fate::refused, {}, {}});
  f.slaves[1].health.add(refusals, MonoTime(100s));
  BOOST_TEST(f.builder().why_not(f.slaves[1]) ==
             "is benched for 5 s: it refused 20 of 20 orders; see its [transmit] rate and queue");
  Snapshot s = f.build();
  BOOST_TEST(s.services[0].v4.size() == 1U);
  BOOST_TEST(s.services[0].v6.empty());
  BOOST_TEST(s.services[0].has_v6);
  BOOST_TEST(s.services[1].v4.empty());
  BOOST_TEST(s.slaves[1].live);  // its session and its counters of nonces go on
  f.slaves[1].health.tick(MonoTime(105s));
  s = f.build();
  BOOST_TEST(s.services[0].v4.size() == 2U);
  BOOST_TEST(s.services[1].v4.size() == 1U);
}

BOOST_AUTO_TEST_CASE(questions_of_a_service_with_a_doubted_slave_are_remembered_longer) {
  Fixture f;
  const std::vector<wire::RaceOutcome> failure(1, {1, wire::RaceOutcome::Fate::failed, {}, {}});
  f.slaves[0].health.add(failure, MonoTime(100s));  // ams, which is not in "mail"
  BOOST_TEST((f.build().services[1].retry_window == 0ns));
  f.slaves[1].health.add(failure, MonoTime(100s));
  f.slaves[1].registered = false;  // what it refused, it refused
  BOOST_TEST((f.build().services[1].retry_window == master::kDropRetry));
  f.slaves[1].health.tick(MonoTime(160s));
  BOOST_TEST((f.build().services[1].retry_window == 0ns));
}

BOOST_AUTO_TEST_CASE(a_ready_that_is_too_short_or_a_stranger_does_no_harm) {
  Fixture f;
  f.slaves[1].ready = {0b11};
  f.slaves.push_back(Fixture::fit("stranger", {1}));
  const Snapshot s = f.build();
  BOOST_TEST(s.services[0].v4.size() == 2U);
  BOOST_TEST(s.services[1].v4.empty());
  BOOST_TEST(s.services[1].has_v4);
  BOOST_TEST(s.slaves.size() == 2U);
}

BOOST_AUTO_TEST_CASE(without_any_session_there_is_still_a_whole_snapshot) {
  Fixture f;
  f.slaves.clear();
  const Snapshot s = f.build();
  BOOST_TEST(s.slaves.size() == 2U);
  BOOST_TEST(s.services.size() == 2U);
  BOOST_TEST(s.services[0].v4.empty());
  BOOST_TEST(s.services[0].has_v6);
}

BOOST_AUTO_TEST_SUITE_END()
