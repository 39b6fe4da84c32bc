#include "master/delegation.hh"

#include <boost/test/unit_test.hpp>

#include "common/dns/zone_name.hh"
#include "master/zones.hh"
#include "tests/unit/dns/dns_text.hh"

using namespace flagfall;          // NOLINT(google-build-using-namespace): a test
using namespace flagfall::master;  // NOLINT(google-build-using-namespace): a test

namespace {

constexpr const char* kZone =
    "$TTL 60\n@ SOA ns host 1 2h 30m 2w 300\n@ NS ns\nns A 192.0.2.1\n"
    "ns-fra A 192.0.2.10\nns-nyc A 192.0.2.20\nfra.beacon NS ns-fra\n"
    "cdn NS ns-fra\ncdn NS ns-nyc\nwww.cdn A 192.0.2.1\n";

struct Rig {
  test::TempDir dir;
  Config config;
  SeededRandom random{1};

  Rig() {
    config.dns.listen = {*parse_endpoint("192.0.2.1:53"), *parse_endpoint("[2001:db8::1]:53")};
    config.zones.push_back({"example.test", {dir.file("zone", kZone)}});
    config.slaves = {{"fra", "ns-fra.example.test", "fra.beacon.example.test"},
                     {"nyc", "ns-nyc.example.test", ""}};
    ServiceConfig service;
    service.name = "cdn";
    service.names = {"www.cdn.example.test"};
    service.slaves = {{"fra", {*parse_ip("192.0.2.10")}}, {"nyc", {*parse_ip("192.0.2.20")}}};
    service.mode = ServiceConfig::Mode::automatic;
    service.zone = "cdn.example.test";
    config.services.push_back(service);
    config.race.sources.text = dir.path() + "/sources.json";
  }
  static std::string seen(const std::string& slave, bool arrives,
                          const std::string& source = "192.0.2.1:53") {
    return R"({"sources": [{"slave": ")" + slave + R"(", "source": ")" + source + R"(", "arrives": )" +
           (arrives ? "true" : "false") + "}]}";
  }
  static bool take(Delegation& delegation, const std::string& json) {
    const auto parsed = delegation.parse(json);
    BOOST_REQUIRE_MESSAGE(parsed.ok(), (parsed ? "" : parsed.error()));
    return delegation.take(*parsed);
  }
  dns::Lookup look(const std::vector<bool>& delegated) {
    auto loaded = load_zones(config, random, delegated);
    BOOST_REQUIRE_MESSAGE(loaded.ok(), (loaded ? "" : loaded.error()));
    zones = *loaded;
    return zones->front()->find(dns::bytes_of(*dns::parse_name("www.cdn.example.test")), wire::rrtype::kA);
  }
  std::shared_ptr<const Zones> zones;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(delegation, Rig)

BOOST_AUTO_TEST_CASE(auto_is_delegated_until_the_last_slave_is_known_to_arrive) {
  Delegation d(config);
  BOOST_TEST(d.delegated(0));
  BOOST_TEST(!take(d, seen("fra", true)));
  BOOST_TEST(d.why(0).find("nyc") != std::string::npos);
  BOOST_TEST(take(d, seen("nyc", true)));
  BOOST_TEST(!d.delegated(0));
  BOOST_TEST(d.why(0).empty());
  BOOST_TEST(take(d, seen("fra", false)));
  BOOST_TEST(d.delegated(0));
  BOOST_TEST(d.why(0) == "packets of fra from 192.0.2.1:53 do not arrive");
}

BOOST_AUTO_TEST_CASE(delegate_stays_delegated_and_race_is_never) {
  config.services[0].mode = ServiceConfig::Mode::delegate;
  Delegation d(config);
  (void)take(d, seen("fra", true));
  (void)take(d, seen("nyc", true));
  BOOST_TEST(d.delegated(0));
  config.services[0].mode = ServiceConfig::Mode::race;
  BOOST_TEST(!Delegation(config).delegated(0));
}

BOOST_AUTO_TEST_CASE(a_restart_remembers_what_was_kept_and_a_broken_file_is_said) {
  Delegation d(config);
  (void)take(d, seen("fra", true));
  (void)take(d, seen("nyc", true));
  BOOST_TEST(d.keep().ok());
  BOOST_TEST(!Delegation(config).delegated(0));
  (void)dir.file("sources.json", R"({"sources": [{"slave": 5}]})");
  const Delegation broken(config);
  BOOST_TEST(broken.delegated(0));
  BOOST_TEST(!broken.error().empty());
  config.race.sources.text = "/proc/nowhere/sources.json";
  const Delegation nowhere(config);
  BOOST_TEST(nowhere.error().empty());
  BOOST_TEST(!nowhere.keep().ok());
}

BOOST_AUTO_TEST_CASE(what_is_no_report_changes_nothing) {
  const Delegation d(config);
  for (const std::string& bad :
       {std::string(), std::string("[]"), std::string("{"), std::string(R"({"sources": 5})"),
        std::string(R"({"sources": [5]})"), seen("lhr", true), seen("fra", true, "nowhere"),
        std::string(R"({"sources": [{"slave": "fra", "source": "192.0.2.1", "arrives": "yes"}]})"),
        std::string(std::size_t{2} << 20, ' ')})
    BOOST_TEST(!d.parse(bad).ok());
}

BOOST_AUTO_TEST_CASE(the_master_refers_to_the_slaves_or_answers_by_itself) {
  BOOST_TEST((look({true}).kind == dns::Lookup::Kind::referral));
  const dns::Lookup raced = look({false});
  BOOST_TEST((raced.kind == dns::Lookup::Kind::answer));
  BOOST_TEST(raced.service == 0);
}

BOOST_AUTO_TEST_CASE(a_missing_delegation_is_named_with_what_to_write) {
  (void)look({true});
  BOOST_TEST(missing_delegations(config, *zones, {true}).empty());
  config.slaves[1].beacon_zone = "nyc.beacon.example.test";
  auto lines = missing_delegations(config, *zones, {true});
  BOOST_REQUIRE(lines.size() == 1U);
  BOOST_TEST(lines[0].find("delegation of nyc.beacon.example.test is missing; write: "
                           "nyc.beacon.example.test. IN NS ns-nyc.example.test.") != std::string::npos);
  config.slaves[1].nameserver = "ns2.example.test";
  lines = missing_delegations(config, *zones, {true});
  BOOST_REQUIRE(lines.size() == 3U);  // cdn has another server, the beacon zone has none, ns2 has no address
  BOOST_TEST(lines[0].find("cdn.example.test is to other name servers") != std::string::npos);
  BOOST_TEST(lines[2].find("ns2.example.test has no address") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
