#include "master/unique_names.hh"

#include <boost/test/unit_test.hpp>
#include <vector>

#include "common/dns/zone_name.hh"
#include "master/client_desk.hh"
#include "master/unique_watch.hh"

using namespace flagfall;          // NOLINT(google-build-using-namespace): a test
using namespace flagfall::master;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;

namespace {

struct Log final : RaceLog {
  std::vector<UniqueName> names;
  void log(const RaceRecord& record) noexcept override { names.push_back(std::get<UniqueName>(record)); }
};

struct Fixture {
  SeededRandom random{3};
  MonoTime now{Nanos(1000s)};
  Log log;
  IpAddress resolver = *parse_ip("198.51.100.53");
  IpAddress client = *parse_ip("203.0.113.9");

  bool asks(UniqueWatch& watch, const std::string& name) {
    const std::size_t before = log.names.size();
    const dns::WireName wire = *dns::parse_name(name);
    watch.asked(dns::bytes_of(wire), resolver, now, &log);
    return log.names.size() > before;
  }
  bool fetches(UniqueWatch& watch, std::string_view host) { return watch.fetched(host, client, now, &log); }
};

unsigned found(const UniqueNames::Resolvers& r) {
  return (r[0] ? 1U : 0U) + (r[1] ? 1U : 0U);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(unique_names, Fixture)

BOOST_AUTO_TEST_CASE(a_question_and_a_request_for_one_name_are_told_alike_by_different_loops) {
  UniqueWatch dns("U.example.test", 77), web("u.example.test.", 77);
  BOOST_TEST(asks(dns, "abcdefgh12.u.example.test"));
  BOOST_TEST(fetches(web, "ABCdefgh12.u.Example.test."));
  BOOST_REQUIRE(log.names.size() == 2U);
  BOOST_TEST(log.names[0].name == log.names[1].name);
  BOOST_TEST((log.names[0].who == resolver && !log.names[0].fetched));
  BOOST_TEST((log.names[1].who == client && log.names[1].fetched));
  BOOST_TEST(asks(dns, "other-name.u.example.test"));
  BOOST_TEST(log.names[2].name != log.names[0].name);
}

BOOST_AUTO_TEST_CASE(other_names_are_not_noticed) {
  UniqueWatch watch("u.example.test", 77);
  for (const char* name : {"u.example.test", "short.u.example.test", "abcdefgh12.example.test",
                           "abcdefgh12.x.u.example.test", "abcdefgh12.xu.example.test"}) {
    BOOST_TEST(!asks(watch, name), name);
    BOOST_TEST(!fetches(watch, name), name);
  }
  for (const std::string& host : {std::string(), std::string("."), std::string(300, 'a') + ".u.example.test"})
    BOOST_TEST(!fetches(watch, host), host);
  UniqueWatch off;
  BOOST_TEST(!asks(off, "abcdefgh12.u.example.test"));
  BOOST_TEST(!fetches(off, "abcdefgh12.u.example.test"));
  BOOST_TEST(log.names.empty());
}

BOOST_AUTO_TEST_CASE(a_flood_of_invented_names_is_told_of_at_a_bounded_rate) {
  UniqueWatch watch("u.example.test", 77);
  unsigned told = 0;
  for (unsigned i = 0; i < 5000; ++i)
    told += asks(watch, "invented" + std::to_string(i) + ".u.example.test") ? 1 : 0;
  BOOST_TEST(told <= 501U);
  BOOST_TEST(told >= 499U);
  now += 1s;
  BOOST_TEST(asks(watch, "later-name.u.example.test"));
}

BOOST_AUTO_TEST_CASE(a_name_counts_once_and_for_one_resolver) {
  UniqueNames names(64);
  names.asked(1, resolver, now);
  names.asked(1, resolver, now);  // asked again, or for AAAA
  const auto first = names.fetched(1, now + 1s);
  BOOST_TEST((first[0] && *first[0] == resolver && !first[1]));
  BOOST_TEST(found(names.fetched(1, now + 2s)) == 0U);
  BOOST_TEST(found(names.fetched(2, now)) == 0U);
  names.asked(3, resolver, now);
  names.asked(3, *parse_ip("2001:db8::53"), now);  // one resolver with two families
  BOOST_TEST(found(names.fetched(3, now)) == 2U);
  names.asked(4, resolver, now);
  names.asked(4, *parse_ip("198.51.100.54"), now);
  BOOST_TEST(found(names.fetched(4, now)) == 0U);
  names.asked(5, resolver, now);
  BOOST_TEST(found(names.fetched(5, now + UniqueNames::kCounts + 1ns)) == 0U);
  const UniqueCounters& c = names.counters();
  BOOST_TEST(c.asked.get() == 4U);
  BOOST_TEST(c.fetched.get() == 2U);
  BOOST_TEST(c.again.get() == 1U);
  BOOST_TEST(c.unasked.get() == 1U);
  BOOST_TEST(c.ambiguous.get() == 1U);
  BOOST_TEST(c.late.get() == 1U);
}

BOOST_AUTO_TEST_CASE(a_full_table_forgets_the_oldest) {
  UniqueNames names(4);
  for (std::uint64_t i = 0; i < 5; ++i) names.asked(i, resolver, now += 1ms);
  BOOST_TEST(found(names.fetched(0, now)) == 0U);
  for (std::uint64_t i = 1; i < 5; ++i) BOOST_TEST(found(names.fetched(i, now)) == 1U);
}

BOOST_AUTO_TEST_CASE(what_is_measured_of_a_client_is_credited_to_the_resolver_that_asked_for_it) {
  DirectorConfig config;
  config.unique_names = "u.example.test";
  ClientDesk desk(config, random);
  const director::Measure ping{.kind = director::Kind::ping, .about = {client, 32}, .value = 0.030};
  std::vector<director::Measure> measures{ping};
  desk.credit(measures, 1, now);
  BOOST_TEST(measures.size() == 1U);
  for (std::uint64_t name = 0; name < 3; ++name) {
    now += 3s;
    BOOST_TEST(!desk.take({resolver, name, now, false}, now));
    BOOST_TEST(desk.take({client, name, now, true}, now));
    BOOST_TEST(!desk.take({client, name, now, true}, now));
  }
  desk.credit(measures, 1, now);
  BOOST_REQUIRE(measures.size() == 2U);
  BOOST_TEST(to_string(measures[1].about) == "198.51.100.0/24");
  BOOST_TEST(measures[1].value == 0.030);
  BOOST_TEST((measures[1].kind == director::Kind::ping));
}

BOOST_AUTO_TEST_CASE(a_host_that_fetches_all_the_time_is_one_voice) {
  ClientDesk desk(DirectorConfig{}, random);
  for (std::uint64_t name = 0; name < 1000; ++name) {
    (void)desk.take({resolver, name, now, false}, now);
    (void)desk.take({client, name, now, true}, now);
    now += 10ms;
  }
  BOOST_TEST(desk.clients().weight(desk.resolver(resolver), now) < 5.1);
}

BOOST_AUTO_TEST_SUITE_END()
