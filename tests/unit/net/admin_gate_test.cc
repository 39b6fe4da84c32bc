#include "common/net/admin_gate.hh"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using net::AdminDoor;
using net::AdminKnock;

namespace {

const net::AdminToken& token() {
  static const net::AdminToken made = *net::AdminToken::from("0123456789abcdef");
  return made;
}

AdminKnock local_get() {
  return {.reads = true, .host = "localhost:4980"};
}

int status(AdminDoor door, const AdminKnock& knock, bool with_token = true) {
  return net::admin_gate(door, knock, {with_token ? &token() : nullptr}).status;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(admin_gate)

BOOST_AUTO_TEST_CASE(the_unix_socket_lets_everything_in) {
  BOOST_TEST(status(AdminDoor::socket, {}, false) == 0);
  BOOST_TEST(status(AdminDoor::socket, {.reads = false, .host = "evil.example"}) == 0);
}

BOOST_AUTO_TEST_CASE(loopback_reads_without_a_token_when_the_host_is_loopback) {
  for (const char* host :
       {"localhost", "LOCALHOST:4980", "127.0.0.1", "127.0.0.1:4980", "127.8.9.1:80", "[::1]", "[::1]:4980"})
    BOOST_TEST(status(AdminDoor::loopback, {.reads = true, .host = host}, false) == 0, host);
}

BOOST_AUTO_TEST_CASE(a_name_that_resolves_to_loopback_is_not_loopback) {
  for (const char* host :
       {"", "evil.example", "evil.example:4980", "localhost.evil.example", "127.0.0.1.evil.example",
        "128.0.0.1", "[::2]", "::1", "[127.0.0.1]", "[::1", "[::1]x", "localhost:x", "localhost:99999",
        "127.1", "0.0.0.0", "[::ffff:127.0.0.1]", "localhost ", "local\thost"})
    BOOST_TEST(status(AdminDoor::loopback, {.reads = true, .host = host}) == 403, host);
  BOOST_TEST(status(AdminDoor::loopback, {.reads = true}) == 403);
}

BOOST_AUTO_TEST_CASE(what_changes_something_needs_the_bearer_token_on_every_tcp_door) {
  AdminKnock knock = local_get();
  knock.reads = false;
  for (const AdminDoor door : {AdminDoor::loopback, AdminDoor::tls}) {
    knock.authorization.reset();
    BOOST_TEST(status(door, knock) == 403);
    BOOST_TEST(status(door, knock, false) == 403);
    // A browser repeats Basic credentials by itself, also for another site's form.
    knock.authorization = "Basic dToMDEyMzQ1Njc4OWFiY2RlZg==";
    BOOST_TEST(status(door, knock) != 0);
    knock.authorization = "Basic dTowMTIzNDU2Nzg5YWJjZGVm";  // u:0123456789abcdef
    BOOST_TEST(status(door, knock) == 403);
    knock.authorization = "Bearer 0123456789abcdef";
    BOOST_TEST(status(door, knock) == 0);
    BOOST_TEST(net::admin_gate(door, knock, {&token()}).has_token);
    BOOST_TEST(status(door, knock, false) == 403);
  }
}

BOOST_AUTO_TEST_CASE(the_token_for_reports_opens_reports_and_nothing_else) {
  const auto reports = *net::AdminToken::from("a-token-for-reports");
  AdminKnock knock = local_get();
  knock.reads = false;
  for (const AdminDoor door : {AdminDoor::loopback, AdminDoor::tls}) {
    for (const net::AdminToken* all : {&token(), static_cast<const net::AdminToken*>(nullptr)}) {
      knock.authorization = "Bearer a-token-for-reports";
      const auto report = net::admin_gate(door, knock, {all, &reports, true});
      BOOST_TEST(report.status == 0);
      BOOST_TEST(report.reports);
      BOOST_TEST(!report.has_token);
      BOOST_TEST(net::admin_gate(door, knock, {all, &reports, false}).status == 403);
      knock.reads = true;
      BOOST_TEST(net::admin_gate(door, knock, {all, &reports, false}).status == 403);
      knock.reads = false;
      knock.authorization = "Bearer a-token-for-reportx";
      BOOST_TEST(net::admin_gate(door, knock, {all, &reports, true}).status == 401);
      knock.authorization = "Basic dTphLXRva2VuLWZvci1yZXBvcnRz";  // u:a-token-for-reports
      BOOST_TEST(net::admin_gate(door, knock, {all, &reports, true}).status == 401);
    }
    knock.authorization = "Bearer 0123456789abcdef";  // the operator's opens both
    BOOST_TEST(net::admin_gate(door, knock, {&token(), &reports, true}).has_token);
    BOOST_TEST(!net::admin_gate(door, knock, {&token(), &reports, true}).reports);
    knock.authorization = "Bearer a-token-for-reports";
    knock.fetch_site = "cross-site";
    BOOST_TEST(net::admin_gate(door, knock, {&token(), &reports, true}).status == 403);
    knock.fetch_site.reset();
  }
}

BOOST_AUTO_TEST_CASE(elsewhere_reading_needs_the_token_too) {
  AdminKnock knock{.reads = true, .host = "master.example"};
  const auto none = net::admin_gate(AdminDoor::tls, knock, {&token()});
  BOOST_TEST(none.status == 401);
  BOOST_TEST(none.ask_for_token);
  for (const char* good : {"Bearer 0123456789abcdef", "bearer   0123456789abcdef",
                           "Basic dTowMTIzNDU2Nzg5YWJjZGVm", "basic OjAxMjM0NTY3ODlhYmNkZWY="}) {
    knock.authorization = good;
    BOOST_TEST(status(AdminDoor::tls, knock) == 0, good);
    BOOST_TEST(net::admin_gate(AdminDoor::tls, knock, {}).status == 401);
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_the_token_is_refused_however_it_is_shown) {
  AdminKnock knock = local_get();
  const std::string huge = "Bearer " + std::string(100'000, 'x');
  for (const std::string& bad :
       {std::string(), std::string("Bearer"), std::string("Bearer "), std::string("Bearer 0123456789abcde"),
        std::string("Bearer 0123456789abcdef0"), std::string("Bearer 0123456789ABCDEF"),
        std::string("0123456789abcdef"), std::string("Digest 0123456789abcdef"), std::string("Basic "),
        std::string("Basic ===="), std::string("Basic %%%%"), std::string("Basic dTox"),
        std::string("Basic MDEyMzQ1Njc4OWFiY2RlZg=="),  // no colon
        std::string("Basic dTowMTIzNDU2Nzg5YWJjZGVm "), huge, "Basic " + std::string(4'000, 'A')}) {
    knock.authorization = bad;
    for (const AdminDoor door : {AdminDoor::loopback, AdminDoor::tls})
      BOOST_TEST(status(door, knock) == 401, bad.substr(0, 40));
  }
}

BOOST_AUTO_TEST_CASE(another_sites_page_cannot_make_a_browser_ask) {
  AdminKnock knock = local_get();
  knock.origin = "http://evil.example";
  BOOST_TEST(status(AdminDoor::loopback, knock) == 403);
  knock.origin = "null";
  BOOST_TEST(status(AdminDoor::loopback, knock) == 403);
  knock.origin = "http://localhost:4981";  // another port is another site
  BOOST_TEST(status(AdminDoor::loopback, knock) == 403);
  knock.origin = "http://localhost:4980";
  BOOST_TEST(status(AdminDoor::loopback, knock) == 0);
  knock.origin.reset();
  knock.fetch_site = "cross-site";
  knock.fetch_mode = "no-cors";
  BOOST_TEST(status(AdminDoor::loopback, knock) == 403);
  knock.fetch_mode = "navigate";  // a link to the page
  BOOST_TEST(status(AdminDoor::loopback, knock) == 0);
  knock.reads = false;
  knock.authorization = "Bearer 0123456789abcdef";
  BOOST_TEST(status(AdminDoor::loopback, knock) == 403);
  knock.fetch_site = "same-origin";
  BOOST_TEST(status(AdminDoor::loopback, knock) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
