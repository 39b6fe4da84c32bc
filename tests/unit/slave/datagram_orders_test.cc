// Orders of services of datagrams: what a backend is asked, and what becomes of its answer.
#include <boost/test/unit_test.hpp>

#include "slave/order_desk.hh"
#include "tests/unit/slave/orders.hh"

using namespace flagfall;                  // NOLINT(*-using-namespace): a test
using namespace flagfall::slave;           // NOLINT(*-using-namespace)
using namespace flagfall::slave::testing;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;
using Fate = wire::RaceOutcome::Fate;

namespace {

const Endpoint kDns = *parse_endpoint("192.0.2.1:53");          // NOLINT(cert-err58-cpp)
const Endpoint kStun = *parse_endpoint("192.0.2.1:3478");       // NOLINT(cert-err58-cpp)
const Endpoint kClient = *parse_endpoint("198.51.100.7:4242");  // NOLINT(cert-err58-cpp)
const std::string kRequest = "twenty octets long..";            // NOLINT(cert-err58-cpp)

wire::Service datagrams(const std::string& name, wire::LatePolicy late = wire::LatePolicy::send) {
  wire::Service out = service(name, {kStun}, {}, late);
  out.kind = wire::ServiceKind::datagrams;
  out.most_answer = 100;
  out.amplification = 300;
  return out;
}

/// A slave with a backend for "stun" and for "strict", and none for "game".
struct Rig {
  explicit Rig(bool up = true) : Rig({1e6, 1e6}, up) {}
  explicit Rig(BucketLimit cap, bool up = true)
      : pool(16), desk({{kDns, kStun}, cap, {}, {}, {"stun", "strict"}}, 1, pool) {
    map.offset = 1'700'000'000s;
    map.status = wire::ClockStatus::synchronised;
    desk.set_backend(0, up);
    desk.set_backend(1, up);
    desk.open_session(0, master.session(), master.key());
    wire::Services services;
    services.services = {service("web", {kDns}, {*parse_ip("192.0.2.80")}), datagrams("stun"),
                         datagrams("strict", wire::LatePolicy::drop), datagrams("game")};
    ready = desk.set_services(0, services);
    desk.set_racing(0, true);
  }
  MonoTime now = from_ns<MonoTime>(1'000'000'000'000);
  clocksync::RefMap map;
  Master master;
  ShotPool pool;
  OrderDesk desk;
  wire::Ready ready;

  [[nodiscard]] wire::Order order(std::uint16_t service = 1) const {
    wire::Order o;
    o.race = 77;
    o.instant = map.to_ref(now + 25ms);
    o.service = service;
    o.client = kClient;
    o.request = as_bytes(kRequest);
    return o;
  }
  std::vector<UdpAsk> give(const wire::Order& order, Nanos on_its_way = 3ms) {
    auto datagram = master.seal({order}, map.to_ref(now - on_its_way));
    BOOST_TEST(desk.datagram(datagram, now, {now, map}).empty());
    text.clear();
    for (const UdpAsk& ask : desk.udp_asks()) text.emplace_back(as_text(ask.request));
    return {desk.udp_asks().begin(), desk.udp_asks().end()};
  }
  std::vector<std::string> text;  // of the requests
};

}  // namespace

BOOST_AUTO_TEST_SUITE(datagram_orders)

BOOST_AUTO_TEST_CASE(a_slave_is_ready_for_a_service_whose_backend_answers) {
  Rig rig;
  BOOST_TEST((rig.ready.addresses == std::vector<std::uint32_t>{1, 1, 1, 0}));
  BOOST_TEST((rig.ready.lacks == std::vector{wire::Lack::nothing, wire::Lack::nothing, wire::Lack::nothing,
                                             wire::Lack::backend}));
  rig.desk.set_backend(0, false);
  BOOST_TEST((rig.desk.ready(0).addresses == std::vector<std::uint32_t>{1, 0, 1, 0}));
  BOOST_TEST((rig.desk.ready(0).lacks[1] == wire::Lack::down));
  BOOST_TEST(rig.give(rig.order()).empty());
  BOOST_TEST(rig.desk.counters().no_backend.get() == 1U);
  BOOST_TEST(rig.desk.outcomes(0).empty());
}

BOOST_AUTO_TEST_CASE(the_backend_is_asked_and_its_answer_leaves_at_the_instant) {
  Rig rig;
  const auto asks = rig.give(rig.order());
  BOOST_REQUIRE(asks.size() == 1U);
  BOOST_TEST(rig.text[0] == kRequest);
  BOOST_TEST(asks[0].backend == 0);
  BOOST_TEST(asks[0].limit == 60U);
  BOOST_TEST(rig.pool.in_use() == 1U);
  BOOST_TEST(rig.desk.answered(asks[0].shot, 32, rig.now + 2ms));
  const Shot& shot = rig.pool[asks[0].shot];
  BOOST_TEST((shot.due == rig.now + 25ms));
  BOOST_TEST(!shot.late);
  BOOST_TEST(shot.source == 1);
  BOOST_TEST(shot.length == 32);
  BOOST_TEST((shot.client == kClient));
  rig.pool[asks[0].shot].fate = Fate::sent;
  rig.pool[asks[0].shot].transmitted = shot.due + 5us;
  rig.desk.finished(asks[0].shot);
  BOOST_REQUIRE(rig.desk.outcomes(0).size() == 1U);
  BOOST_TEST((rig.desk.outcomes(0)[0].transmit_error == 5us));
  BOOST_TEST(rig.pool.in_use() == 0U);
}

BOOST_AUTO_TEST_CASE(an_answer_that_comes_after_the_instant_goes_by_the_services_rule) {
  Rig rig;
  auto asks = rig.give(rig.order(1));
  BOOST_TEST(rig.desk.answered(asks[0].shot, 32, rig.now + 26ms));
  BOOST_TEST(rig.pool[asks[0].shot].late);
  BOOST_TEST(rig.desk.counters().late_sent.get() == 1U);
  asks = rig.give(rig.order(2));
  BOOST_TEST(!rig.desk.answered(asks[0].shot, 32, rig.now + 26ms));
  BOOST_REQUIRE(rig.desk.outcomes(0).size() == 1U);
  BOOST_TEST((rig.desk.outcomes(0)[0].fate == Fate::dropped_late));
  asks = rig.give(rig.order(1));
  BOOST_TEST(!rig.desk.answered(asks[0].shot, 32, rig.now + 6s));
  BOOST_TEST(rig.pool.in_use() == 1U);  // the first
}

BOOST_AUTO_TEST_CASE(a_request_that_no_answer_is_short_enough_for_says_nothing_of_the_slave) {
  Rig rig;
  wire::Service mean = datagrams("stun");
  mean.amplification = 50;
  wire::Services services;
  services.services = {service("web", {kDns}, {*parse_ip("192.0.2.80")}), mean};
  (void)rig.desk.set_services(0, services);
  wire::Order o = rig.order();
  o.request = o.request.first(1);
  BOOST_TEST(rig.give(o).empty());
  BOOST_TEST(rig.desk.counters().too_long.get() == 1U);
  BOOST_TEST(rig.desk.outcomes(0).empty());
}

BOOST_AUTO_TEST_CASE(prompt_orders_leave_half_of_the_rate_to_races) {
  Rig rig({100, 8});
  wire::Order prompt = rig.order();
  prompt.prompt = true;
  std::size_t asked = 0;
  for (int i = 0; i < 20; ++i) asked += rig.give(prompt).size();
  BOOST_TEST(asked == 4U);
  BOOST_TEST(rig.desk.counters().over_rate.get() == 16U);
  asked = 0;
  for (int i = 0; i < 20; ++i) asked += rig.give(rig.order()).size();
  BOOST_TEST(asked == 4U);
  rig.now += 10ms;  // one comes back, and is a race's
  BOOST_TEST(rig.give(prompt).empty());
  BOOST_TEST(rig.give(rig.order()).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_backend_that_says_nothing_or_too_much_says_nothing_of_the_slave) {
  Rig rig;
  for (const auto why : {OrderDesk::Unanswered::silent, OrderDesk::Unanswered::too_long}) {
    const auto asks = rig.give(rig.order());
    rig.desk.unanswered(asks[0].shot, why);
  }
  BOOST_TEST(rig.desk.counters().unanswered.get() == 1U);
  BOOST_TEST(rig.desk.counters().too_long.get() == 1U);
  BOOST_TEST(rig.desk.outcomes(0).empty());
  BOOST_TEST(rig.pool.in_use() == 0U);
}

BOOST_AUTO_TEST_CASE(an_order_without_a_race_needs_no_clock_leaves_at_once_and_has_no_outcome) {
  Rig rig;
  rig.desk.set_racing(0, false);
  wire::Order o = rig.order();
  BOOST_TEST(rig.give(o).empty());
  BOOST_TEST(rig.desk.counters().stood_down.get() == 1U);
  rig.desk.clear_outcomes(0, true);
  o.prompt = true;
  o.instant = rig.map.to_ref(rig.now - 20min);
  const auto asks = rig.give(o, -20min);  // the clocks differ by so much
  BOOST_REQUIRE(asks.size() == 1U);
  BOOST_TEST(rig.desk.answered(asks[0].shot, 32, rig.now + 7ms));
  BOOST_TEST((rig.pool[asks[0].shot].due == rig.now + 7ms));
  rig.pool[asks[0].shot].fate = Fate::failed;
  rig.desk.finished(asks[0].shot);
  BOOST_TEST(rig.desk.outcomes(0).empty());
  BOOST_TEST(rig.desk.counters().prompt.get() == 1U);
}

BOOST_AUTO_TEST_CASE(an_order_without_a_race_that_somebody_held_back_is_dropped) {
  Rig rig;
  wire::Order o = rig.order();
  o.prompt = true;
  BOOST_TEST(rig.give(o, 6s).empty());
  BOOST_TEST(rig.desk.counters().late_dropped.get() == 1U);
  BOOST_TEST(rig.give(o, 4s).size() == 1U);
}

BOOST_AUTO_TEST_CASE(answers_may_be_no_longer_than_the_request_and_the_service_allow) {
  Rig rig;
  wire::Order o = rig.order();
  const std::string longer(50, 'x');
  o.request = as_bytes(longer);
  BOOST_TEST(rig.give(o)[0].limit == 100U);
  o.request = as_bytes(std::string_view("x"));
  BOOST_TEST(rig.give(o)[0].limit == 3U);
  o.request = {};
  BOOST_TEST(rig.give(o).empty());
  BOOST_TEST(rig.desk.counters().too_long.get() == 1U);
}

BOOST_AUTO_TEST_CASE(orders_that_no_master_gives_are_refused) {
  Rig rig;
  std::vector<wire::Order> bad(5, rig.order());
  bad[0].echo = true;
  bad[1].shadow = true;
  bad[2].segment.emplace();
  bad[2].segment->sequence = 1;
  const std::array<std::uint8_t, 16> cookie{};
  bad[3].server_cookie = cookie;
  bad[4].service = 9;
  for (const wire::Order& o : bad) BOOST_TEST(rig.give(o).empty());
  BOOST_TEST(rig.desk.outcomes(0).size() == bad.size());
  // No race, of DNS.
  wire::Order prompt = rig.order(0);
  prompt.prompt = true;
  BOOST_TEST(rig.give(prompt).empty());
  BOOST_TEST(rig.desk.outcomes(0).size() == bad.size());
  BOOST_TEST(rig.pool.in_use() == 0U);
}

BOOST_AUTO_TEST_CASE(a_full_pool_refuses_and_a_rate_is_kept_for_orders_without_a_race_too) {
  Rig rig;
  for (int i = 0; i < 16; ++i) (void)rig.give(rig.order());
  BOOST_TEST(rig.give(rig.order()).empty());
  BOOST_TEST(rig.desk.counters().queue_full.get() == 1U);
  ShotPool pool(16);
  OrderDesk slow({{kStun}, {1, 1}, {}, {}, {"stun"}}, 1, pool);
  slow.set_backend(0, true);
  slow.open_session(0, rig.master.session(), rig.master.key());
  wire::Services services;
  services.services = {datagrams("stun")};
  (void)slow.set_services(0, services);
  wire::Order o = rig.order(0);
  o.prompt = true;
  for (int i = 0; i < 3; ++i) {
    auto datagram = rig.master.seal({o}, rig.map.to_ref(rig.now));
    (void)slow.datagram(datagram, rig.now, {rig.now, rig.map});
  }
  BOOST_TEST(slow.counters().over_rate.get() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
