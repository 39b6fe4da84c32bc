#include "master/zones.hh"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using master::Config;

namespace {

/// One zone in a file of its own, and services that are given by the test.
struct Fixture {
  std::string file =
      (std::filesystem::temp_directory_path() / ("ff-zones-" + std::to_string(getpid()))).string();
  Config config;
  SeededRandom random{1};

  Fixture() {
    std::ofstream(file) << "$TTL 60\n@ SOA ns host 1 2h 30m 2w 300\n@ NS ns\nns A 192.0.2.1\n"
                           "four A 192.0.2.1\n*.four A 192.0.2.1\nsix AAAA 2001:db8::1\n"
                           "both A 192.0.2.1\nboth AAAA 2001:db8::1\n";
    config.zones.push_back({"example.test", {file}});
  }
  ~Fixture() { std::filesystem::remove(file); }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;
  Fixture(Fixture&&) = delete;
  Fixture& operator=(Fixture&&) = delete;

  void service(const std::string& name, std::vector<std::string> names, std::vector<IpAddress> answers) {
    master::ServiceConfig s;
    s.name = name;
    s.names = std::move(names);
    s.slaves.push_back({"fra", std::move(answers)});
    config.services.push_back(s);
  }
  std::vector<std::string> missing() {
    const auto zones = master::load_zones(config, random, std::vector<bool>(config.services.size()));
    BOOST_REQUIRE_MESSAGE(zones.ok(), (zones ? "" : zones.error()));
    return master::missing_families(config, **zones);
  }
};

const IpAddress kFour = *parse_ip("192.0.2.9");
const IpAddress kSix = *parse_ip("2001:db8::9");

}  // namespace

BOOST_FIXTURE_TEST_SUITE(zones, Fixture)

BOOST_AUTO_TEST_CASE(a_raced_name_without_a_record_of_its_slaves_family_is_named) {
  service("web", {"four.example.test", "both.example.test", "*.four.EXAMPLE.test."}, {kFour, kSix});
  const auto lines = missing();
  BOOST_REQUIRE(lines.size() == 2U);
  BOOST_TEST(lines[0] ==
             file +
                 ": four.example.test has no AAAA record, so AAAA queries for it get an empty answer and are "
                 "not raced, although slaves of service 'web' have IPv6 answers; add the AAAA record for the "
                 "case that there is no race");
  BOOST_TEST(lines[1].starts_with(file + ": *.four.EXAMPLE.test. has no AAAA record"));
}

BOOST_AUTO_TEST_CASE(a_missing_a_record_is_named_too) {
  service("web", {"six.example.test"}, {kFour});
  const auto lines = missing();
  BOOST_REQUIRE(lines.size() == 1U);
  BOOST_TEST(lines[0].find("six.example.test has no A record") != std::string::npos);
  BOOST_TEST(lines[0].find("have IPv4 answers; add the A record") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_no_slave_answers_need_not_be_there) {
  service("four", {"four.example.test", "*.four.example.test"}, {kFour});
  service("six", {"six.example.test"}, {kSix});
  service("both", {"both.example.test"}, {kSix, kFour});
  BOOST_TEST(missing().empty());
}

BOOST_AUTO_TEST_SUITE_END()
