#include "master/director_routes.hh"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <set>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;
using master::DirectorDesk;
using master::DirectorKeeper;
using master::DirectorRoutes;
using nlohmann::json;

namespace {

master::Config config_of() {
  master::Config out;
  out.director.unique_names = "u.example.test";
  for (const char* name : {"web", "plain", "api"}) {
    master::ServiceConfig service;
    service.name = name;
    if (service.name != "plain") service.director.policies = {director::Policy::race};
    for (const char* slave : {"fra", "nyc", "sin"})
      service.slaves.push_back({slave, {*parse_ip("192.0.2.10")}, {}});
    out.services.push_back(service);
  }
  return out;
}

struct Fixture {
  master::Config config = config_of();
  SystemClock clock;
  SeededRandom random{1};
  std::unique_ptr<DirectorDesk> desk = std::move(*DirectorDesk::open(config, clock, random));
  DirectorKeeper keeper{*desk, nullptr, clock};
  DirectorRoutes routes{*desk, keeper, clock};

  static net::AdminRequest post(const std::string& body) {
    net::AdminRequest out;
    out.body = body;
    return out;
  }
  static net::AdminRequest get(net::AdminRequest::Query query) {
    net::AdminRequest out;
    out.query = std::move(query);
    return out;
  }
  [[nodiscard]] json bindings(net::AdminRequest::Query query = {}) const {
    const auto reply = routes.bindings(get(std::move(query)));
    BOOST_REQUIRE_MESSAGE(reply.status == 200, reply.body);
    return json::parse(reply.body);
  }
  int bind(const std::string& prefix, const std::string& server, const std::string& service = "web") {
    return routes.bind(post(json{{"service", service}, {"prefix", prefix}, {"server", server}}.dump()))
        .status;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(director_routes, Fixture)

BOOST_AUTO_TEST_CASE(what_is_bound_is_listed_until_it_is_unbound) {
  BOOST_TEST(bind("198.51.100.0/24", "nyc") == 200);
  BOOST_TEST(bind("2001:db8::/32", "sin", "api") == 200);
  BOOST_TEST(bind("192.0.2.7", "fra") == 200);  // an address is a network of one
  const json all = bindings();
  BOOST_REQUIRE(all.at("bindings").size() == 3U);
  BOOST_TEST(all.at("more").is_null());
  const json& first = all.at("bindings").at(0);
  BOOST_TEST(first.at("prefix") == "192.0.2.7/32");
  BOOST_TEST(first.at("cause") == "by hand");
  BOOST_TEST(first.at("servers") == json::array({"fra"}));
  BOOST_TEST(bindings({{"service", "api"}}).at("bindings").size() == 1U);
  BOOST_TEST(bindings({{"server", "nyc"}}).at("bindings").size() == 1U);
  BOOST_TEST(bindings({{"prefix", "198.51.0.0/16"}}).at("bindings").size() == 1U);
  BOOST_TEST(bindings({{"prefix", "198.51.100.9"}}).at("bindings").size() == 1U);
  BOOST_TEST(bindings({{"cause", "bound"}}).at("bindings").empty());
  const std::string unbind = R"({"service": "web", "prefix": "198.51.100.0/24"})";
  BOOST_TEST(routes.unbind(post(unbind)).status == 200);
  BOOST_TEST(routes.unbind(post(unbind)).status == 404);
  BOOST_TEST(bindings().at("bindings").size() == 2U);
}

BOOST_AUTO_TEST_CASE(who_binds_more_networks_than_there_is_room_for_is_told_so) {
  config.director.clusters = 2;
  const auto small = std::move(*DirectorDesk::open(config, clock, random));
  DirectorKeeper none{*small, nullptr, clock};
  DirectorRoutes its{*small, none, clock};
  const auto bind_there = [&](const char* prefix, const char* server) {
    return its.bind(post(json{{"service", "web"}, {"prefix", prefix}, {"server", server}}.dump()));
  };
  BOOST_TEST(bind_there("10.1.0.0/16", "nyc").status == 200);
  BOOST_TEST(bind_there("10.2.0.0/16", "nyc").status == 200);
  const auto refused = bind_there("10.3.0.0/16", "nyc");
  BOOST_TEST(refused.status == 400);
  BOOST_TEST(refused.body.find("no room") != std::string::npos, refused.body);
  BOOST_TEST(small->of(0)->book().size() == 2U);
  BOOST_TEST(bind_there("10.2.0.0/16", "fra").status == 200);  // which is there already
}

BOOST_AUTO_TEST_CASE(many_are_given_in_parts_and_none_is_given_twice_or_left_out) {
  for (int i = 0; i < 50; ++i) BOOST_REQUIRE(bind("10.0." + std::to_string(i) + ".0/24", "nyc") == 200);
  std::set<std::string> seen;
  std::string after;
  for (int part = 0; part < 10; ++part) {
    net::AdminRequest::Query query{{"limit", "7"}};
    if (!after.empty()) query.emplace_back("after", after);
    const json some = bindings(query);
    for (const json& b : some.at("bindings"))
      BOOST_TEST(seen.insert(b.at("prefix").get<std::string>()).second);
    if (some.at("more").is_null()) break;
    after = some.at("more").get<std::string>();
  }
  BOOST_TEST(seen.size() == 50U);
}

BOOST_AUTO_TEST_CASE(any_bytes_are_refused_with_a_reason) {
  for (const char* body : {"", "[]", "{}", "{\"prefix\": 7}", "\xff\xfe",
                           R"({"prefix": "300.0.0.0/8", "server": "fra", "service": "web"})",
                           R"({"prefix": "10.0.0.0/33", "server": "fra", "service": "web"})",
                           R"({"prefix": "10.0.0.0/8", "server": "nobody", "service": "web"})",
                           R"({"prefix": "10.0.0.0/8", "server": "fra", "service": "plain"})",
                           R"({"prefix": "10.0.0.0/8", "server": "fra"})"}) {
    const auto reply = routes.bind(post(body));
    BOOST_TEST(reply.status == 400, body);
    BOOST_TEST(!json::parse(reply.body).at("error").get<std::string>().empty());
    BOOST_TEST(routes.unbind(post(body)).status >= 400);
  }
  for (const char* body : {"", "[]", "{}", "{\"server\": 7}", "\xff"})
    BOOST_TEST(routes.drain(post(body), true).status == 400, body);
  for (const char* query : {"", "x", "-1", "0"})
    BOOST_TEST(routes.bindings(get({{"limit", query}})).status == 400);
  for (const char* after : {"", "x", "0", "0 x"})
    BOOST_TEST(routes.bindings(get({{"after", after}})).status == 400);
  BOOST_TEST(routes.bindings(get({{"service", "nobody"}})).status == 404);
  BOOST_TEST(routes.bindings(get({{"prefix", "x"}})).status == 400);
  BOOST_TEST(routes.explain(get({})).status == 400);
  BOOST_TEST(routes.explain(get({{"address", "x"}})).status == 400);
  BOOST_TEST(bindings().at("bindings").empty());
}

BOOST_AUTO_TEST_CASE(an_import_binds_what_is_right_and_counts_the_rest) {
  const auto reply = routes.import(
      post(R"({"bindings": [{"service": "web", "prefix": "10.0.0.0/8", "servers": ["nyc", "fra"]},
                                            {"service": "web", "prefix": "x", "servers": ["nyc"]}, 7]})"));
  BOOST_REQUIRE(reply.status == 200);
  const json told = json::parse(reply.body);
  BOOST_TEST(told.at("bound") == 1);
  BOOST_TEST(told.at("refused") == 2);
  BOOST_TEST(!told.at("first_refusal").get<std::string>().empty());
  BOOST_TEST(bindings().at("bindings").at(0).at("servers").at(0) == "nyc");
  BOOST_TEST(routes.import(post("{}")).status == 400);
}

BOOST_AUTO_TEST_CASE(explain_tells_all_services_with_a_director_and_every_candidate) {
  BOOST_TEST(bind("198.51.100.0/24", "nyc") == 200);
  (void)desk->tick();
  const json told = json::parse(routes.explain(get({{"address", "198.51.100.9"}})).body);
  BOOST_REQUIRE(told.at("services").size() == 2U);
  const json& web = told.at("services").at(0);
  BOOST_TEST(web.at("cluster") == "198.51.100.0/24");
  BOOST_TEST(web.at("action") == "answer");
  BOOST_TEST(web.at("servers") == json::array({"nyc"}));
  BOOST_REQUIRE(web.at("candidates").size() == 3U);
  BOOST_TEST(web.at("candidates").at(0).at("why_not") == "its slave has no session");
  BOOST_TEST(told.at("services").at(1).at("cluster").is_null());
  BOOST_TEST(told.at("services").at(1).at("action") == "race");
}

BOOST_AUTO_TEST_CASE(explain_tells_who_stands_behind_a_resolver_and_the_status_counts) {
  const auto explained = [&](const char* address) {
    return json::parse(routes.explain(get({{"address", address}})).body);
  };
  BOOST_TEST(!explained("198.51.100.53").contains("clients"));
  const MonoTime now = clock.mono();
  const IpAddress resolver = *parse_ip("198.51.100.53");
  for (std::uint64_t name = 1; name < 5; ++name) {
    desk->unique({resolver, name, now, false});
    desk->unique({*parse_ip("203.0." + std::to_string(name / 4) + ".9"), name, now, true});
  }
  const json clients = explained("198.51.100.7").at("clients");  // of the same network
  std::set<std::string> networks;
  for (const json& one : clients.at("networks")) {
    networks.insert(one.at("network").get<std::string>());
    BOOST_TEST(one.at("share").get<double>() == 0.5, boost::test_tools::tolerance(1e-3));
  }
  BOOST_TEST((networks == std::set<std::string>{"203.0.0.0/24", "203.0.1.0/24"}));
  BOOST_TEST(clients.at("seen").get<double>() > 1.9);
  BOOST_TEST(!explained("203.0.0.9").contains("clients"));
  const json told = routes.status().at("clients");
  BOOST_TEST(told.at("resolvers") == 1);
  BOOST_TEST(told.at("fetched") == 4);
  BOOST_TEST(told.at("pairs") == 2);
  BOOST_TEST(told.at("limited") == 2);
}

BOOST_AUTO_TEST_CASE(a_drained_server_is_told_and_an_unknown_one_refused) {
  BOOST_TEST(routes.drain(post(R"({"server": "fra"})"), true).status == 200);
  BOOST_TEST(routes.status().at("drained") == json::array({"fra"}));
  BOOST_TEST(desk->why_not("fra") == "is drained by an operator");
  BOOST_TEST(routes.drain(post(R"({"server": "fra"})"), false).status == 200);
  BOOST_TEST(routes.status().at("drained").empty());
  BOOST_TEST(routes.drain(post(R"({"server": "lon"})"), true).status == 404);
}

BOOST_AUTO_TEST_SUITE_END()
