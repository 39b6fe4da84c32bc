// A slave's path of an order, from sealed datagram to shot and back, allocates nothing.
#include <boost/test/unit_test.hpp>

#include "slave/order_desk.hh"
#include "tests/unit/dns_path/allocation_count.hh"
#include "tests/unit/slave/orders.hh"

using namespace flagfall;                  // NOLINT(*-using-namespace)
using namespace flagfall::slave;           // NOLINT(*-using-namespace)
using namespace flagfall::slave::testing;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(order_path)

BOOST_AUTO_TEST_CASE(ten_thousand_orders_allocate_nothing) {
  const Endpoint address = *parse_endpoint("192.0.2.1:53");
  ShotPool pool(256);
  OrderDesk desk({{address}, {1e9, 1e9}}, 1, pool);
  Master master;
  desk.open_session(0, master.session(), master.key());
  wire::Services services;
  services.services.push_back(service("web", {address}, {*parse_ip("192.0.2.80")}));
  desk.set_services(0, services);
  desk.set_racing(0, true);
  clocksync::RefMap map;
  map.status = wire::ClockStatus::synchronised;

  auto now = from_ns<MonoTime>(1'000'000'000);
  const auto plain = query("www.example.test", wire::rrtype::kA);
  const auto with_cookie = query("www.example.test", wire::rrtype::kA, true, true);
  std::vector<std::vector<std::uint8_t>> datagrams;
  for (int i = 0; i < 1000; ++i) {
    std::vector<wire::Order> orders(10);
    for (wire::Order& order : orders) {
      order.instant = map.to_ref(now + 25ms);
      order.client = *parse_endpoint("198.51.100.7:4242");
      order.request = i % 2 == 0 ? plain : with_cookie;
      if (i % 3 == 0) order.server_cookie = as_bytes("sixteen octets!!");
    }
    datagrams.push_back(master.seal(orders, map.to_ref(now)));
  }

  const std::uint64_t before = test::allocations();
  std::uint64_t sent = 0;
  for (auto& datagram : datagrams) {
    for (const std::uint32_t shot : desk.datagram(datagram, now, {now, map})) {
      pool[shot].fate = wire::RaceOutcome::Fate::sent;
      desk.finished(shot);
      ++sent;
    }
    desk.clear_outcomes(0, true);
  }
  const std::uint64_t after = test::allocations();
  BOOST_TEST(after == before);
  BOOST_TEST(sent == 10'000U);
}

BOOST_AUTO_TEST_CASE(the_counter_counts) {
  const std::uint64_t before = test::allocations();
  const auto block = std::make_unique<std::vector<int>>(100);
  BOOST_TEST(test::allocations() >= before + 2);
  BOOST_TEST(block->size() == 100U);
}

BOOST_AUTO_TEST_SUITE_END()
