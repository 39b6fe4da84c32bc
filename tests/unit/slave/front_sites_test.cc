#include "slave/front_sites.hh"

#include <boost/test/unit_test.hpp>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using slave::FrontSites;

namespace {

wire::Services services(const std::string& name, std::vector<wire::WebSite> sites) {
  wire::Services out;
  wire::Service& service = out.services.emplace_back();
  service.name = name;
  service.sites = std::move(sites);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(front_sites)

BOOST_AUTO_TEST_CASE(a_service_that_several_masters_hold_may_be_asked_of_each) {
  const FrontSites sites(std::vector<wire::Services>{services("web", {{"www.x.test", "", 0, ""}}),
                                                     services("mail", {{"mail.x.test", "", 0, ""}}),
                                                     services("web", {{"WWW.x.test.", "/", 0, ""}})});
  http::HostTable::Room room{};
  const auto web = sites.find("www.x.test", "/", room);
  BOOST_REQUIRE(web.has_value());
  BOOST_TEST(web->site->masters == 0b101U);
  BOOST_TEST(sites.find("mail.x.test", "/", room)->site->masters == 0b010U);
  BOOST_TEST(sites.find("mail.x.test", "/", room)->site->id != web->site->id);
  BOOST_TEST(sites.complaints().empty());
}

BOOST_AUTO_TEST_CASE(what_two_services_claim_is_nobodys_and_somebody_is_told) {
  const FrontSites sites(std::vector<wire::Services>{services("web", {{"www.x.test", "", 0, ""}}),
                                                     services("www", {{"www.x.test", "", 0, ""}})});
  http::HostTable::Room room{};
  BOOST_TEST(!sites.find("www.x.test", "/", room));
  BOOST_REQUIRE(sites.complaints().size() == 1U);
  BOOST_TEST(sites.complaints()[0] == "'www.x.test' is service 'web' and service 'www': it is served here");
}

BOOST_AUTO_TEST_CASE(what_is_a_servers_own_is_taken_off) {
  const FrontSites sites(std::vector<wire::Services>{
      services("web", {{"fra.x.test", "/m/videos/", 2, "www.x.test"}, {"odd.test", "/", 1, ""}})});
  http::HostTable::Room room{};
  const auto found = sites.find("FRA.x.test", "//m/videos/1", room);
  BOOST_REQUIRE(found.has_value());
  BOOST_TEST(found->host == "www.x.test");
  BOOST_TEST(found->path == "/videos/1");
  BOOST_TEST(!sites.find("fra.x.test", "/videos/1", room));
  BOOST_TEST(sites.find("odd.test", "/a", room)->path == "/a");  // what is compared has no "/"
}

BOOST_AUTO_TEST_SUITE_END()
