#include "master/udp_races.hh"

#include <boost/test/unit_test.hpp>
#include <map>

#include "tests/unit/master/allocation_count.hh"

using namespace flagfall;          // NOLINT(google-build-using-namespace): a test
using namespace flagfall::master;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;

namespace {

constexpr MonoTime kNow = MonoTime(Nanos(50s));
constexpr Nanos kDelay = 25ms;
const IpAddress kBound = *parse_ip("198.51.100.7");         // NOLINT(cert-err58-cpp): its network is nyc's
const IpAddress kUnknown = *parse_ip("203.0.113.9");        // NOLINT(cert-err58-cpp)
const std::string kRequest = "a request of 26 octets....";  // NOLINT(cert-err58-cpp)

/// A master with service 0 ("stun", a director) and 1 (none), and its slaves fra, nyc and sin, who open their
/// orders.
struct Rig : OrderSink, RaceLog {
  struct Got {
    std::uint16_t slave;
    wire::Order order;  // without views
    std::string request;
  };
  SeededRandom random{4};
  UdpRaceOptions options;
  Snapshot snapshot;
  director::View view;
  std::optional<UdpRaces> races;
  MonoTime now = kNow;
  bool refuse_orders = false;
  std::map<std::uint16_t, net::Opener> openers;
  std::vector<Got> orders;
  std::vector<RaceStarted> started;
  unsigned asked = 0;

  Rig() {
    options.slaves = 3;
    options.max_request = {100, 100};
    options.guard.prefix = options.guard.total = {1e6, 1e6};
    options.limit.network = {1e6, 1e6};
    options.limit.slip = 0;
    snapshot.clock.status = wire::ClockStatus::synchronised;
    snapshot.clock.bound = 1ms;
    snapshot.clock.measured = kNow;
    snapshot.max_error = 5ms;
    snapshot.slaves.resize(3);
    snapshot.services.resize(2);
    for (RacedService& service : snapshot.services) {
      service.delay = kDelay;
      service.slaves = {0, 1, 2};
    }
    for (std::uint16_t i = 0; i < 3; ++i) {
      snapshot.slaves[i] = {true, i, {}, {*parse_ip("192.0.2.1"), static_cast<std::uint16_t>(1000 + i)}};
      snapshot.slaves[i].key[0] = static_cast<std::uint8_t>(i);
      openers.emplace(snapshot.slaves[i].orders.port, net::Opener(snapshot.slaves[i].key));
      for (RacedService& service : snapshot.services) {
        service.udp.push_back({i, 5, 0b11, false, static_cast<director::ServerIndex>(i)});
        service.alone.push_back(service.udp.back());
      }
    }
    director::PrefixTableEditor book;
    book.set(*parse_prefix("198.51.100.0/24"), 1);
    view.tables = {book.publish()};
    view.book = 0;
    view.entries = std::make_shared<const std::vector<director::Entry>>(
        std::vector<director::Entry>{{director::Order::of(1), false}});
    view.races = true;
    view.fit = 0b111;
    publish();
  }
  void publish() {
    snapshot.services[0].view = std::make_shared<const director::View>(view);
    if (!races) races.emplace(options, random, this);
    races->take_over(std::make_shared<const Snapshot>(snapshot));
  }
  void again() {  // with other options
    races.emplace(options, random, this);
    publish();
  }
  void send_orders(std::span<OrderDatagram> datagrams) override {
    for (OrderDatagram& d : datagrams) {
      d.sent = !refuse_orders;
      std::vector<std::uint8_t> copy(d.bytes.begin(), d.bytes.end());
      wire::OrderReader reader(openers.at(d.to.port).open(copy).plaintext);
      wire::Order order;
      while (reader.next(order))
        orders.push_back(
            {static_cast<std::uint16_t>(d.to.port - 1000U), order, std::string(as_text(order.request))});
      BOOST_TEST(reader.ok());
    }
  }
  void log(const RaceRecord& record) noexcept override {
    if (const auto* const race = std::get_if<RaceStarted>(&record)) started.push_back(*race);
    if (std::holds_alternative<NetworkAsked>(record)) ++asked;
  }
  /// What its orders are, in a burst of its own.
  std::vector<Got> ask(const IpAddress& client, std::uint16_t service = 0,
                       std::string_view request = kRequest) {
    orders.clear();
    races->begin({now, 0ns});
    races->request(
        {.octets = as_bytes(request), .client = {client, 40000}, .service = service, .address = 1});
    races->finish(now + 10us, *this);
    return orders;
  }
  [[nodiscard]] const UdpCounters& count(std::size_t service = 0) const { return races->counters(service); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(udp_races, Rig)

BOOST_AUTO_TEST_CASE(a_datagram_of_an_unknown_network_is_ordered_from_all_for_one_instant) {
  const auto got = ask(kUnknown);
  BOOST_REQUIRE(got.size() == 3U);
  for (const Got& each : got) {
    BOOST_TEST(each.request == kRequest);
    BOOST_TEST(each.order.race == got[0].order.race);
    BOOST_TEST((each.order.instant == snapshot.clock.to_ref(now) + kDelay));
    BOOST_TEST(!each.order.prompt);
    BOOST_TEST(each.order.service == 5);
    BOOST_TEST(each.order.address == 1);
    BOOST_TEST((each.order.client == Endpoint{kUnknown, 40000}));
  }
  BOOST_REQUIRE(started.size() == 1U);
  BOOST_TEST(started[0].count == 3);
  BOOST_TEST((started[0].due == now + kDelay));
  BOOST_TEST((started[0].dispatch == 10us));
  BOOST_TEST(count().races.get() == 1U);
  BOOST_TEST(asked == 1U);
  BOOST_TEST(ask(kUnknown)[0].order.race != got[0].order.race);
}

BOOST_AUTO_TEST_CASE(a_bound_client_is_answered_by_its_server_alone_at_once) {
  for (int i = 0; i < 20; ++i) {
    const auto got = ask(kBound);
    BOOST_REQUIRE(got.size() == 1U);
    BOOST_TEST(got[0].slave == 1);
    BOOST_TEST(got[0].order.prompt);
  }
  BOOST_TEST(count().bound.get() == 20U);
  BOOST_TEST(count().races.get() == 0U);
  BOOST_TEST(started.empty());
  BOOST_TEST(races->led(0, 1) == 20U);
}

BOOST_AUTO_TEST_CASE(a_bound_clients_server_that_cannot_answer_is_replaced_by_another) {
  snapshot.services[0].alone.erase(snapshot.services[0].alone.begin() + 1);
  publish();
  for (int i = 0; i < 20; ++i) {
    const auto got = ask(kBound);
    BOOST_REQUIRE(got.size() == 1U);
    BOOST_TEST(got[0].slave != 1);
  }
  view.fit = 0b001;
  publish();
  BOOST_TEST(ask(kBound)[0].slave == 0);
}

BOOST_AUTO_TEST_CASE(what_the_guard_refuses_is_answered_by_one_and_that_has_a_rate_too) {
  options.guard.prefix = {0.001, 2};
  options.limit.network = {0.001, 3};
  again();
  for (int i = 0; i < 2; ++i) BOOST_TEST(ask(kUnknown).size() == 3U);
  for (int i = 0; i < 3; ++i) BOOST_TEST(ask(kUnknown).size() == 1U);
  for (int i = 0; i < 100; ++i) BOOST_TEST(ask(kUnknown).empty());
  BOOST_TEST(count().limited.get() == 100U);
  BOOST_TEST(count().alone.get() == 3U);
  BOOST_TEST(races->fallback().get(Fallback::guard_prefix) == 103U);
  // Another network has its own.
  BOOST_TEST(ask(*parse_ip("203.0.114.9")).size() == 3U);
  // So has a bound one.
  for (int i = 0; i < 3; ++i) BOOST_TEST(ask(kBound).size() == 1U);
  BOOST_TEST(ask(kBound).empty());
}

BOOST_AUTO_TEST_CASE(unverified_never_means_no_races_here) {
  options.guard.unverified = GuardOptions::Unverified::never;
  again();
  BOOST_TEST(ask(kUnknown).size() == 1U);
  BOOST_TEST(races->fallback().get(Fallback::unverified_never) == 1U);
}

BOOST_AUTO_TEST_CASE(without_a_good_clock_or_while_paused_one_slave_answers) {
  snapshot.clock.bound = 10ms;
  for (RacedService& service : snapshot.services) service.udp.clear();
  publish();
  BOOST_REQUIRE(ask(kUnknown).size() == 1U);
  BOOST_TEST(orders[0].order.prompt);
  BOOST_TEST(races->fallback().get(Fallback::clock) == 1U);
  snapshot.paused = true;
  publish();
  BOOST_TEST(ask(kUnknown).size() == 1U);
  BOOST_TEST(races->fallback().get(Fallback::paused) == 1U);
}

BOOST_AUTO_TEST_CASE(one_fit_slave_answers_at_once_and_none_leaves_the_request_unanswered) {
  for (auto* const runners : {&snapshot.services[0].udp, &snapshot.services[0].alone})
    runners->erase(runners->begin(), runners->begin() + 2);
  publish();
  BOOST_REQUIRE(ask(kUnknown).size() == 1U);
  BOOST_TEST(orders[0].slave == 2);
  BOOST_TEST(orders[0].order.prompt);
  BOOST_TEST(races->fallback().get(Fallback::no_rival) == 1U);
  snapshot.services[0].udp.clear();
  snapshot.services[0].alone.clear();
  publish();
  BOOST_TEST(ask(kUnknown).empty());
  BOOST_TEST(ask(kBound).empty());
  BOOST_TEST(count().nobody.get() == 2U);
}

BOOST_AUTO_TEST_CASE(only_slaves_that_can_send_from_the_asked_address_are_ordered) {
  snapshot.services[0].udp[0].ready = snapshot.services[0].alone[0].ready = 0b01;
  publish();
  for (const Got& got : ask(kUnknown)) BOOST_TEST(got.slave != 0);
  BOOST_TEST(orders.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_service_without_a_director_races_all_and_draws_who_answers_alone) {
  BOOST_TEST(ask(kBound, 1).size() == 3U);
  snapshot.services[1].race_share = 0;
  publish();
  std::map<std::uint16_t, unsigned> seen;
  for (int i = 0; i < 300; ++i) {
    BOOST_REQUIRE(ask(kBound, 1).size() == 1U);
    ++seen[orders[0].slave];
  }
  BOOST_TEST(seen.size() == 3U);
  for (const auto& [slave, n] : seen) BOOST_TEST(n > 50U);
  BOOST_TEST(races->fallback().get(Fallback::not_sampled) == 300U);
}

BOOST_AUTO_TEST_CASE(hostile_datagrams_are_counted_and_dropped) {
  BOOST_TEST(ask(kUnknown, 0, "").empty());
  BOOST_TEST(ask(kUnknown, 0, std::string(101, 'x')).empty());
  BOOST_TEST(ask(kUnknown, 0, std::string(100, 'x')).size() == 3U);
  races->begin({now, 0ns});
  races->request({.octets = as_bytes(kRequest), .client = {kUnknown, 40000}, .truncated = true});
  races->request({.octets = {}, .client = {kUnknown, 40000}, .truncated = true});
  races->request({.octets = as_bytes(kRequest), .client = {kUnknown, 0}});
  for (const char* const nobody : {"240.0.0.1", "224.0.0.1", "fe80::1", "ff02::1"})
    races->request({.octets = as_bytes(kRequest), .client = {*parse_ip(nobody), 40000}});
  orders.clear();
  races->finish(now, *this);
  BOOST_TEST(orders.empty());
  BOOST_TEST(count().empty.get() == 1U);
  BOOST_TEST(count().too_big.get() == 3U);
  BOOST_TEST(count().unanswerable.get() == 5U);
}

BOOST_AUTO_TEST_CASE(a_request_that_seems_to_come_from_a_service_is_dropped_lest_its_answer_be_the_next) {
  options.own = {{kUnknown, 53}, {kUnknown, 40000}};
  again();
  BOOST_TEST(ask(kUnknown).empty());
  BOOST_TEST(count().own.get() == 1U);
  BOOST_TEST(ask(kBound).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_refused_order_is_counted_and_no_race) {
  refuse_orders = true;
  (void)ask(kUnknown);
  (void)ask(kBound);
  BOOST_TEST(count().unsent.get() == 2U);
  BOOST_TEST(count().races.get() + count().bound.get() == 0U);
  BOOST_TEST(started.empty());
}

BOOST_AUTO_TEST_CASE(a_burst_is_one_datagram_a_slave_and_allocates_nothing) {
  races->begin({now, 0ns});
  (void)ask(kUnknown);
  orders.clear();
  races->begin({now, 0ns});
  const std::size_t before = test::allocations();
  for (unsigned i = 0; i < 10; ++i)
    races->request({.octets = as_bytes(kRequest),
                    .client = {i % 2 == 0 ? kUnknown : kBound, static_cast<std::uint16_t>(1000 + i)},
                    .address = 1});
  BOOST_TEST(test::allocations() == before);
  races->finish(now, *this);
  BOOST_TEST(orders.size() == 5U * 3 + 5);
  BOOST_TEST(races->orders(1).orders.get() >= 10U);
  BOOST_TEST(count().races.get() == 1U + 5);
  BOOST_TEST(count().bound.get() == 5U);
  BOOST_TEST(started.size() == 6U);
}

BOOST_AUTO_TEST_SUITE_END()
