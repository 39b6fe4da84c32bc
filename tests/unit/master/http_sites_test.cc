#include "master/http_sites.hh"

#include <boost/test/unit_test.hpp>

#include "master/config.hh"
#include "tests/unit/master/allocation_count.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using master::HttpSites;

namespace {

struct Fixture {
  master::Config config;
  HttpSites::HostRoom room{};

  void service(const std::vector<std::string>& hosts, const std::string& path) {
    master::ServiceConfig& s = config.services.emplace_back();
    s.http.hosts = hosts;
    s.http.path = path;
    s.slaves = {{.name = "fra", .answers = {}, .location = "http://fra.test{path}"},
                {.name = "nyc", .answers = {}}};
  }
  /// The service's index; -1: none.
  int find(std::string_view host, std::string_view path = "/") {
    const HttpSites sites(config, master::WebScheme::http);
    const auto found = sites.find(host, path, room);
    return found.site == nullptr ? -1 : found.site->service;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(http_sites, Fixture)

BOOST_AUTO_TEST_CASE(a_host_is_found_whatever_its_case_and_with_a_final_dot) {
  service({"WWW.example.test."}, "/");
  BOOST_TEST(find("www.example.test") == 0);
  BOOST_TEST(find("wWw.Example.TEST.") == 0);
  for (const char* const other : {"", ".", "example.test", "x.www.example.test", "www.example.test..", "www"})
    BOOST_TEST(find(other) == -1, other);
  BOOST_TEST(find(std::string(300, 'a')) == -1);
}

BOOST_AUTO_TEST_CASE(a_wildcard_holds_what_is_below_and_the_longest_counts) {
  service({"*.x.test"}, "/");
  service({"*.b.x.test"}, "/");
  service({"a.b.x.test"}, "/");
  BOOST_TEST(find("x.test") == -1);
  BOOST_TEST(find(".x.test") == -1);
  BOOST_TEST(find("a.x.test") == 0);
  BOOST_TEST(find("b.x.test") == 0);
  BOOST_TEST(find("z.y.x.test") == 0);
  BOOST_TEST(find("z.b.x.test") == 1);
  BOOST_TEST(find("a.b.x.test") == 2);
  BOOST_TEST(find("ax.test") == -1);
}

BOOST_AUTO_TEST_CASE(the_longest_path_counts_by_segments) {
  service({"h.test"}, "/");
  service({"h.test"}, "/videos/");
  service({"h.test"}, "/videos/hd");
  BOOST_TEST(find("h.test", "/") == 0);
  BOOST_TEST(find("h.test", "/videos2") == 0);
  BOOST_TEST(find("h.test", "/videos") == 1);
  BOOST_TEST(find("h.test", "/videos/1") == 1);
  BOOST_TEST(find("h.test", "/videos?x=/videos/hd") == 1);
  BOOST_TEST(find("h.test", "//videos/1") == 1);
  BOOST_TEST(find("h.test", "/videos/hd/1") == 2);
  config.services.erase(config.services.begin());
  BOOST_TEST(find("h.test", "/") == -1);
}

BOOST_AUTO_TEST_CASE(only_servers_with_a_location_are_able) {
  service({"h.test", "[2001:db8::1]", "192.0.2.1"}, "/");
  const HttpSites sites(config, master::WebScheme::http);
  BOOST_TEST(sites.find("[2001:DB8::1]", "/", room).site->able == 1U);
  BOOST_TEST(find("192.0.2.1") == 0);
}

BOOST_AUTO_TEST_CASE(rtsp_has_hosts_of_its_own_and_always_302) {
  service({"h.test"}, "/");
  config.services.back().http.status = 301;
  config.services.back().rtsp = {{"Media.test"}, "/live"};
  const HttpSites http(config, master::WebScheme::http);
  const HttpSites rtsp(config, master::WebScheme::rtsp);
  BOOST_TEST(!http.find("media.test", "/live", room).site);
  BOOST_TEST(!rtsp.find("h.test", "/live", room).site);
  BOOST_TEST(!rtsp.find("media.test", "/lively", room).site);
  const auto* const site = rtsp.find("media.test", "/live/1", room).site;
  BOOST_REQUIRE(site);
  BOOST_TEST(site->status == 302U);
  BOOST_TEST(site->status_other == 302U);
}

BOOST_AUTO_TEST_CASE(a_look_up_allocates_nothing) {
  service({"a-host-with-a-name-longer-than-any-short-string.test", "*.x.test"}, "/videos");
  const HttpSites sites(config, master::WebScheme::http);
  const std::size_t before = test::allocations();
  for (const std::string_view host :
       {"a-host-with-a-name-longer-than-any-short-string.test", "a.b.c.d.x.test"})
    (void)sites.find(host, "/videos/a/path/that/is/long/enough/for/the/heap", room);
  BOOST_TEST(test::allocations() == before);
}

BOOST_AUTO_TEST_SUITE_END()
