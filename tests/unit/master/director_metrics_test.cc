#include "master/director_metrics.hh"

#include <boost/test/unit_test.hpp>

#include "tests/unit/master/two_directors.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;

namespace {

struct Fixture : master::TwoDirectors {
  master::DirectorKeeper keeper{*desk, nullptr, clock};
  master::PingTally pings;
  master::DirectorCensus census{*desk};
  MonoTime now = clock.mono();

  std::string text() {
    metrics::Families out;
    master::add_director(out, {*desk, keeper, pings, census.look(now)});
    return out.text();
  }
  static bool has(const std::string& text, const std::string& line) {
    return text.find("\n" + line + "\n") != std::string::npos;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(director_metrics, Fixture)

BOOST_AUTO_TEST_CASE(bindings_are_counted_by_server_and_why_at_most_every_ten_seconds) {
  bind("198.51.100.0/24", 1);
  bind("192.0.2.0/24", 1);
  bind("2001:db8::/32", 2, 2);
  desk->of(0)->asked(*parse_ip("203.0.113.1"), 1, now);
  std::string told = text();
  BOOST_TEST(has(told, R"(flagfall_director_bindings{service="web",slave="nyc",reason="by hand"} 2)"));
  BOOST_TEST(has(told, R"(flagfall_director_bindings{service="api",slave="sin",reason="by hand"} 1)"));
  BOOST_TEST(has(told, R"(flagfall_director_bindings{service="web",slave="fra",reason="bound"} 0)"));
  BOOST_TEST(has(told, R"(flagfall_director_learning{service="web"} 1)"));
  BOOST_TEST(has(told, R"(flagfall_director_clusters{service="web"} 3)"));
  BOOST_TEST(told.find("\nflagfall_director_clusters_limit{service=\"web\"} 1") != std::string::npos);
  BOOST_TEST(told.find(R"(service="plain")") == std::string::npos);
  BOOST_TEST(told.find("198.51.100") == std::string::npos);
  bind("203.0.113.0/24", 0);
  now += 9s;
  BOOST_TEST(has(text(), R"(flagfall_director_bindings{service="web",slave="fra",reason="by hand"} 0)"));
  now += 1s;
  BOOST_TEST(has(text(), R"(flagfall_director_bindings{service="web",slave="fra",reason="by hand"} 1)"));
}

BOOST_AUTO_TEST_CASE(evidence_is_counted_by_kind_taken_or_refused) {
  const IpAddress client = *parse_ip("198.51.100.7");
  desk->of(0)->win({.client = client, .winner = 1, .losers = 0b101, .margin = {}}, now);
  desk->of(0)->win({.client = client, .winner = 1, .losers = 0b010, .margin = {}},
                   now);  // it lost against itself
  desk->of(0)->measure({.kind = director::Kind::ping, .about = {client, 32}, .server = 0, .value = 0.02},
                       now);
  desk->of(0)->measure({.kind = director::Kind::ping, .about = {client, 32}, .server = 0, .value = -1}, now);
  desk->of(0)->measure({.kind = director::Kind::ping, .about = {client, 32}, .server = 9, .value = 0.02},
                       now);
  const std::string told = text();
  BOOST_TEST(has(told, R"(flagfall_director_evidence_total{service="web",kind="race"} 1)"));
  BOOST_TEST(has(told, R"(flagfall_director_evidence_refused_total{service="web",kind="race"} 1)"));
  BOOST_TEST(has(told, R"(flagfall_director_evidence_total{service="web",kind="ping"} 1)"));
  BOOST_TEST(has(told, R"(flagfall_director_evidence_refused_total{service="web",kind="ping"} 2)"));
  BOOST_TEST(has(told, R"(flagfall_director_evidence_total{service="web",kind="tcp-rtt"} 0)"));
}

BOOST_AUTO_TEST_CASE(who_may_be_answered_with_is_told_by_server) {
  BOOST_TEST(has(text(), R"(flagfall_director_nobody_fit{service="web"} 0)"));
  sessions({"fra"});
  BOOST_TEST(desk->drain("fra", true));
  const std::string told = text();
  BOOST_TEST(has(told, R"(flagfall_director_server_fit{service="web",slave="fra"} 0)"));
  BOOST_TEST(has(told, R"(flagfall_director_nobody_fit{service="web"} 1)"));
  BOOST_TEST(has(told, "flagfall_director_drained 1"));
  BOOST_TEST(told.find("flagfall_director_store") == std::string::npos);  // it has none
}

BOOST_AUTO_TEST_CASE(pings_are_counted_by_what_became_of_them) {
  pings.ordered("fra", 4);
  wire::Evidence evidence;
  using Fate = wire::PingResult::Fate;
  for (const Fate fate : {Fate::answered, Fate::answered, Fate::silent, Fate::refused})
    evidence.pings.push_back({.address = *parse_ip("198.51.100.7"), .fate = fate});
  pings.heard("fra", evidence);
  const std::string told = text();
  BOOST_TEST(has(told, R"(flagfall_director_pings_total{slave="fra",fate="ordered"} 4)"));
  BOOST_TEST(has(told, R"(flagfall_director_pings_total{slave="fra",fate="answered"} 2)"));
  BOOST_TEST(has(told, R"(flagfall_director_pings_total{slave="fra",fate="silent"} 1)"));
  BOOST_TEST(has(told, R"(flagfall_director_pings_total{slave="fra",fate="refused"} 1)"));
}

BOOST_AUTO_TEST_SUITE_END()
