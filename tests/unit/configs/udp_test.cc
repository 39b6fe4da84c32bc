// Services of datagrams at the master, and backends at the slave: what of their keys goes together.
#include <boost/test/unit_test.hpp>
#include <string>

#include "master/config.hh"
#include "master/snapshot_builder.hh"
#include "slave/config.hh"

namespace {

using flagfall::parse_endpoint;

constexpr const char* kMaster = R"([dns]
listen = ["192.0.2.1:53"]
[[zone]]
origin = "example.test"
file = "example.test.zone"
[control]
listen = "192.0.2.1"
ca = "ca.crt"
certificate = "m.crt"
key = "m.key"
[[service]]
name = "web"
names = ["www.example.test"]
[[service.slave]]
name = "fra"
answers = ["192.0.2.10"]
[[service]]
name = "stun"
late = "send"
[service.udp]
listen = ["192.0.2.1:3478", "[2001:db8::1]:3478"]
amplification = 4.5
[[service.slave]]
name = "fra"
[[service.slave]]
name = "nyc"
)";

constexpr const char* kSlave = R"([[master]]
address = "192.0.2.1"
name = "m"
[control]
ca = "ca"
certificate = "c"
key = "k"
[transmit]
sources = ["192.0.2.1", "192.0.2.1:3478"]
[[backend]]
service = "stun"
udp = "127.0.0.1:3478"
probe = "0aFf"
)";

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const auto at = text.find(what);
  BOOST_REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), with);
}

void master_error(const std::string& what, const std::string& with, const std::string& part) {
  const auto config = flagfall::master::schema().parse(replaced(kMaster, what, with), "m");
  const std::string error = config ? "good" : config.error();
  BOOST_TEST(error.find(part) != std::string::npos, error);
}

void slave_error(const std::string& what, const std::string& with, const std::string& part) {
  const auto config = flagfall::slave::schema().parse(replaced(kSlave, what, with), "s");
  const std::string error = config ? "good" : config.error();
  BOOST_TEST(error.find(part) != std::string::npos, error);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(udp)

BOOST_AUTO_TEST_CASE(a_service_may_have_addresses_of_its_own_instead_of_names) {
  const auto config = flagfall::master::schema().parse(kMaster, "m");
  BOOST_REQUIRE_MESSAGE(config.ok(), (config ? "" : config.error()));
  const auto& udp = config->services[1].udp;
  BOOST_TEST(udp.listen.size() == 2U);
  BOOST_TEST(udp.max_request == 1024);
  BOOST_TEST(udp.max_answer == 1200);
  BOOST_TEST(udp.amplification == 4.5);
  BOOST_TEST(config->services[0].udp.listen.empty());
}

BOOST_AUTO_TEST_CASE(its_slaves_are_told_what_it_is_and_dns_services_nothing_of_it) {
  const auto config = flagfall::master::schema().parse(kMaster, "m");
  BOOST_REQUIRE(config.ok());
  const flagfall::master::SnapshotBuilder builder(*config, flagfall::master::service_addresses(*config));
  const auto told = builder.services();
  const auto& fra = told.at("fra").services;
  BOOST_REQUIRE(fra.size() == 2U);
  BOOST_TEST((fra[0].kind == flagfall::wire::ServiceKind::dns));
  BOOST_TEST((fra[0].addresses == std::vector{*parse_endpoint("192.0.2.1:53")}));
  BOOST_TEST((fra[1].kind == flagfall::wire::ServiceKind::datagrams));
  BOOST_TEST((fra[1].addresses ==
              std::vector{*parse_endpoint("192.0.2.1:3478"), *parse_endpoint("[2001:db8::1]:3478")}));
  BOOST_TEST(fra[1].most_answer == 1200);
  BOOST_TEST(fra[1].amplification == 450U);
  BOOST_TEST(told.at("nyc").services.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_slave_is_a_runner_of_the_services_that_it_is_ready_for) {
  using namespace std::chrono_literals;
  const auto config = flagfall::master::schema().parse(kMaster, "m");
  BOOST_REQUIRE(config.ok());
  const flagfall::master::SnapshotBuilder builder(*config, flagfall::master::service_addresses(*config));
  flagfall::master::SlaveState fra, nyc;
  fra.name = "fra";
  nyc.name = "nyc";
  for (auto* const each : {&fra, &nyc}) {
    each->registered = true;
    each->last_report.racing = true;
  }
  fra.ready = {1, 0};
  fra.lacks = {flagfall::wire::Lack::nothing, flagfall::wire::Lack::down};
  nyc.ready = {3};
  nyc.lacks = {flagfall::wire::Lack::nothing};
  const auto build = [&] { return builder.build({&fra, &nyc}, {}, false, nullptr); };
  auto snapshot = build();
  BOOST_TEST(snapshot.services[0].v4.size() == 1U);
  BOOST_TEST(snapshot.services[1].v4.empty());
  BOOST_REQUIRE(snapshot.services[1].udp.size() == 1U);
  BOOST_TEST(snapshot.services[1].udp[0].slave == 1);
  BOOST_TEST(snapshot.services[1].udp[0].server == 1);
  BOOST_TEST(builder.why_not(fra).empty());
  BOOST_TEST(builder.why_not(fra, config->services[0]).empty());
  BOOST_TEST(builder.why_not(fra, config->services[1]) ==
             "has a [[backend]] for service stun that does not answer");
  // Its clock is no matter where there is no race.
  nyc.last_report.racing = false;
  snapshot = build();
  BOOST_TEST(snapshot.services[1].udp.empty());
  BOOST_TEST(snapshot.services[1].alone.size() == 1U);
  nyc.last_report.racing = true;
  nyc.ready = {0};
  nyc.lacks = {flagfall::wire::Lack::backend};
  BOOST_TEST(builder.why_not(nyc) == "has no [[backend]] for service stun");
}

BOOST_AUTO_TEST_CASE(what_does_not_go_together_is_an_error_that_says_so) {
  master_error("late = \"send\"", "names = [\"stun.example.test\"]", "not both: write two services");
  master_error("late = \"send\"", "mode = \"shadow\"", "answered by its slaves alone");
  master_error("late = \"send\"", "winner_beacon = \"unknown\"", "no DNS answers");
  master_error("[2001:db8::1]:3478", "192.0.2.1:53", "192.0.2.1:53 is dns.listen's already");
  master_error("[2001:db8::1]:3478", "192.0.2.1:3478", "is there twice");
  master_error("[2001:db8::1]:3478", "0.0.0.0:3478", "write each address");
  master_error("amplification = 4.5", "amplification = 0", "amplification");
  master_error("[service.udp]", "delay = {at_most = \"50ms\"}\n[service.udp]", "has a fixed one");
  master_error("amplification = 4.5", "max_request = 1103",
               "at most 1102 octets with control.order_size = 1200");
  master_error("amplification = 4.5", "max_request = 1102", "good");
  master_error("names = [\"www.example.test\"]\n", "", "the service's DNS names, or [service.udp]");
  master_error("answers = [\"192.0.2.10\"]\n", "", "its own content addresses");
}

BOOST_AUTO_TEST_CASE(a_backend_is_read_and_what_it_cannot_be_is_an_error) {
  const auto config = flagfall::slave::schema().parse(kSlave, "s");
  BOOST_REQUIRE_MESSAGE(config.ok(), (config ? "" : config.error()));
  BOOST_REQUIRE(config->backends.size() == 1U);
  BOOST_TEST((config->backends[0].udp == *parse_endpoint("127.0.0.1:3478")));
  BOOST_TEST(
      (*flagfall::slave::octets_of(config->backends[0].probe) == std::vector<std::uint8_t>{0x0a, 0xff}));
  slave_error("0aFf", "0aF", "one digit is left over");
  slave_error("0aFf", "0ag1", "'g1' is no octet");
  slave_error("0aFf", "-1", "'-1' is no octet");
  slave_error("udp = \"127.0.0.1:3478\"\n", "", "has one server: write http or udp");
  slave_error("127.0.0.1:3478", "0.0.0.0:3478", "is no address to ask");
  slave_error("127.0.0.1:3478", "192.0.2.1:3478", "the master would be asked, and order it again");
  slave_error("probe = \"0aFf\"\n", "[[backend]]\nservice = \"stun\"\nudp = \"127.0.0.1:1\"\n",
              "service 'stun' has a backend already");
  slave_error("probe = \"0aFf\"\n",
              "sockets = 12000\n[[backend]]\nservice = \"b\"\nsockets = 12000\nudp = \"127.0.0.1:1\"\n",
              "24000 sockets in all backends: at most 20000");
  slave_error("[transmit]\n", "[transmit]\nqueue = 100\n", "transmit.queue must be twice as many");
}

BOOST_AUTO_TEST_SUITE_END()
