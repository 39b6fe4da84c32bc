#include "master/config.hh"

#include <fmt/core.h>

#include <boost/test/unit_test.hpp>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;
using master::Config;

namespace {

const std::string kGood = R"(
[dns]
listen = ["192.0.2.1:53", "[2001:db8::1]:53"]
[[zone]]
origin = "Example.test."
file = "example.test.zone"
[[zone]]
origin = "race.example.test"
file = "race.zone"
[control]
listen = "192.0.2.1"
ca = "ca.crt"
certificate = "m.crt"
key = "m.key"
[[service]]
name = "web"
names = ["www.example.test", "*.race.EXAMPLE.test."]
delay = "25ms"
[[service.slave]]
name = "fra"
answers = ["192.0.2.10", "2001:db8:a::10"]
[[service.slave]]
name = "ams"
answers = ["192.0.2.11"]
)";

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const auto at = text.find(what);
  BOOST_REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), with);
}

std::string error_of(const std::string& text) {
  const auto config = master::schema().parse(text, "m.toml");
  return config ? "good" : config.error();
}

bool holds(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return true;
  BOOST_TEST_MESSAGE("was: " << text);
  return false;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(config)

BOOST_AUTO_TEST_CASE(a_good_configuration_has_its_values_and_the_defaults) {
  const auto loaded = master::schema().parse(kGood, "m.toml");
  BOOST_REQUIRE_MESSAGE(loaded.ok(), (loaded ? "" : loaded.error()));
  const Config& c = *loaded;
  BOOST_TEST(c.dns.listen.size() == 2U);
  BOOST_REQUIRE(c.control.listen.all.size() == 1U);
  BOOST_TEST(c.control.listen.all[0].port == 4953U);
  BOOST_TEST((std::get<flagfall::Nanos>(c.services[0].delay) == 25ms));
  BOOST_TEST(c.services[0].slaves.size() == 2U);
  BOOST_TEST(c.race.max_slaves == 8U);
  const auto race = master::race_options(c);
  BOOST_TEST((race.retry_window == 2s));
  BOOST_TEST(race.guard.prefix_v6 == 56U);
  BOOST_TEST(race.guard.total.rate == 1000.0);
}

BOOST_AUTO_TEST_CASE(a_service_races_all_unless_it_says_otherwise) {
  const auto plain = master::schema().parse(kGood, "m.toml");
  BOOST_REQUIRE(plain.ok());
  BOOST_TEST((plain->services[0].mode == master::ServiceConfig::Mode::race));
  BOOST_TEST(plain->services[0].race_share == 1.0);
  BOOST_TEST(!master::race_options(*plain).any_shadow);
  const auto careful = master::schema().parse(
      replaced(kGood, "delay = \"25ms\"", "delay = \"25ms\"\nmode = \"shadow\"\nrace_share = 0.05"),
      "m.toml");
  BOOST_REQUIRE_MESSAGE(careful.ok(), (careful ? "" : careful.error()));
  BOOST_TEST((careful->services[0].mode == master::ServiceConfig::Mode::shadow));
  BOOST_TEST(careful->services[0].race_share == 0.05);
  BOOST_TEST(master::race_options(*careful).any_shadow);
  BOOST_TEST(holds(error_of(replaced(kGood, "delay = \"25ms\"", "delay = \"25ms\"\nrace_share = 1.5")),
                   "race_share"));
  BOOST_TEST(holds(error_of(replaced(kGood, "delay = \"25ms\"", "delay = \"25ms\"\nmode = \"dark\"")),
                   R"(expected "race" or "shadow")"));
}

BOOST_AUTO_TEST_CASE(print_reads_back_to_the_same) {
  const auto first = master::schema().parse(kGood, "m.toml");
  BOOST_REQUIRE(first.ok());
  const std::string printed = master::schema().print(*first);
  const auto second = master::schema().parse(printed, "printed.toml");
  BOOST_REQUIRE_MESSAGE(second.ok(), (second ? "" : second.error()));
  BOOST_TEST(master::schema().print(*second) == printed);
}

BOOST_AUTO_TEST_CASE(a_wildcard_address_is_refused_with_the_reason) {
  for (const char* address : {"0.0.0.0:53", "[::]:53"}) {
    const std::string error = error_of(replaced(kGood, "192.0.2.1:53", address));
    BOOST_TEST(holds(error, "m.toml:3: "));
    BOOST_TEST(holds(error, "slaves answer from the address that the client asked"));
  }
  BOOST_TEST(holds(error_of(replaced(kGood, "[2001:db8::1]:53", "192.0.2.1:53")), "is there twice"));
}

BOOST_AUTO_TEST_CASE(slaves_dial_one_address_or_one_of_each_family) {
  const std::string one = R"(listen = "192.0.2.1")";
  const auto both =
      master::schema().parse(replaced(kGood, one, R"(listen = ["192.0.2.1:5000", "2001:db8::1"])"), "m.toml");
  BOOST_REQUIRE_MESSAGE(both.ok(), (both ? "" : both.error()));
  BOOST_TEST((both->control.listen.all ==
              std::vector{*parse_endpoint("192.0.2.1:5000"), *parse_endpoint("[2001:db8::1]:4953")}));
  const std::string printed = master::schema().print(*both);
  BOOST_TEST(holds(printed, R"(listen = ["192.0.2.1:5000", "[2001:db8::1]:4953"])"));
  BOOST_TEST(holds(error_of(replaced(kGood, one, R"(listen = ["192.0.2.1", "192.0.2.2"])")),
                   "m.toml:11: control.listen: more than one IPv4 address"));
  BOOST_TEST(holds(error_of(replaced(kGood, one, R"(listen = ["::1", "2001:db8::1"])")),
                   "more than one IPv6 address"));
  BOOST_TEST(holds(error_of(replaced(kGood, one, "listen = []")), "must not be empty"));
  BOOST_TEST(holds(error_of(replaced(kGood, one, R"(listen = ["192.0.2.1", "fra"])")), "control.listen"));
}

BOOST_AUTO_TEST_CASE(names_must_lie_in_a_zone_and_belong_to_one_service) {
  BOOST_TEST(holds(error_of(replaced(kGood, "www.example.test", "www.other.test")),
                   "'www.other.test' lies in none of the zones"));
  BOOST_TEST(
      holds(error_of(replaced(kGood, R"("www.example.test")", R"("www.example.test", "WWW.example.test.")")),
            "is raced by service 'web' already"));
  BOOST_TEST(
      holds(error_of(replaced(kGood, "www.example.test", "wwwexample.test")), "lies in none of the zones"));
}

BOOST_AUTO_TEST_CASE(a_name_belongs_to_the_longest_zone) {
  const auto c = master::schema().parse(kGood, "m.toml");
  BOOST_REQUIRE(c.ok());
  BOOST_TEST(master::zone_of(*c, "www.example.test") == 0);
  BOOST_TEST(master::zone_of(*c, "*.RACE.example.test.") == 1);
  BOOST_TEST(master::zone_of(*c, "race.example.test") == 1);
  BOOST_TEST(master::zone_of(*c, "test") == -1);
}

BOOST_AUTO_TEST_CASE(slaves_have_answers_and_stand_once_in_a_service) {
  BOOST_TEST(holds(error_of(replaced(kGood, R"(answers = ["192.0.2.11"])", "")), "answers"));
  BOOST_TEST(holds(error_of(replaced(kGood, R"(["192.0.2.11"])", "[]")), "must not be empty"));
  BOOST_TEST(holds(error_of(replaced(kGood, R"("ams")", R"("fra")")),
                   "slave 'fra' is there twice in service 'web'"));
}

BOOST_AUTO_TEST_CASE(values_out_of_range_and_unknown_keys_name_their_line) {
  BOOST_TEST(holds(error_of(replaced(kGood, R"(key = "m.key")", "key = \"m.key\"\norder_size = 100")),
                   "m.toml:15: "));
  BOOST_TEST(holds(error_of(replaced(kGood, "25ms", "1us")), "delay"));
  BOOST_TEST(holds(error_of(replaced(kGood, "[dns]", "[dns]\nthread = 2")), "thread"));
  BOOST_TEST(holds(error_of(kGood + "[race]\nmax_slaves = 17\n"), "max_slaves"));
  BOOST_TEST(holds(error_of(kGood + "[guard]\nburst = 10\nprefix_burst = 20\n"), "is more than guard.burst"));
}

BOOST_AUTO_TEST_CASE(queries_gather_for_a_tenth_of_the_shortest_delay_at_most) {
  const auto gather = [](const std::string& text) {
    const auto c = master::schema().parse(text, "m.toml");
    BOOST_REQUIRE_MESSAGE(c.ok(), (c ? "" : c.error()));
    return master::gather_time(*c, master::first_delay(c->services[0].delay));
  };
  BOOST_TEST((gather(kGood) == 2ms));
  BOOST_TEST((gather(replaced(kGood, "25ms", "5ms")) == 500us));
  BOOST_TEST((gather(kGood + "[race]\ngather = \"0s\"\n") == 0ms));
  BOOST_TEST((gather(kGood + "[race]\ntimestamp = \"dequeue\"\n") == 0ms));
}

BOOST_AUTO_TEST_CASE(a_delay_is_fixed_or_follows_the_network) {
  const auto read = [](const std::string& delay) {
    const auto c = master::schema().parse(replaced(kGood, R"("25ms")", delay), "m.toml");
    BOOST_REQUIRE_MESSAGE(c.ok(), (c ? "" : c.error()));
    return c->services[0].delay;
  };
  const auto follow = std::get<delay::Follow>(read(R"({ on_time = 1, nearest = 2, at_most = "80ms" })"));
  BOOST_TEST(follow.on_time == 1);
  BOOST_TEST(follow.nearest.value() == 2U);
  BOOST_TEST((follow.at_least == 1ms));
  BOOST_TEST((follow.at_most == 80ms));
  BOOST_TEST((master::first_delay(read(R"({ at_most = "70ms" })")) == 70ms));
  BOOST_TEST((master::first_delay(read(R"("7ms")")) == 7ms));
}

BOOST_AUTO_TEST_CASE(a_delay_that_cannot_be_followed_is_refused_at_its_line) {
  const auto error = [](const std::string& delay) { return error_of(replaced(kGood, R"("25ms")", delay)); };
  BOOST_TEST(error(R"({ on_time = 99 })") == "m.toml:18: service.delay.on_time: 99 is too large: at most 1");
  BOOST_TEST(error(R"({ on_time = 0.4 })") ==
             "m.toml:18: service.delay.on_time: 0.4 is too small: at least 0.5");
  BOOST_TEST(error(R"({ ontime = 0.9 })") ==
             "m.toml:18: service.delay.ontime: no such key; did you mean on_time?");
  BOOST_TEST(error(R"({ at_least = "90ms", at_most = "80ms" })") ==
             "m.toml:18: service.delay.at_least: 90ms is more than at_most, 80ms");
  BOOST_TEST(error(R"({ nearest = 3 })") ==
             "m.toml:18: service.0.delay.nearest: 3 slaves shall count, but service 'web' has 2");
  BOOST_TEST(error(R"({ nearest = 0 })") == "m.toml:18: service.delay.nearest: 0 is too small: at least 1");
  BOOST_TEST(
      error("25") ==
      R"(m.toml:18: service.delay: expected a duration, such as "25ms" or { on_time = 0.99, at_most = )"
      R"("80ms" }, found the integer 25)");
}

BOOST_AUTO_TEST_CASE(slaves_that_are_name_servers_are_told_apart_and_checked) {
  const std::string fra = "[[slave]]\nname = \"fra\"\nnameserver = \"ns-fra.example.test\"\n";
  const std::string ams = "[[slave]]\nname = \"ams\"\nnameserver = \"ns-ams.example.test\"\n";
  BOOST_TEST(error_of(kGood + fra + "beacon_zone = \"fra.beacon.example.test\"\n") == "good");
  BOOST_TEST(holds(error_of(kGood + fra + fra), "slave 'fra' is there twice"));
  BOOST_TEST(
      holds(error_of(kGood + replaced(fra, "\"fra\"", "\"lhr\"")), "no service has a slave named 'lhr'"));
  BOOST_TEST(
      holds(error_of(kGood + fra + "beacon_zone = \"fra.elsewhere.test\"\n"), "below none of the zones"));
  BOOST_TEST(holds(error_of(kGood + fra + "beacon_zone = \"example.test\"\n"), "below none of the zones"));
  BOOST_TEST(
      holds(error_of(kGood + fra + "beacon_zone = \"ns-fra.example.test\"\n"), "lies in the beacon zone"));
  BOOST_TEST(holds(error_of(kGood + fra + "beacon_zone = \"b.example.test\"\n" + ams +
                            "beacon_zone = \"x.b.example.test\"\n"),
                   "is slave 'fra's, or lies in it"));
}

BOOST_AUTO_TEST_CASE(beacons_need_a_zone_of_every_slave_and_a_name_where_a_cname_may_stand) {
  const std::string zones =
      "[[slave]]\nname = \"fra\"\nnameserver = \"ns-fra.example.test\"\nbeacon_zone = "
      "\"fra.b.example.test\"\n"
      "[[slave]]\nname = \"ams\"\nnameserver = \"ns-ams.example.test\"\nbeacon_zone = "
      "\"ams.b.example.test\"\n";
  const auto with = [&](const std::string& value) {
    return replaced(kGood, "delay = \"25ms\"", "winner_beacon = " + value);
  };
  BOOST_TEST(error_of(with("\"off\"")) == "good");
  BOOST_TEST(error_of(with("\"unknown\"") + zones) == "good");
  BOOST_TEST(error_of(with("{ sample = 0.01 }") + zones) == "good");
  BOOST_TEST(holds(error_of(with("\"unknown\"")), "has no [[slave]] with a beacon_zone"));
  BOOST_TEST(!holds(error_of(with("\"always\"") + zones), "good"));
  BOOST_TEST(!holds(error_of(with("{ sample = 1.5 }") + zones), "good"));
  BOOST_TEST(!holds(error_of(with("{ }") + zones), "good"));
  BOOST_TEST(holds(error_of(replaced(with("\"unknown\""), "www.example.test", "example.test") + zones),
                   "where no CNAME may stand"));
  const auto config = master::schema().parse(with("{ sample = 0.25 }") + zones, "m.toml");
  BOOST_REQUIRE(config.ok());
  BOOST_TEST(std::get<master::BeaconSample>(config->services[0].winner_beacon).sample == 0.25);
}

BOOST_AUTO_TEST_CASE(a_delegated_service_has_a_zone_below_ours_with_its_names_in_it_and_name_servers) {
  const std::string servers =
      "[[slave]]\nname = \"fra\"\nnameserver = \"ns-fra.example.test\"\n"
      "[[slave]]\nname = \"ams\"\nnameserver = \"ns-ams.example.test\"\n";
  const auto with = [&](const std::string& lines) {
    return replaced(replaced(kGood, "delay = \"25ms\"", lines),
                    R"("www.example.test", "*.race.EXAMPLE.test.")", R"("www.cdn.example.test")");
  };
  for (const char* mode : {"delegate", "auto"}) {
    const auto in_zone = [&](const char* zone) {
      return with(fmt::format("mode = \"{}\"\nzone = \"{}\"", mode, zone));
    };
    BOOST_TEST(error_of(in_zone("cdn.example.test") + servers) == "good");
    BOOST_TEST(holds(error_of(in_zone("cdn.example.test")), "has no [[slave]] with its nameserver"));
    BOOST_TEST(holds(error_of(in_zone("example.test") + servers), "below none of the zones"));
    BOOST_TEST(holds(error_of(in_zone("img.example.test") + servers), "is not in the service's zone"));
    BOOST_TEST(holds(error_of(with(fmt::format("mode = \"{}\"", mode)) + servers), "is missing"));
  }
  BOOST_TEST(holds(error_of(with("zone = \"cdn.example.test\"") + servers), "has a meaning with mode"));
}

BOOST_AUTO_TEST_CASE(composite_needs_borders_that_somebody_pings_through_and_servers_with_a_way_out) {
  const std::string sites =
      "[[site]]\nname = \"a\"\n[[site.border]]\nname = \"a-out\"\n"
      "[[site]]\nname = \"b\"\n[[site.border]]\nname = \"b-out\"\n"
      "[[internal]]\nbetween = [\"a\", \"b\"]\ndelay = \"1ms\"\n[paths]\nsite = \"a\"\n";
  const std::string composite = replaced(kGood, "[[service.slave]]",
                                         "[service.director]\npolicies = [\"composite\"]\n[[service.slave]]");
  const auto at = [](const std::string& text, const std::string& slave, const std::string& lines) {
    return replaced(text, "name = \"" + slave + "\"\n", "name = \"" + slave + "\"\n" + lines);
  };
  const std::string placed = at(at(composite, "fra", "site = \"a\"\n"), "ams", "site = \"b\"\n");
  BOOST_TEST(error_of(placed + sites) == "good");
  BOOST_TEST(holds(error_of(composite), "needs a [[site]] with a [[site.border]]"));
  BOOST_TEST(holds(error_of(composite + sites), "needs every server's site"));
  // A second border at a site: whose pings leave by which?
  const std::string two =
      replaced(sites, "name = \"b-out\"\n", "name = \"b-out\"\n[[site.border]]\nname = \"c\"\n");
  BOOST_TEST(holds(error_of(placed + two), "nobody pings through border 'b-out'"));
  const std::string told =
      replaced(replaced(two, "name = \"b-out\"\n", "name = \"b-out\"\npinger = \"ams\"\n"), "name = \"c\"\n",
               "name = \"c\"\npinger = \"c-ping\"\n");
  BOOST_TEST(error_of(placed + told) == "good");
  BOOST_TEST(holds(error_of(placed + replaced(told, "c-ping", "ams")), "its pings leave by one"));
  BOOST_TEST(holds(error_of(placed + replaced(told, "c-ping", "fra")), "its pings leave by one"));
  const auto config = master::schema().parse(placed + told, "m.toml");
  BOOST_REQUIRE(config.ok());
  BOOST_TEST(master::slave_names(*config).size() == 3U);  // who only pings is one of them
  const auto who = master::pingers(*config);
  BOOST_TEST(who.size() == 3U);
  BOOST_TEST(unsigned{who.find("c-ping")->second} == 2U);
  // A server at a site without a border has a way out by another's address only.
  const std::string none = replaced(sites, "[[site.border]]\nname = \"b-out\"\n", "");
  BOOST_TEST(holds(error_of(placed + none), "slave 'ams' has no way out"));
  BOOST_TEST(error_of(at(placed, "ams", "border = [{ border = \"a-out\", answers = [\"192.0.2.99\"] }]\n") +
                      none) == "good");
}

BOOST_AUTO_TEST_CASE(limits_need_a_director_that_heeds_them) {
  const std::string limit = "capacity = { requests = 100 }\n";
  const std::string with = replaced(kGood, "name = \"fra\"\n", "name = \"fra\"\n" + limit);
  BOOST_TEST(holds(error_of(with), "no director that could heed them"));
  BOOST_TEST(error_of(replaced(with, "[[service.slave]]",
                               "[service.director]\npolicies = [\"weighted\"]\n[[service.slave]]")) ==
             "good");
}

BOOST_AUTO_TEST_SUITE_END()
