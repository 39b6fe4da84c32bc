#include "master/reload_plan.hh"

#include <boost/test/unit_test.hpp>

#include "tests/unit/master/two_directors.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;
using director::Policy;
using master::Config;

namespace {

Config config_of() {
  Config out = master::two_directors();
  out.dns.listen = {*parse_endpoint("192.0.2.1:53")};
  out.zones = {{"example.test", {"example.test.zone"}}};
  out.control.listen.all.push_back(*parse_endpoint("192.0.2.1:4953"));
  out.control.ca.text = "/ca.crt";
  out.control.certificate.text = "/m.crt";
  out.control.key.text = "/m.key";
  return out;
}

std::vector<std::string> keys(const std::vector<config::Difference>& all) {
  std::vector<std::string> out;
  out.reserve(all.size());
  for (const config::Difference& one : all) out.push_back(one.key);
  return out;
}
using Keys = std::vector<std::string>;

struct Fixture {
  Config now = config_of();
  Config fresh = now;
  [[nodiscard]] master::ReloadPlan plan() const {
    auto made = master::plan_reload(now, fresh);
    BOOST_REQUIRE_MESSAGE(made, (made ? "" : made.error()));
    return std::move(*made);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(reload_plan, Fixture)

BOOST_AUTO_TEST_CASE(the_same_file_changes_nothing) {
  BOOST_TEST(plan().applied.empty());
  BOOST_TEST(plan().needs_restart.empty());
}

BOOST_AUTO_TEST_CASE(a_front_end_that_goes_only_with_a_restart_keeps_what_it_needs) {
  now.services[0].http.hosts = {"www.example.test"};
  for (master::SlaveConfig& slave : now.services[0].slaves)
    slave.location = "{scheme}://" + slave.name + ".test{path}";
  now.https.listen = {*parse_endpoint("192.0.2.1:443")};
  now.https.certificates.emplace_back().certificate.text = "/w.crt";
  now.https.certificates[0].key.text = "/w.key";
  fresh = now;
  fresh.https = {};
  fresh.guard.rate = 77;
  const auto made = plan();
  BOOST_TEST(made.next.https.certificates.size() == 1U);
  BOOST_TEST(made.applied.empty());
  // A place that leads back as long as the front end runs.
  fresh.services[0].slaves[0].location = "https://{host}{path}";
  const auto refused = master::plan_reload(now, fresh);
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().find("leads back") != std::string::npos, refused.error());
}

BOOST_AUTO_TEST_CASE(what_can_be_taken_over_is_and_is_named_by_service_and_slave) {
  master::ServiceConfig& web = fresh.services[0];
  web.delay = Nanos(40ms);
  web.ttl_bound = 120;
  web.race_share = 0.5;
  web.answers = 2;
  web.director.policies = {Policy::race, Policy::weighted};
  web.director.all_down.what = director::AllDown::What::last;
  web.slaves[1].capacity.weight = 3;
  fresh.director.sample = 0.1;
  const auto made = plan();
  BOOST_TEST((keys(made.applied) == Keys{"director.sample", "service.web.answers", "service.web.delay",
                                         "service.web.director.all_down", "service.web.director.policies",
                                         "service.web.race_share", "service.web.slave.nyc.capacity.weight",
                                         "service.web.ttl_bound"}));
  BOOST_TEST(made.needs_restart.empty());
  BOOST_TEST(made.next.services[0].ttl_bound == 120U);
  BOOST_TEST(made.applied[2].before == "\"25ms\"");
  BOOST_TEST(made.applied[2].after == "\"40ms\"");
}

BOOST_AUTO_TEST_CASE(the_limit_of_dns_answers_is_taken_over) {
  fresh.dns.rate = 50;
  fresh.dns.burst = 80;
  fresh.dns.slip = 3;
  const auto made = plan();
  BOOST_TEST((keys(made.applied) == Keys{"dns.burst", "dns.rate", "dns.slip"}));
  BOOST_TEST(made.needs_restart.empty());
  BOOST_TEST(master::rate_limit(made.next).network.rate == 50);
}

BOOST_AUTO_TEST_CASE(what_needs_a_restart_is_named_and_stays) {
  fresh.dns.threads = 4;
  fresh.control.heartbeat = 2s;
  fresh.services[0].slaves[0].answers = {*parse_ip("192.0.2.77")};
  fresh.services[0].ttl_bound = 90;
  const auto made = plan();
  BOOST_TEST((keys(made.applied) == Keys{"service.web.ttl_bound"}));
  BOOST_TEST((keys(made.needs_restart) ==
              Keys{"control.heartbeat", "dns.threads", "service.web.slave.fra.answers"}));
  BOOST_TEST(made.next.dns.threads == now.dns.threads);
  BOOST_TEST((made.next.services[0].slaves[0].answers == now.services[0].slaves[0].answers));
}

BOOST_AUTO_TEST_CASE(a_service_is_the_same_wherever_it_stands_and_new_ones_need_a_restart) {
  std::swap(fresh.services[0], fresh.services[2]);
  fresh.services[0].ttl_bound = 77;  // of api
  fresh.services[1].name = "other";  // instead of plain
  const auto made = plan();
  BOOST_TEST((keys(made.applied) == Keys{"service.api.ttl_bound"}));
  BOOST_TEST(made.next.services[2].ttl_bound == 77U);
  BOOST_TEST((keys(made.needs_restart) == Keys{"service.other", "service.plain"}));
}

BOOST_AUTO_TEST_CASE(a_director_is_neither_made_nor_dropped_without_a_restart) {
  fresh.services[0].director.policies.clear();
  fresh.services[1].director.policies = {Policy::race};
  const auto made = plan();
  BOOST_TEST(made.applied.empty());
  BOOST_TEST(
      (keys(made.needs_restart) == Keys{"service.plain.director.policies", "service.web.director.policies"}));
}

BOOST_AUTO_TEST_CASE(taking_over_leaves_services_where_they_are_in_memory) {
  const master::ServiceConfig* const web = now.services.data();
  const master::SlaveConfig* const nyc = &web->slaves[1];
  fresh.services[0].ttl_bound = 99;
  fresh.services[0].slaves[1].capacity.weight = 7;
  fresh.services.pop_back();
  master::adopt(now, fresh);
  BOOST_TEST(now.services.size() == 3U);
  BOOST_TEST(now.services.data() == web);
  BOOST_TEST(web->ttl_bound == 99U);
  BOOST_TEST(nyc->capacity.weight == 7);
}

BOOST_AUTO_TEST_CASE(a_desk_that_is_reconfigured_keeps_its_bindings_and_follows_the_new_policies) {
  master::TwoDirectors all;
  all.bind("198.51.100.0/24", 1);
  all.config.services[0].director.policies = {Policy::weighted, Policy::race};
  all.config.services[0].slaves[2].capacity.weight = 5;
  all.config.director.sample = 0.25;
  all.reconfigure();
  const director::ServiceDirector& web = *all.desk->of(0);
  BOOST_TEST(web.book().size() == 1U);
  BOOST_TEST(all.published.services[0].view->sample == 0.25);
  BOOST_TEST(web.options().capacities[2].weight == 5);
  BOOST_TEST((web.options().policies.front() == Policy::weighted));
  const auto told = all.published.services[0].view->decide(*parse_ip("198.51.100.7"));
  BOOST_TEST((told.order.best() == 1));  // an operator's word comes before all policies
  BOOST_TEST(!all.published.services[0].view->decide(*parse_ip("203.0.113.7")).order.empty());
}

BOOST_AUTO_TEST_CASE(other_ttls_are_in_the_next_snapshot_and_old_ones_in_the_old) {
  master::TwoDirectors all;
  const auto before = all.published.services[0].servers;
  all.config.services[0].ttl_bound = 120;
  all.reconfigure();
  const auto ttl = [](const master::ServerAnswers& answers) {
    return answers.of(0, 0, false, master::Standing::bound).bytes.at(9);
  };
  BOOST_TEST(ttl(*before) == 60);
  BOOST_TEST(ttl(*all.published.services[0].servers) == 120);
}

BOOST_AUTO_TEST_SUITE_END()
