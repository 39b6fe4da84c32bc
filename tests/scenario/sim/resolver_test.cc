#include "sim/resolver.hh"

#include <boost/test/unit_test.hpp>
#include <set>
#include <string>
#include <string_view>

#include "sim/schedules.hh"

using namespace flagfall;       // NOLINT(*-using-namespace)
using namespace flagfall::sim;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;

namespace {

const ResolverStyle& style(std::string_view name) {
  for (const ResolverStyle& s : kResolverStyles)
    if (s.name == name) return s;
  throw std::runtime_error("no such style");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(resolver)

// tests/system/schedule_test.py holds these against the real programs.
BOOST_AUTO_TEST_CASE(each_resolver_asks_a_silent_server_again_as_the_real_one_does) {
  const Schedule unbound = silent_schedule(style("unbound"), 1, 1);
  const std::vector<Nanos> pairs = {0ms, 376ms, 752ms, 1504ms, 2256ms, 3760ms, 5264ms, 8272ms, 11280ms};
  BOOST_TEST((unbound.tries == pairs));
  BOOST_TEST((unbound.gives_up == 17296ms));
  const Schedule bind = silent_schedule(style("bind"), 2, 1);
  const std::vector<Nanos> rounds = {0ms, 800ms, 1600ms, 2400ms, 3200ms, 4000ms, 4800ms, 6400ms, 8000ms};
  BOOST_TEST((bind.tries == rounds));
  BOOST_TEST((bind.gives_up == 10s));
  const Schedule stub = silent_schedule(style("stub"), 2, 1);
  BOOST_TEST((stub.tries == std::vector<Nanos>{0s, 5s, 10s, 15s}));
  BOOST_TEST((stub.gives_up == 20s));
}

BOOST_AUTO_TEST_CASE(unbound_prefers_servers_that_it_knows_to_be_near_and_waits_for_them_less) {
  std::vector<RoundTrips> known(2);
  for (int i = 0; i < 50; ++i) known[0].answered(20ms);
  for (int i = 0; i < 9; ++i) known[1].lost(known[1].timeout());
  BOOST_TEST((known[0].timeout() == 53ms));  // in whole milliseconds, as unbound computes
  BOOST_TEST((known[1].timeout() == 120s));
  SeededRandom random(1);
  Tries tries(style("unbound"), 2, 0);
  const auto first = tries.next(known, 0s, random);
  BOOST_TEST(first->server == 0U);
  BOOST_TEST((first->timeout == 53ms));
  // A time-out that is reported late takes nothing back.
  known[0].lost(53ms);
  known[0].lost(53ms);
  BOOST_TEST((known[0].timeout() == 106ms));
}

BOOST_AUTO_TEST_CASE(bind_does_not_ask_a_closed_port_again) {
  SeededRandom random(1);
  Tries tries(style("bind"), 2, 1);
  std::vector<RoundTrips> known(2);
  BOOST_TEST(tries.next(known, 0s, random)->server == 1U);
  tries.refused(1);
  BOOST_TEST(tries.next(known, 1ms, random)->server == 0U);
  tries.refused(0);
  BOOST_TEST(!tries.next(known, 2ms, random));
}

BOOST_AUTO_TEST_CASE(the_schedules_are_printed_for_every_style) {
  const std::string json = schedules_json();
  for (const ResolverStyle& s : kResolverStyles)
    BOOST_TEST(json.find('"' + std::string(s.name) + "\": {\"1\"") != std::string::npos);
  BOOST_TEST(
      json.find(
          R"("bind": {"1": {"tries": [0.000, 0.800, 1.600, 2.400, 4.000, 7.200], "gives_up": 10.000})") !=
      std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
