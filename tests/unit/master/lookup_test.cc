#include "master/lookup.hh"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/unit/master/two_directors.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using nlohmann::json;

namespace {

struct Fixture : master::TwoDirectors {
  std::unique_ptr<master::Lookup> lookup;
  Fixture() { remake(); }
  void remake() { lookup = std::make_unique<master::Lookup>(*desk, published, random); }

  net::AdminReply ask(net::AdminRequest::Query query) const {
    net::AdminRequest request;
    request.query = std::move(query);
    return lookup->look_up(request);
  }
  json told(const std::string& client, const std::string& service = "web") const {
    const auto reply = ask({{"client", client}, {"service", service}});
    BOOST_REQUIRE_MESSAGE(reply.status == 200, reply.body);
    return json::parse(reply.body);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(lookup, Fixture)

BOOST_AUTO_TEST_CASE(a_bound_client_is_told_its_server_first_and_the_others_behind) {
  bind("198.51.100.0/24", 1);
  const json out = told("198.51.100.7");
  BOOST_TEST(out.at("method") == "by hand");
  BOOST_TEST(out.at("sure") == true);
  BOOST_TEST(out.at("scope") == 24);
  BOOST_TEST(out.at("ttl") == 60);
  BOOST_REQUIRE(out.at("servers").size() == 3U);
  BOOST_TEST(out.at("servers")[0].at("server") == "nyc");
  BOOST_TEST(out.at("servers")[0].at("addresses") == json::array({"192.0.2.20"}));
  std::set<std::string> behind;
  for (const json& one : {out.at("servers")[1], out.at("servers")[2]}) behind.insert(one.at("server"));
  BOOST_TEST((behind == std::set<std::string>{"fra", "sin"}));
}

BOOST_AUTO_TEST_CASE(all_addresses_of_a_server_are_told) {
  bind("198.51.100.0/24", 0);
  BOOST_TEST(told("198.51.100.7").at("servers")[0].at("addresses") ==
             json::array({"192.0.2.10", "2001:db8:a::10"}));
}

BOOST_AUTO_TEST_CASE(a_client_that_nothing_is_known_of_gets_all_for_a_short_while) {
  const json out = told("203.0.113.9");
  BOOST_TEST(out.at("method") == "none");
  BOOST_TEST(out.at("sure") == false);
  BOOST_TEST(out.at("ttl") == 5);
  BOOST_TEST(out.at("servers").size() == 3U);
}

BOOST_AUTO_TEST_CASE(drained_servers_and_those_without_a_session_are_left_out) {
  bind("198.51.100.0/24", 1);
  sessions({"nyc", "sin"});
  BOOST_TEST(told("198.51.100.7").at("servers").size() == 2U);
  BOOST_TEST(desk->drain("nyc", true));
  publish();
  const json out = told("198.51.100.7");
  BOOST_REQUIRE(out.at("servers").size() == 1U);
  BOOST_TEST(out.at("servers")[0].at("server") == "sin");
}

BOOST_AUTO_TEST_CASE(while_nobody_is_fit_it_says_what_all_down_says) {
  sessions({});
  json out = told("198.51.100.7");
  BOOST_TEST(out.at("nobody_fit") == true);
  BOOST_TEST(out.at("ttl") == 5);
  BOOST_TEST(out.at("servers").size() == 3U);
  config.services[0].director.all_down = {director::AllDown::What::refuse, {}};
  reconfigure();
  BOOST_TEST(ask({{"client", "198.51.100.7"}, {"service", "web"}}).status == 503);
  config.services[0].director.all_down = {director::AllDown::What::addresses, {*parse_ip("203.0.113.80")}};
  reconfigure();
  out = told("198.51.100.7");
  BOOST_REQUIRE(out.at("servers").size() == 1U);
  BOOST_TEST(out.at("servers")[0].at("server").is_null());
  BOOST_TEST(out.at("servers")[0].at("addresses") == json::array({"203.0.113.80"}));
}

BOOST_AUTO_TEST_CASE(a_service_is_found_by_a_name_that_it_answers_for) {
  for (const char* host : {"web.example.test", "WEB.example.test.", "a.b.web.example.test"}) {
    const auto reply = ask({{"client", "198.51.100.7"}, {"host", host}});
    BOOST_TEST(reply.status == 200);
    BOOST_TEST(json::parse(reply.body).at("service") == "web");
  }
  BOOST_TEST(ask({{"client", "198.51.100.7"}, {"host", "example.test"}}).status == 404);
  BOOST_TEST(ask({{"client", "198.51.100.7"}, {"host", "xweb.example.test"}}).status == 404);
  BOOST_TEST(ask({{"client", "198.51.100.7"}, {"host", ""}}).status == 404);
  BOOST_TEST(master::answers_for("*.example.test", "a.example.test"));
  BOOST_TEST(!master::answers_for("*.example.test", "example.test"));
  BOOST_TEST(!master::answers_for("*.example.test", ".example.test"));
}

BOOST_AUTO_TEST_CASE(a_service_is_found_by_a_host_and_a_path_that_it_holds) {
  config.services[0].http.hosts = config.services[2].http.hosts = {"www.example.test", "*.cdn.test"};
  config.services[2].http.path = "/videos";
  config.services[2].rtsp = {{"media.example.test"}, "/live"};
  config.services[1].http.hosts = {"plain.example.test"};
  reconfigure();
  const auto found = [&](net::AdminRequest::Query query) {
    query.emplace_back("client", "198.51.100.7");
    const auto reply = ask(std::move(query));
    const json body = json::parse(reply.body);
    return reply.status == 200 ? body.at("service").get<std::string>() : std::to_string(reply.status);
  };
  const auto at = [&](const char* path) { return found({{"host", "WWW.example.test."}, {"path", path}}); };
  BOOST_TEST(at("/") == "web");
  BOOST_TEST(at("/videos") == "api");
  BOOST_TEST(at("/videos/1?x=/") == "api");
  BOOST_TEST(at("/videos2") == "web");
  BOOST_TEST(at("videos") == "400");
  BOOST_TEST(at("") == "400");
  BOOST_TEST(found({{"host", "other.example.test"}, {"path", "/"}}) == "404");
  BOOST_TEST(found({{"host", "a.b.cdn.test"}, {"path", "/videos/"}}) == "api");
  const auto url = [&](const char* text) { return found({{"url", text}}); };
  BOOST_TEST(url("https://www.example.test/videos/1#t=9") == "api");
  BOOST_TEST(url("HTTP://www.example.test:8080") == "web");
  BOOST_TEST(url("http://www.example.test?/videos") == "web");
  BOOST_TEST(url("rtsp://media.example.test/live/1") == "api");
  BOOST_TEST(url("http://media.example.test/live/1") == "404");
  BOOST_TEST(url("http://plain.example.test/") == "404");  // it has no director
  for (const char* wrong :
       {"", "www.example.test/", "ftp://www.example.test/", "http://", "http://u@www.example.test/"})
    BOOST_TEST(url(wrong) == "404", wrong);
  BOOST_TEST(found({{"service", "web"}, {"path", "/"}}) == "400");
  BOOST_TEST(found({{"service", "web"}, {"url", "http://www.example.test/"}}) == "400");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_answered_says_why) {
  BOOST_TEST(ask({{"service", "web"}}).status == 400);
  BOOST_TEST(ask({{"client", "no address"}, {"service", "web"}}).status == 400);
  BOOST_TEST(ask({{"client", "192.0.2.1"}}).status == 400);
  BOOST_TEST(ask({{"client", "192.0.2.1"}, {"service", "web"}, {"host", "web.example.test"}}).status == 400);
  BOOST_TEST(ask({{"client", "192.0.2.1"}, {"service", "other"}}).status == 404);
  const auto plain = ask({{"client", "192.0.2.1"}, {"service", "plain"}});
  BOOST_TEST(plain.status == 404);
  BOOST_TEST(plain.body.find("has no director") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
