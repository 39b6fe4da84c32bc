#include "master/home_desk.hh"

#include <boost/test/unit_test.hpp>

#include "director/view.hh"
#include "master/http_sites.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using Home = wire::HomeAnswer::Home;

namespace flagfall::wire {
std::ostream& operator<<(std::ostream& out, HomeAnswer::Home home) {
  return out << static_cast<int>(home);
}
}  // namespace flagfall::wire

namespace {

constexpr std::size_t kFra = 0, kNyc = 1, kSin = 2;

/// A service of three slaves: 198.51.100.0/24 is bound to nyc, and after it sin.
struct Rig {
  SeededRandom random{3};
  master::Config config;
  director::View view;
  master::Snapshot snapshot;
  master::HomeDesk desk{random};

  Rig() {
    master::ServiceConfig& s = config.services.emplace_back();
    s.name = "web";
    s.http.hosts = {"www.example.test"};
    s.ttl_bound = 60;
    s.ttl_learning = 5;
    for (const char* const name : {"fra", "nyc", "sin"})
      s.slaves.push_back({.name = name,
                          .answers = {*parse_ip("192.0.2.10")},
                          .location = "http://" + std::string(name) + ".example.test{path}"});
    bind("198.51.100.0/24", {1, 2}, 1);
    view.book = 0;
    view.races = true;
    view.fit = 0b111;
    snapshot.services.emplace_back().slaves = {kFra, kNyc, kSin};
    publish();
  }
  void bind(const char* prefix, std::initializer_list<director::ServerIndex> servers, std::uint8_t group) {
    director::Order order;
    for (const director::ServerIndex server : servers) order.push(server);
    order.group = group;
    director::PrefixTableEditor book;
    book.set(*parse_prefix(prefix), 1);
    view.tables = {book.publish()};
    view.entries =
        std::make_shared<const std::vector<director::Entry>>(std::vector<director::Entry>{{order, false}});
  }
  void publish() {
    snapshot.http = std::make_shared<const master::HttpSites>(config, master::WebScheme::http);
    snapshot.services[0].view = std::make_shared<const director::View>(view);
  }
  wire::HomeAnswer ask(std::size_t slave, const char* client = "198.51.100.7", const char* service = "web") {
    auto answer = desk.answer(config, snapshot, slave, {9, service, *parse_ip(client)});
    BOOST_TEST(answer.number == 9U);
    BOOST_TEST(!wire::encode(answer).empty());
    return answer;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(home_desk)

BOOST_AUTO_TEST_CASE(a_client_belongs_to_the_server_that_its_network_is_bound_to) {
  Rig rig;
  const auto at_fra = rig.ask(kFra);
  BOOST_TEST(at_fra.home == Home::elsewhere);
  BOOST_TEST(at_fra.location == "http://nyc.example.test{path}");
  BOOST_TEST(at_fra.length == 24);
  BOOST_TEST((at_fra.keep == std::chrono::seconds(60)));
  const auto at_nyc = rig.ask(kNyc);
  BOOST_TEST(at_nyc.home == Home::here);
  BOOST_TEST(at_nyc.location.empty());
}

BOOST_AUTO_TEST_CASE(of_a_network_that_is_to_be_raced_nothing_is_known) {
  Rig rig;
  const auto answer = rig.ask(kFra, "203.0.113.9");
  BOOST_TEST(answer.home == Home::unknown);
  BOOST_TEST((answer.keep == std::chrono::seconds(5)));
  rig.view.entries = std::make_shared<const std::vector<director::Entry>>(
      std::vector<director::Entry>{{director::Order::of(1), true}});
  rig.publish();
  BOOST_TEST(rig.ask(kFra).home == Home::unknown);  // bound, but in doubt
}

BOOST_AUTO_TEST_CASE(a_server_that_is_not_fit_gives_its_clients_to_the_next_and_keeps_none) {
  Rig rig;
  rig.view.fit = 0b101;
  rig.publish();
  BOOST_TEST(rig.ask(kNyc).location == "http://sin.example.test{path}");
  BOOST_TEST(rig.ask(kFra).location == "http://sin.example.test{path}");
  BOOST_TEST(rig.ask(kSin).home == Home::here);
  rig.view.fit = 0b001;  // nobody whom its network prefers
  rig.publish();
  for (const std::size_t slave : {kFra, kNyc, kSin}) BOOST_TEST(rig.ask(slave).home == Home::unknown);
}

BOOST_AUTO_TEST_CASE(every_server_of_a_group_is_as_good_as_the_one_that_leads) {
  Rig rig;
  rig.bind("198.51.100.0/24", {1, 2, 0}, 2);
  rig.publish();
  for (int i = 0; i < 50; ++i) {
    BOOST_TEST(rig.ask(kNyc).home == Home::here);
    BOOST_TEST(rig.ask(kSin).home == Home::here);
    BOOST_TEST(rig.ask(kFra).home == Home::elsewhere);
  }
}

BOOST_AUTO_TEST_CASE(who_is_preferred_whoever_asks_is_nobodys_home) {
  Rig rig;
  rig.view.races = false;
  rig.view.otherwise = director::Order::of(2);
  rig.publish();
  BOOST_TEST(rig.ask(kFra, "203.0.113.9").home == Home::unknown);
}

BOOST_AUTO_TEST_CASE(a_server_without_a_location_serves_its_own_and_gets_no_others) {
  Rig rig;
  rig.config.services[0].slaves[1].location.clear();
  rig.publish();
  BOOST_TEST(rig.ask(kNyc).home == Home::here);
  BOOST_TEST(rig.ask(kFra).location == "http://sin.example.test{path}");
}

BOOST_AUTO_TEST_CASE(without_a_service_a_host_a_view_or_a_fit_server_nothing_is_known) {
  Rig rig;
  BOOST_TEST(rig.ask(kFra, "198.51.100.7", "mail").home == Home::unknown);
  BOOST_TEST(rig.ask(7).home == Home::unknown);  // a slave of other services
  rig.snapshot.services[0].nobody_fit = true;
  BOOST_TEST(rig.ask(kFra).home == Home::unknown);
  rig.snapshot.services[0].nobody_fit = false;
  rig.snapshot.services[0].view = nullptr;
  BOOST_TEST(rig.ask(kFra).home == Home::unknown);
  rig.config.services[0].http.hosts.clear();
  rig.publish();
  BOOST_TEST(rig.ask(kFra).home == Home::unknown);
  rig.snapshot.services.clear();  // no snapshot has been made yet
  BOOST_TEST(rig.ask(kFra).home == Home::unknown);
}

BOOST_AUTO_TEST_CASE(a_slaves_web_sites_are_the_services_hosts_and_its_own_place) {
  Rig rig;
  master::ServiceConfig& s = rig.config.services[0];
  s.http.hosts = {"WWW.example.test", "*.cdn.test"};
  s.http.path = "/videos/";
  s.slaves[0].location = "http://fra.example.test:8080/mirror{path}";
  const std::vector<wire::WebSite> fixed = {{"www.example.test", "/videos", 0, ""},
                                            {"*.cdn.test", "/videos", 0, ""},
                                            {"fra.example.test", "/mirror/videos", 7, "www.example.test"}};
  BOOST_TEST((master::web_sites(s, s.slaves[0]) == fixed));
  s.slaves[0].location = "{scheme}://fra.{host}{path}";
  const std::vector<wire::WebSite> taken = {{"www.example.test", "/videos", 0, ""},
                                            {"*.cdn.test", "/videos", 0, ""},
                                            {"fra.www.example.test", "/videos", 0, "www.example.test"}};
  BOOST_TEST((master::web_sites(s, s.slaves[0]) == taken));
  s.slaves[0].location = "http://{host}:81/m{path}";
  const std::vector<wire::WebSite> same = {{"www.example.test", "/videos", 0, ""},
                                           {"*.cdn.test", "/videos", 0, ""},
                                           {"www.example.test", "/m/videos", 2, ""},
                                           {"*.cdn.test", "/m/videos", 2, ""}};
  BOOST_TEST((master::web_sites(s, s.slaves[0]) == same));
  // A place that says nothing of the host, beside one that needs it.
  s.slaves[0].location = "http://fra.example.test{path}";
  s.slaves[1].location = "http://nyc.{host}{path}";
  BOOST_TEST(master::web_sites(s, s.slaves[0]).size() == 2U);
  s.http.hosts.pop_back();
  BOOST_TEST(master::web_sites(s, s.slaves[0]).size() == 2U);
  BOOST_TEST(master::web_sites(s, s.slaves[0]).back().stands_for == "www.example.test");
  s.http.hosts.emplace_back("*.cdn.test");
  s.slaves[0].location = "http://fra.example.test/one-page";
  BOOST_TEST(master::web_sites(s, s.slaves[0]).size() == 2U);
  s.slaves[0].location.clear();
  BOOST_TEST(master::web_sites(s, s.slaves[0]).size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
