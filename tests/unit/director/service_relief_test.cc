// A service whose servers have limits: who asks how much, which groups move away, and that all others stay.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>
#include <string>

#include "director/service_director.hh"

using namespace flagfall;            // NOLINT(google-build-using-namespace): a test
using namespace flagfall::director;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;

namespace {

IpAddress ip(const std::string& text) {
  return *parse_ip(text);
}

/// Two servers with limits and one without; clients that ask at a steady pace are answered as the view says.
struct World {
  SeededRandom random{7};
  ServiceDirector director;
  MonoTime now{Nanos(1000s)};
  std::map<std::string, double> asks;  // a second, by client
  std::map<std::string, ServerIndex> at;

  explicit World(std::vector<Policy> policies, std::vector<Capacity> capacities)
      : director(with(std::move(policies), std::move(capacities)), 3, random) {}
  static ServiceOptions with(std::vector<Policy> policies, std::vector<Capacity> capacities) {
    ServiceOptions out;
    out.policies = std::move(policies);
    out.capacities = std::move(capacities);
    out.book.finest_v4 = 32;
    return out;
  }
  void figures(const std::string& client, std::initializer_list<double> round_trips, int times = 4) {
    for (int i = 0; i < times; ++i) {
      ServerIndex server = 0;
      for (const double ms : round_trips)
        director.measure(
            {.kind = Kind::ping, .about = {ip(client), 32}, .server = server++, .value = ms / 1e3}, now);
    }
  }
  void run(Nanos time) {
    for (Nanos t{}; t < time; t += 1s) {
      std::vector<double> served(3);
      for (const auto& [client, rate] : asks) {
        director.asked(ip(client), static_cast<std::uint32_t>(rate), now);
        SeededRandom lots(static_cast<std::uint64_t>(t.count()));
        const Decision d = director.view()->decide(ip(client));
        const Order line = director.view()->line_up(d.order, 0b111, 1, lots);
        at[client] = line.best();
        served.at(line.best()) += rate;
      }
      for (ServerIndex s = 0; s < 3; ++s) director.served(s, served.at(s));
      for (int i = 0; i < 4; ++i) {
        now += 250ms;
        (void)director.advance(now);
      }
    }
  }
  [[nodiscard]] int on(ServerIndex server) const {
    return static_cast<int>(std::ranges::count_if(at, [&](const auto& e) { return e.second == server; }));
  }
};

std::string client(int n) {
  return "10." + std::to_string(n) + ".0.1";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(service_relief)

BOOST_AUTO_TEST_CASE(a_server_over_its_requests_gives_groups_away_those_that_lose_least_and_regains_them) {
  World world({Policy::ping}, {{.requests = 100.0}, {}, {}});
  for (int i = 0; i < 10; ++i) {
    world.figures(client(i), {10, 11.0 + i, 100});
    world.asks[client(i)] = 8;
  }
  world.run(6s);
  BOOST_TEST(world.on(0) == 10);
  for (int i = 0; i < 10; ++i) world.asks[client(i)] = 15;  // 150 of 100
  world.run(60s);
  BOOST_TEST(world.on(0) >= 4);
  BOOST_TEST(world.on(0) <= 6);
  BOOST_TEST(world.on(2) == 0);            // never to a far one
  BOOST_TEST((world.at[client(0)] == 1));  // lost 1 ms
  BOOST_TEST((world.at[client(9)] == 0));  // would have lost 10 ms
  BOOST_TEST(world.director.explain(ip(client(0))).shed.has_value());
  BOOST_TEST((world.director.explain(ip(client(0))).shed->from == 0));
  BOOST_TEST(!world.director.explain(ip(client(9))).shed.has_value());
  for (int i = 0; i < 10; ++i) world.asks[client(i)] = 4;
  world.run(15s);
  BOOST_TEST(world.on(0) < 10);  // slowly
  world.run(300s);
  BOOST_TEST(world.on(0) == 10);
  BOOST_TEST(world.director.shedder().away().empty());
  BOOST_TEST(world.director.shedder().counters().returned.get() ==
             world.director.shedder().counters().moved.get());
}

BOOST_AUTO_TEST_CASE(networks_inside_one_that_moves_stay_where_they_are_bound) {
  World world({Policy::ping}, {{.requests = 100.0}, {}, {}});
  // All of 10.0/16 is nearest to 0; a part of it to 2, and another one to 0 by an operator's word.
  world.figures("10.0.0.1", {10, 11, 100});
  world.figures("10.0.200.1", {100, 90, 10}, 8);
  world.director.bind(*parse_prefix("10.0.99.0/24"), 0, world.now);
  world.run(2s);
  world.asks = {{"10.0.0.1", 90}, {"10.0.200.1", 5}, {"10.0.99.1", 5}};
  world.run(4s);
  BOOST_TEST((world.at["10.0.0.1"] == 0));
  BOOST_REQUIRE((world.at["10.0.200.1"] == 2));
  world.asks["10.0.0.1"] = 140;
  world.run(30s);
  BOOST_TEST((world.at["10.0.0.1"] == 1));
  BOOST_TEST((world.at["10.0.200.1"] == 2));
  BOOST_TEST((world.at["10.0.99.1"] == 0));
  world.asks["10.0.0.1"] = 10;
  world.run(120s);
  BOOST_TEST((world.at["10.0.0.1"] == 0));
  BOOST_TEST((world.at["10.0.200.1"] == 2));
}

BOOST_AUTO_TEST_CASE(static_orders_are_relieved_too_and_what_is_bound_later_is_left_alone) {
  World world({Policy::fixed, Policy::ping}, {{.requests = 50.0}, {}, {}});
  Order first = Order::of(0);
  first.push(1);
  world.director.set_fixed({{*parse_prefix("10.0.0.0/8"), first}});
  for (int i = 0; i < 6; ++i) world.asks[client(i)] = 15;
  world.run(40s);
  BOOST_TEST(world.on(0) == 3);
  BOOST_TEST(world.on(1) == 3);
  for (int i = 0; i < 6; ++i) world.asks[client(i)] = 2;
  world.run(300s);
  BOOST_TEST(world.on(0) == 6);
}

BOOST_AUTO_TEST_CASE(a_part_of_a_moved_network_with_an_order_of_its_own_stays) {
  World world({Policy::fixed}, {{.requests = 50.0}, {}, {}});
  Order first = Order::of(0);
  first.push(1);
  Order other = Order::of(2);
  other.push(1);
  world.director.set_fixed({{*parse_prefix("10.0.0.0/24"), first}, {*parse_prefix("10.0.0.128/25"), other}});
  world.asks = {{"10.0.0.1", 80}, {"10.0.0.129", 5}};
  world.run(20s);
  BOOST_TEST((world.at["10.0.0.1"] == 1));
  BOOST_TEST((world.at["10.0.0.129"] == 2));
}

BOOST_AUTO_TEST_CASE(what_more_clients_ask_than_are_counted_is_spread_over_those_that_are) {
  RequestRates rates;
  const MonoTime now{Nanos(1000s)};
  IpAddress from = ip("10.0.0.0");
  for (unsigned i = 0; i < 2 * RequestRates::kMost; ++i) {
    from.octets[2] = static_cast<std::uint8_t>(i >> 8);
    from.octets[3] = static_cast<std::uint8_t>(i);
    rates.add(from, 10, now);
  }
  double total = 0;
  rates.for_each(now + 2s, [&](const IpAddress&, double requests) { total += requests; });
  BOOST_TEST(rates.size() == RequestRates::kMost);
  BOOST_TEST(std::abs(total - 20.0 * RequestRates::kMost / 2) < 1);
  total = 0;
  rates.for_each(now + 60s, [&](const IpAddress&, double requests) { total += requests; });
  BOOST_TEST(total == 0);
}

BOOST_AUTO_TEST_CASE(a_server_over_its_connections_is_relieved_by_its_reports) {
  World world({Policy::ping}, {{.connections = 100.0}, {.connections = 1000.0}, {}});
  for (int i = 0; i < 10; ++i) {
    world.figures(client(i), {10, 11.0 + i, 100});
    world.asks[client(i)] = 10;
  }
  world.run(4s);
  for (int i = 0; i < 20; ++i) {
    world.director.load(0, {.open_connections = 14.0 * world.on(0), .cpu_idle = 0.9, .at = world.now});
    world.director.load(1, {.open_connections = 14.0 * world.on(1), .cpu_idle = 0.9, .at = world.now});
    world.run(2s);
  }
  BOOST_TEST(world.on(0) <= 7);
  BOOST_TEST(world.on(0) >= 5);
  // A report that does not come any more: nobody is sent there, nobody is sent away.
  const int before = world.on(0);
  world.run(60s);
  BOOST_TEST(world.on(0) == before);
}

BOOST_AUTO_TEST_CASE(a_group_that_is_away_comes_back_when_the_other_server_fails) {
  World world({Policy::ping}, {{.requests = 100.0}, {}, {}});
  for (int i = 0; i < 10; ++i) {
    world.figures(client(i), {10, 11.0 + i, 100});
    world.asks[client(i)] = 15;
  }
  world.run(30s);
  BOOST_REQUIRE(world.on(1) > 0);
  world.director.set_fit(bit(0) | bit(2));
  world.run(3s);
  BOOST_TEST(world.on(1) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
