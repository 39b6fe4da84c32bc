#include "common/daemon/admin_config.hh"

#include <boost/test/unit_test.hpp>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test

namespace {

struct Section : daemon::AdminConfig {};

Result<Section> parse(const std::string& text) {
  return daemon::admin_schema<Section>(4980).parse(text, "file.toml");
}

std::string complaint(const std::string& text) {
  const auto parsed = parse(text);
  return parsed ? "none" : parsed.error();
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(admin_config)

BOOST_AUTO_TEST_CASE(loopback_addresses_need_nothing) {
  const auto parsed = parse(R"(listen = ["127.0.0.1", "[::1]:5000", "127.0.0.9:80"])");
  BOOST_REQUIRE(parsed.ok());
  const net::AdminOptions options = daemon::admin_options(*parsed);
  BOOST_REQUIRE(options.listen.size() == 3U);
  BOOST_TEST(to_string(options.listen[0]) == "127.0.0.1:4980");
  BOOST_TEST(options.socket.empty());
  BOOST_TEST(daemon::admin_url(options.listen[1]) == "http://[::1]:5000/");
  BOOST_TEST(parse("")->listen.all.empty());
  BOOST_TEST(parse("listen = []")->listen.all.empty());
}

BOOST_AUTO_TEST_CASE(what_others_can_reach_needs_certificate_key_and_token) {
  for (const std::string address :
       {"0.0.0.0", "[::]", "192.0.2.1:4980", "128.0.0.1", "[::ffff:127.0.0.1]:1"}) {
    const std::string listen = "listen = \"" + address + "\"\n";
    for (const std::string& keys : {std::string(), std::string("token_file = \"t\"\n"),
                                    std::string("certificate = \"c\"\nkey = \"k\"\n")}) {
      BOOST_TEST(holds(complaint(listen + keys), "others can reach"), address + keys);
      BOOST_TEST(holds(complaint(listen + keys), "openssl rand -hex 32"));
    }
    BOOST_TEST(complaint(listen + "certificate = \"c\"\nkey = \"k\"\ntoken_file = \"t\"\n") == "none");
  }
  BOOST_TEST(daemon::admin_url(*parse_endpoint("192.0.2.1:4980")) == "https://192.0.2.1:4980/");
}

BOOST_AUTO_TEST_CASE(certificate_and_key_go_together_and_addresses_are_there_once) {
  BOOST_TEST(holds(complaint("certificate = \"c\""), "certificate: goes together with key"));
  BOOST_TEST(holds(complaint("key = \"k\""), "key: goes together with certificate"));
  BOOST_TEST(
      holds(complaint(R"(listen = ["127.0.0.1", "127.0.0.1:4980"])"), "127.0.0.1:4980 is there twice"));
}

BOOST_AUTO_TEST_SUITE_END()
