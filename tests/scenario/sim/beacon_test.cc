// What the judge knows of beacons: it must read labels as slaves write them, and say
// of each promise when it is broken. Whole worlds with beacons are in campaign_test.cc.
#include <boost/test/unit_test.hpp>

#include "served.hh"
#include "sim/beacon_judge.hh"
#include "slave/beacon_label.hh"

using namespace flagfall;       // NOLINT(*-using-namespace)
using namespace flagfall::sim;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;

namespace {

constexpr HostId kSlave = 3;
constexpr unsigned kLife = 2;
constexpr std::uint64_t kRace = 0x1234'5678'9abc'def0;
constexpr wire::SipKey kKey{1, 2, 3};
const IpAddress kClient = *parse_ip("100.64.0.1");
const RefTime kInstant(1000s);

std::string label(std::uint64_t race = kRace, const std::string& service = "web",
                  const wire::SipKey& key = kKey) {
  std::array<std::uint8_t, slave::kBeaconLabel> out{};
  slave::write_beacon_label(key, slave::service_tag(service), race, out);
  return std::string(as_text(out));
}

struct Fixture {
  BeaconJudge judge;
  const std::string zone = "slave0.beacon.example.test";
  const std::string name = label() + '.' + zone;

  Fixture() {
    judge.promise({30, 20}, 5ms);
    judge.add(kSlave, {"slave0",
                       name_server(0),
                       zone,
                       {true, false},
                       {*parse_ip("198.51.100.1"), *parse_ip("2001:db8:1::1")}});
    judge.serving(kSlave, kLife);
  }
  static BeaconIssued race(std::uint64_t id = kRace) { return {id, 0, kLife, kClient, kInstant}; }
  static AnswerText leads_to(const std::string& target, std::uint32_t ttl = 0) {
    AnswerText out;
    out.target = target;
    out.ttl = ttl;
    return out;
  }
  static AnswerText says(const char* address, std::uint32_t ttl = 30) {
    AnswerText out;
    out.addresses = {*parse_ip(address)};
    out.ttl = ttl;
    return out;
  }
  static AnswerText fails(unsigned rcode) {
    AnswerText out;
    out.rcode = rcode;
    return out;
  }
  void issue() { BOOST_TEST(!judge.issued(kSlave, race(), leads_to(name))); }
  void look_up(const std::string& what, const IpAddress& from, Nanos after, unsigned life = kLife) {
    judge.looked_up(kSlave, {what, kTypeA, from, life, kInstant + after});
  }
  bool tells(bool same_address) { return !judge.told(kSlave, {kRace, 10ms, same_address}); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(beacon)

BOOST_AUTO_TEST_CASE(labels_are_read_as_slaves_write_them) {
  const auto read = read_beacon_name(label() + ".slave0.beacon.example.test");
  BOOST_REQUIRE(read);
  BOOST_TEST(read->race == kRace);
  BOOST_TEST(read->service == slave::service_tag("web"));
  BOOST_TEST(read->zone == "slave0.beacon.example.test");
  for (const std::string& none : {std::string("www.example.test"), std::string(), label(),
                                  label().substr(1) + "w.example.test", label() + "0.example.test"})
    BOOST_TEST(!read_beacon_name(none), none);
}

BOOST_AUTO_TEST_CASE(what_a_cname_says_of_another_race_zone_or_service_or_to_caches_is_found) {
  Fixture f;
  f.issue();
  BOOST_TEST(f.judge.issued(kSlave, Fixture::race(7), Fixture::leads_to(f.name)).has_value());
  const std::string elsewhere = label(7) + ".slave1.beacon.example.test";
  BOOST_TEST(f.judge.issued(kSlave, Fixture::race(7), Fixture::leads_to(elsewhere)).has_value());
  const std::string right = label(7) + '.' + f.zone;
  BOOST_TEST(f.judge.issued(kSlave, Fixture::race(7), Fixture::leads_to(right, 1)).has_value());
  BOOST_TEST(!f.judge.issued(kSlave, Fixture::race(7), Fixture::leads_to(right)));
  BeaconIssued api = Fixture::race(8);
  api.service = 1;
  BOOST_TEST(f.judge.issued(kSlave, api, Fixture::leads_to(label(8) + '.' + f.zone)).has_value());
}

BOOST_AUTO_TEST_CASE(a_label_of_the_right_form_leads_to_the_slaves_addresses_whoever_made_it) {
  Fixture f;
  f.issue();
  const auto wrong = [&](const std::string& name, std::uint16_t type, const AnswerText& answer) {
    return f.judge.answered(kSlave, kLife, name, type, answer).has_value();
  };
  const std::string forged = label(9, "web", {}) + '.' + f.zone;
  for (const std::string& name : {f.name, forged}) {
    BOOST_TEST(!wrong(name, kTypeA, Fixture::says("198.51.100.1")));
    BOOST_TEST(!wrong(name, kTypeAaaa, Fixture::says("2001:db8:1::1")));
    BOOST_TEST(!wrong(name, kTypeTxt, AnswerText{}));
    BOOST_TEST(wrong(name, kTypeA, Fixture::says("198.51.100.2")));
    BOOST_TEST(wrong(name, kTypeA, Fixture::says("198.51.100.1", 0)));
    BOOST_TEST(wrong(name, kTypeA, AnswerText{}));
    BOOST_TEST(wrong(name, kTypeA, Fixture::fails(3)));
    BOOST_TEST(wrong(name, kTypeA, Fixture::fails(5)));
  }
  BOOST_TEST(!wrong(label(9, "nobody's") + '.' + f.zone, kTypeA, Fixture::fails(3)));
  BOOST_TEST(wrong(label(9, "nobody's") + '.' + f.zone, kTypeA, Fixture::says("198.51.100.1")));
  BOOST_TEST(!wrong(label() + ".slave1.beacon.example.test", kTypeA, Fixture::fails(5)));
  BOOST_TEST(wrong(label() + ".slave1.beacon.example.test", kTypeA, Fixture::says("198.51.100.1")));
  // A new process has not heard yet what it serves.
  BOOST_TEST(!f.judge.answered(kSlave, kLife + 1, f.name, kTypeA, Fixture::fails(5)));
}

BOOST_AUTO_TEST_CASE(a_slave_may_tell_of_a_look_up_once_as_it_was_and_of_none_that_was_not) {
  Fixture f;
  BOOST_TEST(!f.tells(true));
  f.issue();
  BOOST_TEST(!f.tells(true));
  f.look_up(label(kRace, "web", {}) + '.' + f.zone, kClient, 10ms);
  f.look_up(label() + ".slave1.beacon.example.test", kClient, 10ms);
  f.look_up(f.name, kClient, 10ms, kLife + 1);
  f.look_up(f.name, kClient, 3100ms);
  BOOST_TEST(!f.tells(true));
  f.look_up(f.name, kClient, 20ms);
  f.look_up(f.name, *parse_ip("203.0.113.200"), 30ms);
  BOOST_TEST(f.tells(true));
  BOOST_TEST(!f.tells(true));
}

BOOST_AUTO_TEST_CASE(who_asked_first_is_told_truly) {
  for (const bool client_first : {false, true}) {
    Fixture f;
    f.issue();
    f.look_up(f.name, client_first ? kClient : *parse_ip("203.0.113.200"), 20ms);
    f.look_up(f.name, kClient, 30ms);
    BOOST_TEST(f.tells(client_first));
    Fixture g;
    g.issue();
    g.look_up(g.name, client_first ? kClient : *parse_ip("203.0.113.200"), 20ms);
    BOOST_TEST(!g.tells(!client_first));
  }
}

BOOST_AUTO_TEST_CASE(races_of_long_ago_are_forgotten) {
  Fixture f;
  f.issue();
  f.look_up(f.name, kClient, 20ms);
  f.judge.forget(kInstant);
  BOOST_TEST(f.tells(true));
  Fixture g;
  g.issue();
  g.look_up(g.name, kClient, 20ms);
  g.judge.forget(kInstant + 1ns);
  BOOST_TEST(!g.tells(true));
}

BOOST_AUTO_TEST_SUITE_END()
