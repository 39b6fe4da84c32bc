#include "master/guide.hh"

#include <boost/test/unit_test.hpp>
#include <map>

#include "common/base/bytes.hh"
#include "master/asked_networks.hh"
#include "master/config.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;
using director::Entry;
using director::Order;
using master::Guide;
using master::RacedService;
using master::ServerAnswers;
using master::Standing;

namespace {

IpAddress ip(const char* text) {
  return *parse_ip(text);
}

master::ServiceConfig service_config() {
  master::ServiceConfig out;
  out.name = "web";
  out.slaves = {{"fra", {ip("192.0.2.10"), ip("2001:db8:a::10")}, {}},
                {"nyc", {ip("192.0.2.20"), ip("192.0.2.21")}, {}},
                {"sin", {ip("192.0.2.30"), ip("2001:db8:c::30")}, {}}};
  out.ttl_learning = 5;
  out.ttl_bound = 60;
  out.ttl_fallback = 7;
  return out;
}

/// A service whose book binds 198.51.100.0/24 to nyc, then sin.
struct Fixture {
  SeededRandom random{3};
  master::ServiceConfig config = service_config();
  RacedService service;
  director::View view;
  Guide guide{{}, random};

  Fixture() {
    director::PrefixTableEditor book;
    Order order = Order::of(1);
    order.push(2);
    book.set(*parse_prefix("198.51.100.0/24"), 1);
    view.tables = {book.publish()};
    view.book = 0;
    view.entries = std::make_shared<const std::vector<Entry>>(std::vector<Entry>{{order, false}});
    view.races = true;
    view.fit = 0b111;
    publish();
  }
  void publish() {
    service.view = std::make_shared<const director::View>(view);
    service.servers = std::make_shared<const ServerAnswers>(config);
  }
  Guide::Way way(const char* client, Bytes subnet = {}) {
    wire::DnsQuery query;
    query.client_subnet = subnet;
    return guide.decide(service, query, ip(client));
  }
  /// The answer's addresses, and its TTL in front: "60 192.0.2.20 192.0.2.21".
  std::string answer(const Guide::Way& w, bool v6 = false) {
    const auto told = guide.answer(service, w, v6);
    if (told.refuse) return "refused";
    if (told.records == nullptr) return "none";
    std::string out;
    ByteReader in(told.records->bytes);
    for (int i = 0; i < told.records->count; ++i) {
      in.skip(6);
      const std::uint32_t ttl = in.u32();
      const std::size_t length = in.u16();
      if (out.empty()) out = std::to_string(ttl);
      out += " " + to_string(ip_from_bytes(in.bytes(length)));
    }
    return out;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(guide, Fixture)

BOOST_AUTO_TEST_CASE(a_bound_network_gets_its_server_and_another_is_raced) {
  const auto bound = way("198.51.100.7");
  BOOST_TEST(!bound.race);
  BOOST_TEST(bound.bound);
  BOOST_TEST(!bound.learning);
  BOOST_TEST(answer(bound) == "60 192.0.2.20 192.0.2.21");
  const auto unknown = way("203.0.113.1");
  BOOST_TEST(unknown.race);
  BOOST_TEST(unknown.learning);
  BOOST_TEST(answer(unknown).starts_with("5 "));
}

BOOST_AUTO_TEST_CASE(an_answer_carries_the_addresses_of_the_border_that_its_server_shall_answer_by) {
  config.slaves[1].borders = {{"fra-out", {ip("192.0.2.121")}, {}}, {"nyc-out", {ip("192.0.2.122")}, {}}};
  service.servers = std::make_shared<const ServerAnswers>(
      config, std::vector<std::string>{"ams-out", "fra-out", "nyc-out"});
  Guide::Way w = way("198.51.100.7");
  BOOST_TEST(answer(w) == "60 192.0.2.20 192.0.2.21");  // no border: its own
  w.ways[0] = 2;
  BOOST_TEST(answer(w) == "60 192.0.2.121");
  w.ways[0] = 3;
  BOOST_TEST(answer(w) == "60 192.0.2.122");
  w.ways[0] = 1;  // it has none for that one
  BOOST_TEST(answer(w) == "60 192.0.2.20 192.0.2.21");
  w.ways[0] = 2;
  w.ways[1] = 2;
  BOOST_TEST(answer(w, true) == "60 2001:db8:c::30");  // of a family that the border has none of
}

BOOST_AUTO_TEST_CASE(of_a_family_that_its_server_lacks_the_next_best_answers) {
  BOOST_TEST(answer(way("198.51.100.7"), true) == "60 2001:db8:c::30");
}

BOOST_AUTO_TEST_CASE(who_is_not_fit_is_passed_over) {
  view.fit = 0b101;
  publish();
  BOOST_TEST(answer(way("198.51.100.7")) == "60 192.0.2.30");
}

BOOST_AUTO_TEST_CASE(an_answer_holds_as_many_servers_as_it_shall_the_best_first) {
  config.answers = 2;
  publish();
  BOOST_TEST(answer(way("198.51.100.7")) == "60 192.0.2.20 192.0.2.21 192.0.2.30");
  config.answers = 8;
  publish();
  BOOST_TEST(answer(way("198.51.100.7")) == "60 192.0.2.20 192.0.2.21 192.0.2.30 192.0.2.10");
}

BOOST_AUTO_TEST_CASE(while_nobody_is_fit_the_service_says_what_is_answered) {
  service.nobody_fit = true;
  view.fit = 0b111;  // "all"
  publish();
  BOOST_TEST(answer(way("198.51.100.7")) == "7 192.0.2.20 192.0.2.21");
  service.refuse = true;
  BOOST_TEST(answer(way("198.51.100.7")) == "refused");
  service.refuse = false;
  config.director.all_down = {director::AllDown::What::addresses, {ip("192.0.2.99")}};
  publish();
  BOOST_TEST(answer(way("198.51.100.7")) == "7 192.0.2.99");
}

BOOST_AUTO_TEST_CASE(who_is_not_raced_and_not_measured_yet_may_wait) {
  service.wait = 200ms;
  BOOST_TEST(way("203.0.113.1").wait.count() == 0);  // raced
  view.races = false;
  publish();
  BOOST_TEST((way("203.0.113.1").wait == 200ms));
  BOOST_TEST(way("198.51.100.7").wait.count() == 0);
  // The subnet's clients cannot be measured by its address.
  const std::vector<std::uint8_t> unknown{0, 1, 24, 0, 192, 88, 99};
  BOOST_TEST(way("203.0.113.1", unknown).wait.count() == 0);
  // A word that comes before the measuring policies does not wait for them; one that comes after does.
  view.tables = {view.tables[0], view.tables[0]};
  view.book = 1;
  publish();
  BOOST_TEST(way("198.51.100.7").wait.count() == 0);
  director::PrefixTableEditor nothing;
  view.tables = {nothing.publish(), view.tables[0]};
  view.book = 0;
  publish();
  BOOST_TEST((way("198.51.100.7").wait == 200ms));
  BOOST_TEST(!way("198.51.100.7").order.empty());
}

BOOST_AUTO_TEST_CASE(a_share_of_bound_requests_is_raced_again) {
  view.sample = 0.1;
  publish();
  int raced = 0;
  for (int i = 0; i < 10'000; ++i) raced += way("198.51.100.7").race ? 1 : 0;
  BOOST_TEST((raced > 850 && raced < 1150), raced);
  // And more of those that are bound to a server that others contradict, too.
  view.alarmed = director::bit(way("198.51.100.7").order.best());
  view.alarm_sample = 0.5;
  publish();
  for (int i = raced = 0; i < 10'000; ++i) raced += way("198.51.100.7").race ? 1 : 0;
  BOOST_TEST((raced > 4750 && raced < 5250), raced);
}

BOOST_AUTO_TEST_CASE(a_client_subnet_is_looked_up_as_the_client_and_tells_its_scope) {
  const std::vector<std::uint8_t> bound{0, 1, 24, 0, 198, 51, 100};
  const auto told = way("203.0.113.1", bound);
  BOOST_TEST(!told.race);
  BOOST_TEST(unsigned{told.scope} == 24U);
  BOOST_TEST(to_string(told.about) == "198.51.100.0");
  BOOST_TEST(answer(told) == "60 192.0.2.20 192.0.2.21");
  // Nothing is known of this one: the source is looked at, raced, and the answer is for everybody.
  const std::vector<std::uint8_t> unknown{0, 1, 24, 0, 192, 88, 99};
  BOOST_TEST(way("203.0.113.1", unknown).race);
  BOOST_TEST(unsigned{way("203.0.113.1", unknown).scope} == 0U);
  BOOST_TEST(way("198.51.100.7", unknown).bound);
  Guide deaf({.client_subnet = false}, random);
  wire::DnsQuery query;
  query.client_subnet = bound;
  BOOST_TEST(deaf.decide(service, query, ip("203.0.113.1")).race);
}

BOOST_AUTO_TEST_CASE(known_networks_are_told_of_now_and_then_and_a_flood_is_not) {
  master::AskedNetworks asked(random);
  const MonoTime now{Nanos(100s)};
  BOOST_TEST(asked.tell(0, ip("198.51.100.7"), false, now));
  BOOST_TEST(!asked.tell(0, ip("198.51.100.8"), false, now + 1s));  // the same network
  BOOST_TEST(asked.tell(1, ip("198.51.100.8"), false, now + 1s));
  BOOST_TEST(asked.tell(0, ip("198.51.100.7"), false, now + 20s) == 2U);  // with the one that was not told of
  BOOST_TEST(asked.tell(0, ip("198.51.100.7"), false, now + 22s, true) == 1U);
  int told = 0;
  for (unsigned i = 0; i < 100'000; ++i) {
    IpAddress client = ip("10.0.0.1");
    client.octets[1] = static_cast<std::uint8_t>(i >> 8);
    client.octets[2] = static_cast<std::uint8_t>(i);
    told += asked.tell(0, client, false, now + 30s) > 0 ? 1 : 0;
  }
  BOOST_TEST(told <= master::AskedNetworks::kRate + 1);
  // Of known ones a sample, that stands for all.
  unsigned looks = 0;
  unsigned queries = 0;
  for (unsigned i = 0; i < 10'000; ++i) {
    IpAddress client = ip("192.0.2.1");
    client.octets[1] = static_cast<std::uint8_t>(i);
    client.octets[2] = static_cast<std::uint8_t>(i >> 8);
    const auto told_of = asked.tell(7, client, true, now + 60s + i * 100us);
    looks += told_of > 0 ? 1 : 0;
    queries += told_of;
  }
  BOOST_TEST(looks <= master::AskedNetworks::kLooks + 1);
  BOOST_TEST(looks > master::AskedNetworks::kLooks / 2);
  BOOST_TEST(queries > 9'900U);
  BOOST_TEST(queries <= 10'000U);
}

BOOST_AUTO_TEST_SUITE_END()
