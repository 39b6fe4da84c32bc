#include "clocksync/config.hh"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "tests/unit/clocksync/real_chronyd.hh"

using namespace flagfall;             // NOLINT(*-using-namespace)
using namespace flagfall::clocksync;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;

namespace {

Result<ClockConfig> parse(const std::string& text, Role role = Role::slave) {
  return clock_schema(role).parse(text, "test.toml");
}

std::string error_of(const std::string& text, Role role = Role::slave) {
  const auto parsed = parse(text, role);
  return parsed ? "" : parsed.error();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(config)

BOOST_AUTO_TEST_CASE(without_keys_the_hosts_chronyd_is_asked) {
  const auto options = source_options(*parse(""));
  BOOST_REQUIRE(options.ok());
  const auto* chrony = std::get_if<ChronyOptions>(&*options);
  BOOST_REQUIRE(chrony != nullptr);
  BOOST_TEST(chrony->address == "127.0.0.1:323");
  BOOST_TEST(chrony->asymmetry == 0.05);
}

BOOST_AUTO_TEST_CASE(ntp_servers_with_a_key_become_options_of_the_ntp_provider) {
  const flagfall::testing::Directory directory;
  const std::string keys = directory.path + "/ntp.keys";
  std::ofstream(keys) << "7 AES128 HEX:000102030405060708090a0b0c0d0e0f\n";
  chmod(keys.c_str(), 0600);
  const auto config = parse(R"(source = "ntp"
servers = ["192.0.2.1", "[2001:db8::1]:1123"]
key_file = ")" + keys + R"("
key_id = 7
poll_least = "250ms"
poll_most = "2s"
agree = 2
asymmetry = 0.5
)");
  BOOST_REQUIRE_MESSAGE(config.ok(), (config ? "" : config.error()));
  const auto options = source_options(*config);
  BOOST_REQUIRE(options.ok());
  const auto& ntp = std::get<NtpOptions>(*options);
  BOOST_REQUIRE(ntp.servers.size() == 2U);
  BOOST_TEST(to_string(ntp.servers[0].address) == "192.0.2.1:123");
  BOOST_TEST(to_string(ntp.servers[1].address) == "[2001:db8::1]:1123");
  BOOST_TEST(ntp.servers[1].key_id == 7U);
  BOOST_TEST(ntp.servers[1].key.size() == 16U);
  BOOST_TEST((ntp.poll_least == 250ms && ntp.poll_most == 2s));
  BOOST_TEST(ntp.pool.agree == 2U);
  BOOST_TEST(ntp.pool.estimator.asymmetry == 0.5);
}

BOOST_AUTO_TEST_CASE(a_key_that_is_not_in_the_file_is_one_line) {
  auto config = *parse("source = \"ntp\"\nservers = [\"192.0.2.1\"]");
  config.key_file = {"/nonexistent/ntp.keys"};
  config.key_id = 1;
  const auto options = source_options(config);
  BOOST_REQUIRE(!options.ok());
  BOOST_TEST(options.error() == "NTP keys /nonexistent/ntp.keys: No such file or directory");
}

BOOST_AUTO_TEST_CASE(what_cannot_work_is_an_error_at_its_line) {
  const auto has = [](const std::string& text, const std::string& expected) {
    const std::string error = error_of(text);
    BOOST_TEST(error.find(expected) != std::string::npos, error);
  };
  has("source = \"ntp\"", "must name at least one NTP server");
  has("source = \"gps\"", R"(expected "chrony" or "ntp" or "master")");
  has("servers = [\"0.0.0.0\"]", "test.toml:1: servers.0: is a wildcard");
  has(R"(servers = ["192.0.2.1", "192.0.2.1:123"])", "is there twice");
  has("source = \"ntp\"\nservers = [\"192.0.2.1\"]\nagree = 2",
      "test.toml:3: agree: is more than the 1 servers");
  has("key_id = 3", "go together");
  has("key_file = \"x\"", "go together");
  has("poll_least = \"20s\"", "is more than poll_most");
  has("chrony = \"localhost\"", "test.toml:1: chrony: ");
  has("asymmetry = 1.5", "asymmetry");
  has(R"(sync = "loose")", R"(expected "absolute" or "relative")");
  has("fallback = 1", "fallback");
  has("agree = 0", "agree");
  std::string many = "servers = [";
  for (int i = 1; i <= 17; ++i) many += "\"192.0.2." + std::to_string(i) + "\",";
  has(many + "]", "at most 16 servers");
}

BOOST_AUTO_TEST_CASE(a_master_serves_and_a_slave_leaves_the_servers_to_it) {
  const flagfall::testing::Directory directory;
  const std::string keys = directory.path + "/ntp.keys";
  std::ofstream(keys) << "7 AES128 HEX:000102030405060708090a0b0c0d0e0f\n";
  chmod(keys.c_str(), 0600);
  const auto config = parse(R"([serve]
addresses = ["192.0.2.1", "[2001:db8::1]"]
key_id = 7
key_file = ")" + keys + "\"\n",
                            Role::master);
  BOOST_REQUIRE_MESSAGE(config.ok(), (config ? "" : config.error()));
  const auto served = time_servers(config->serve);
  BOOST_REQUIRE(served.ok());
  BOOST_REQUIRE(served->size() == 2U);
  BOOST_TEST(to_string(served->at(1).address) == "[2001:db8::1]:123");
  BOOST_TEST(served->at(1).key_id == 7U);
  BOOST_TEST(served->at(1).key.size() == 16U);
  BOOST_TEST(time_servers(ServeConfig{}).ok());
  BOOST_TEST(!time_servers(ServeConfig{{}, {"/nonexistent"}, 1}).ok());

  const auto learner = parse("source = \"master\"\nagree = 2");
  BOOST_REQUIRE(learner.ok());
  BOOST_TEST(std::get<NtpOptions>(*source_options(*learner)).servers.empty());
  BOOST_TEST(std::get<NtpOptions>(*source_options(*learner)).pool.agree == 2U);

  BOOST_TEST(!error_of("source = \"master\"", Role::master).empty());
  BOOST_TEST(!error_of("[serve]\naddresses = []", Role::slave).empty());
  BOOST_TEST(!error_of("source = \"master\"\nservers = [\"192.0.2.1\"]").empty());
  BOOST_TEST(!error_of("[serve]\naddresses = [\"0.0.0.0\"]", Role::master).empty());
  BOOST_TEST(!error_of("[serve]\nkey_id = 1\nkey_file = \"x\"", Role::master).empty());
}

BOOST_AUTO_TEST_SUITE_END()
