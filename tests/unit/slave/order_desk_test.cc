#include "slave/order_desk.hh"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <map>
#include <new>
#include <string>

#include "common/base/random.hh"
#include "common/wire/tcp_segment.hh"
#include "slave/beacon_label.hh"
#include "tests/unit/slave/orders.hh"

using namespace flagfall;                  // NOLINT(*-using-namespace)
using namespace flagfall::slave;           // NOLINT(*-using-namespace)
using namespace flagfall::slave::testing;  // NOLINT(*-using-namespace)
using namespace std::chrono_literals;
using wire::LatePolicy;
using Fate = wire::RaceOutcome::Fate;

namespace {

constexpr std::uint16_t kA = 1, kAaaa = 28, kTxt = 16;

const Endpoint kService4 = *parse_endpoint("192.0.2.1:53");         // NOLINT(cert-err58-cpp)
const Endpoint kService6 = *parse_endpoint("[2001:db8::1]:53");     // NOLINT(cert-err58-cpp)
const Endpoint kElsewhere = *parse_endpoint("192.0.2.200:53");      // NOLINT(cert-err58-cpp)
const Endpoint kClient4 = *parse_endpoint("198.51.100.7:4242");     // NOLINT(cert-err58-cpp)
const Endpoint kClient6 = *parse_endpoint("[2001:db8:c::7]:4242");  // NOLINT(cert-err58-cpp)

/// A desk with one open session that races, its clock 1.7e9 s behind reference time.
struct Rig {
  explicit Rig(std::uint32_t slots = 64, BucketLimit cap = {1e6, 1e6})
      : pool(slots), desk({{kService4, kService6}, cap, {}, {2, 3}, {}, {"elsewhere", "web"}}, 2, pool) {
    map.offset = 1'700'000'000s;
    map.status = wire::ClockStatus::synchronised;
    desk.open_session(0, master.session(), master.key());
    wire::Services services;
    services.services.push_back(service("web", {kService4, kService6, kElsewhere},
                                        {*parse_ip("192.0.2.80"), *parse_ip("2001:db8::80")}));
    services.services.push_back(service("strict", {kService4}, {*parse_ip("192.0.2.81")}, LatePolicy::drop));
    ready = desk.set_services(0, services);
    desk.set_racing(0, true);
  }
  MonoTime now = from_ns<MonoTime>(1'000'000'000'000);
  clocksync::RefMap map;
  Master master;
  ShotPool pool;
  OrderDesk desk;
  wire::Ready ready;
  std::vector<std::uint8_t> a_query = query("www.example.test", kA);

  [[nodiscard]] wire::Order order(Nanos ahead = 25ms) const {
    wire::Order o;
    o.race = 77;
    o.instant = map.to_ref(now + ahead);
    o.client = kClient4;
    o.request = a_query;
    return o;
  }
  std::vector<std::uint32_t> give(std::vector<std::uint8_t> datagram, Nanos on_its_way = 3ms) {
    (void)on_its_way;
    const auto shots = desk.datagram(datagram, now, {now, map});
    return {shots.begin(), shots.end()};
  }
  std::vector<std::uint32_t> give(const std::vector<wire::Order>& orders, Nanos on_its_way = 3ms) {
    return give(master.seal(orders, map.to_ref(now - on_its_way)));
  }
  /// The only outcome; none is left behind.
  wire::RaceOutcome outcome(std::size_t link = 0) {
    BOOST_REQUIRE_EQUAL(desk.outcomes(link).size(), 1U);
    const wire::RaceOutcome out = desk.outcomes(link).front();
    desk.clear_outcomes(link, true);
    return out;
  }
  void refused(const wire::Order& bad, const Counter& why, Fate fate = Fate::refused) {
    const std::uint64_t before = why.get();
    BOOST_TEST(give({bad}).empty());
    BOOST_TEST(why.get() == before + 1);
    const wire::RaceOutcome o = outcome();
    BOOST_TEST((o.fate == fate));
    BOOST_TEST(o.race == bad.race);
    BOOST_TEST(pool.in_use() == 0U);
  }
  void dropped(const wire::Order& bad, const Counter& why) {
    const std::uint64_t before = why.get();
    BOOST_TEST(give({bad}).empty());
    BOOST_TEST(why.get() == before + 1);
    BOOST_TEST(desk.outcomes(0).empty());
    BOOST_TEST(pool.in_use() == 0U);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(order_desk)

BOOST_AUTO_TEST_CASE(an_order_becomes_a_shot_with_this_slaves_answer_due_at_the_instant) {
  Rig rig;
  const auto shots = rig.give({rig.order()});
  BOOST_REQUIRE_EQUAL(shots.size(), 1U);
  const Shot& shot = rig.pool[shots[0]];
  BOOST_TEST((shot.due == rig.now + 25ms));
  BOOST_TEST(shot.race == 77U);
  BOOST_TEST(!shot.late);
  BOOST_TEST((shot.client == kClient4));
  BOOST_TEST(shot.source == 0);
  BOOST_TEST((shot.one_way == 3ms));
  const Bytes answer = rig.pool.answer(shots[0]).first(shot.length);
  // Header: the query's id, QR, AA, RD copied; one question, one answer.
  const std::vector<std::uint8_t> head = {0x12, 0x34, 0x85, 0x00, 0, 1, 0, 1, 0, 0, 0, 0};
  BOOST_TEST(std::vector(answer.begin(), answer.begin() + 12) == head, boost::test_tools::per_element());
  // The question as it came, then the address at the very end.
  const Bytes question = Bytes(rig.a_query).subspan(12);
  BOOST_TEST(std::equal(question.begin(), question.end(), answer.begin() + 12));
  const auto ip = *parse_ip("192.0.2.80");
  BOOST_TEST(std::equal(ip.octets.begin(), ip.octets.begin() + 4, answer.end() - 4));
}

BOOST_AUTO_TEST_CASE(an_ipv6_client_is_answered_from_the_services_ipv6_address) {
  Rig rig;
  wire::Order o = rig.order();
  const auto aaaa = query("www.example.test", kAaaa);
  o.request = aaaa;
  o.client = kClient6;
  o.address = 1;
  const auto shots = rig.give({o});
  BOOST_REQUIRE_EQUAL(shots.size(), 1U);
  BOOST_TEST(rig.pool[shots[0]].source == 1);
  const Bytes answer = rig.pool.answer(shots[0]).first(rig.pool[shots[0]].length);
  const auto ip = *parse_ip("2001:db8::80");
  BOOST_TEST(std::equal(ip.octets.begin(), ip.octets.end(), answer.end() - 16));
}

BOOST_AUTO_TEST_CASE(a_segment_becomes_the_whole_packet_of_the_connection) {
  for (const bool v6 : {false, true}) {
    Rig rig;
    wire::Order o = rig.order();
    o.client = v6 ? kClient6 : kClient4;
    o.address = v6 ? 1 : 0;
    o.segment = wire::OrderSegment{0xfffffff0, 7000, 123456, 502};
    o.request = as_bytes("HTTP/1.1 302 Found");
    const auto shots = rig.give({o});
    BOOST_REQUIRE_EQUAL(shots.size(), 1U);
    const Shot& shot = rig.pool[shots[0]];
    BOOST_TEST(shot.source == (v6 ? 3 : 2));  // the socket for packets
    BOOST_TEST((shot.due == rig.now + 25ms));
    const Bytes packet = rig.pool.answer(shots[0]).first(shot.length);
    BOOST_TEST(as_text(packet.last(o.request.size())) == "HTTP/1.1 302 Found");
    const auto view = wire::parse_tcp_packet(packet);
    BOOST_REQUIRE(view.has_value());
    BOOST_TEST((view->source == (v6 ? kService6 : kService4)));
    BOOST_TEST((view->destination == o.client));
    BOOST_TEST(view->sequence == 0xfffffff0U);
    BOOST_TEST(view->acknowledgement == 7000U);
    BOOST_TEST(view->window == 502);
    BOOST_TEST((view->timestamps == wire::TcpTimestamps{123456, 0}));
    BOOST_TEST(view->payload == o.request.size());
  }
}

BOOST_AUTO_TEST_CASE(a_segment_that_begins_early_has_no_timestamp) {
  Rig rig;
  wire::Order o = rig.order();
  o.segment = wire::OrderSegment{0xfffffff0, 7000, 0, 502, 3};
  o.request = as_bytes("HTTP/1.1 302 Found");
  const auto shots = rig.give({o});
  BOOST_REQUIRE_EQUAL(shots.size(), 1U);
  const Bytes packet = rig.pool.answer(shots[0]).first(rig.pool[shots[0]].length);
  BOOST_TEST(as_text(packet.last(o.request.size())) == "HTTP/1.1 302 Found");
  const auto view = wire::parse_tcp_packet(packet);
  BOOST_REQUIRE(view.has_value());
  BOOST_TEST(view->sequence == 0xfffffff0U);
  BOOST_TEST(!view->timestamps);
  BOOST_TEST(view->payload == o.request.size() + 3);
}

BOOST_AUTO_TEST_CASE(content_may_begin_early_as_well) {
  Rig rig;
  wire::Order o = rig.order();
  o.segment = wire::OrderSegment{0xfffffff0, 7000, 0, 502, 3};
  o.content = wire::OrderContent{
      .length = 600, .blanks = 8, .close = false, .redirect = as_bytes("redirect\r\n\r\n")};
  o.request = as_bytes("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto shots = rig.give({o});
  BOOST_REQUIRE_EQUAL(shots.size(), 1U);
  BOOST_REQUIRE_EQUAL(rig.desk.content_asks().size(), 1U);
  ContentDesk contents(rig.pool);
  contents.answered(rig.desk.content_asks()[0].wish, {.status = 200, .content = "hello"});
  const std::uint32_t slot = rig.pool.settle(shots[0]);
  BOOST_TEST(slot != shots[0]);
  for (const std::uint32_t each : {shots[0], slot}) {
    const Bytes packet = rig.pool.answer(each).first(rig.pool[each].length);
    const auto view = wire::parse_tcp_packet(packet);
    BOOST_REQUIRE(view.has_value());
    BOOST_TEST(view->sequence == 0xfffffff0U);
    BOOST_TEST(!view->timestamps);
    BOOST_TEST(view->payload == 603U);
    BOOST_TEST(as_text(packet.last(600)).starts_with(each == slot ? "HTTP/1.1 200 OK\r\n" : "redirect   "));
  }
}

BOOST_AUTO_TEST_CASE(an_order_for_content_is_a_redirect_until_content_is_there) {
  Rig rig;
  wire::Order o = rig.order();
  o.segment = wire::OrderSegment{0xfffffff0, 7000, 123456, 502};
  o.content = wire::OrderContent{
      .length = 600, .blanks = 18, .close = true, .redirect = as_bytes("HTTP/1.1 302 Found\r\n\r\n")};
  o.request = as_bytes("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  auto datagram = rig.master.seal({o}, rig.map.to_ref(rig.now - 3ms));
  const auto shots = rig.desk.datagram(datagram, rig.now, {rig.now, rig.map});
  BOOST_REQUIRE_EQUAL(shots.size(), 1U);
  const Bytes packet = rig.pool.answer(shots[0]).first(rig.pool[shots[0]].length);
  BOOST_TEST(as_text(packet.last(600)) == "HTTP/1.1 302 Found" + std::string(578, ' ') + "\r\n\r\n");
  BOOST_REQUIRE_EQUAL(rig.desk.content_asks().size(), 1U);
  const ContentAsk ask = rig.desk.content_asks()[0];
  BOOST_TEST(ask.backend == 1);
  BOOST_TEST(as_text(ask.request) == as_text(o.request));
  BOOST_TEST(ask.wish.shot == shots[0]);
  BOOST_TEST((ask.wish.source == kService4 && ask.wish.client == kClient4));
  BOOST_TEST((ask.wish.segment == *o.segment));
  BOOST_TEST(ask.wish.length == 600);
  BOOST_TEST(ask.wish.close);
  ContentDesk contents(rig.pool);
  contents.answered(ask.wish, {.status = 200, .content = "hello"});
  const std::uint32_t slot = rig.pool.settle(shots[0]);
  const auto sent = wire::parse_tcp_packet(rig.pool.answer(slot).first(rig.pool[slot].length));
  BOOST_REQUIRE(sent);
  BOOST_TEST(sent->payload == 600U);
  BOOST_TEST(sent->sequence == 0xfffffff0U);
  rig.pool[shots[0]].fate = Fate::sent;
  rig.desk.finished(shots[0]);
  BOOST_TEST(rig.pool.in_use() == 0U);
  BOOST_TEST(rig.desk.counters().contents_asked.get() == 1U);
  BOOST_TEST(rig.desk.counters().contents_sent.get() == 1U);
  BOOST_TEST((rig.outcome().fate == Fate::sent));
}

BOOST_AUTO_TEST_CASE(where_content_cannot_be_had_the_redirect_is_sent_and_nobody_is_asked) {
  Rig rig;
  wire::Order o = rig.order();
  o.segment = wire::OrderSegment{1, 2, 3, 4};
  o.content = wire::OrderContent{.length = 60, .blanks = 1, .close = false, .redirect = as_bytes("redirect")};
  o.request = as_bytes("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  o.instant = rig.map.to_ref(rig.now - 1ms);  // late
  BOOST_TEST(rig.give({o}).size() == 1U);
  BOOST_TEST(rig.desk.content_asks().empty());
  o.instant = rig.map.to_ref(rig.now + 25ms);
  o.shadow = true;
  BOOST_TEST(rig.give({o}).empty());
  BOOST_TEST(rig.desk.content_asks().empty());
  o.shadow = false;
  o.service = 1;  // without a server here
  const auto shots = rig.give({o});
  BOOST_REQUIRE_EQUAL(shots.size(), 1U);
  BOOST_TEST(rig.desk.content_asks().empty());
  BOOST_TEST(rig.pool.settle(shots[0]) == shots[0]);
  rig.desk.clear_outcomes(0, true);
  o.service = 0;
  BOOST_TEST(rig.give({o}).size() == 1U);
  BOOST_TEST(rig.desk.content_asks().size() == 1U);
  BOOST_TEST(rig.give({rig.order()}).size() == 1U);
  BOOST_TEST(rig.desk.content_asks().empty());
  BOOST_TEST(rig.desk.counters().contents_asked.get() == 1U);
}

BOOST_AUTO_TEST_CASE(orders_for_content_that_no_master_writes_are_refused) {
  Rig rig;
  wire::Order good = rig.order();
  good.segment = wire::OrderSegment{1, 2, 3, 4};
  good.content =
      wire::OrderContent{.length = 60, .blanks = 1, .close = false, .redirect = as_bytes("redirect")};
  good.request = as_bytes("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  wire::Order bad = good;
  bad.content->length = kMaxPacket - 51;
  rig.refused(bad, rig.desk.counters().bad_request);
  bad.content->length = 0xffff;
  rig.refused(bad, rig.desk.counters().bad_request);
  bad = good;
  bad.request = as_bytes("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n");
  rig.refused(bad, rig.desk.counters().bad_request);
  bad.request = as_bytes("POST / HTTP/1.1\r\n\r\n");
  rig.refused(bad, rig.desk.counters().bad_request);
}

BOOST_AUTO_TEST_CASE(segments_that_no_master_orders_are_refused) {
  Rig rig;
  const std::string most(kMaxPacket - 52, 'x');
  const std::string more(kMaxPacket - 51, 'x');
  wire::Order good = rig.order();
  good.segment = wire::OrderSegment{1, 2, 3, 4};
  good.request = as_bytes(most);
  const auto shots = rig.give({good});
  BOOST_REQUIRE_EQUAL(shots.size(), 1U);
  rig.desk.finished(shots[0]);
  (void)rig.outcome();
  wire::Order bad = good;
  bad.request = as_bytes(more);
  rig.refused(bad, rig.desk.counters().bad_request);
  bad = good;
  bad.segment->early = 255;
  rig.refused(bad, rig.desk.counters().bad_request);
  bad = good;
  bad.request = {};
  rig.refused(bad, rig.desk.counters().bad_request);
  bad = good;
  bad.echo = true;
  rig.refused(bad, rig.desk.counters().bad_request);
  bad = good;
  bad.server_cookie = as_bytes("sixteen octets!!");
  rig.refused(bad, rig.desk.counters().bad_request);
  bad = good;
  bad.address = 2;
  rig.refused(bad, rig.desk.counters().foreign_source);
}

BOOST_AUTO_TEST_CASE(without_sockets_for_packets_segments_are_refused) {
  Rig rig;
  OrderDesk desk({{kService4}, {1e6, 1e6}}, 1, rig.pool);
  desk.open_session(0, rig.master.session(), rig.master.key());
  wire::Services services;
  services.services.push_back(service("web", {kService4}, {*parse_ip("192.0.2.80")}));
  (void)desk.set_services(0, services);
  desk.set_racing(0, true);
  wire::Order o = rig.order();
  o.segment = wire::OrderSegment{1, 2, 3, 4};
  auto datagram = rig.master.seal({o}, rig.map.to_ref(rig.now - 3ms));
  BOOST_TEST(desk.datagram(datagram, rig.now, {rig.now, rig.map}).empty());
  BOOST_TEST(desk.counters().foreign_source.get() == 1U);
}

BOOST_AUTO_TEST_CASE(the_servers_cookie_is_returned_behind_the_clients) {
  Rig rig;
  wire::Order o = rig.order();
  const auto q = query("www.example.test", kA, true, true);
  o.request = q;
  o.server_cookie = as_bytes("sixteen octets!!");
  const auto shots = rig.give({o});
  BOOST_REQUIRE_EQUAL(shots.size(), 1U);
  const std::string answer(as_text(rig.pool.answer(shots[0]).first(rig.pool[shots[0]].length)));
  BOOST_TEST(answer.find("clientcksixteen octets!!") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(all_orders_of_a_datagram_become_shots) {
  Rig rig;
  std::vector<wire::Order> orders;
  for (std::uint64_t i = 0; i < 20; ++i) {
    orders.push_back(rig.order(25ms + i * 1us));
    orders.back().race = i;
  }
  const auto shots = rig.give(orders);
  BOOST_REQUIRE_EQUAL(shots.size(), 20U);
  for (std::size_t i = 0; i < 20; ++i) BOOST_TEST(rig.pool[shots[i]].race == i);
}

BOOST_AUTO_TEST_CASE(a_shot_that_comes_back_is_an_outcome_with_its_transmit_error) {
  Rig rig;
  const auto shots = rig.give({rig.order()});
  Shot& shot = rig.pool[shots[0]];
  shot.fate = Fate::sent;
  shot.transmitted = shot.due + 12us;
  rig.desk.finished(shots[0]);
  const wire::RaceOutcome o = rig.outcome();
  BOOST_TEST((o.fate == Fate::sent));
  BOOST_TEST((o.transmit_error == 12us));
  BOOST_TEST((o.one_way == 3ms));
  BOOST_TEST(rig.pool.in_use() == 0U);
}

BOOST_AUTO_TEST_CASE(the_way_that_is_reported_is_late_exactly_when_the_order_is) {
  // The kernel had the datagram 2 ms before the desk: a busy host. What was sent 3 ms before that needs 5 ms.
  for (const Nanos ahead : {Nanos(5ms), Nanos(5ms) - Nanos(1)}) {
    Rig rig;
    wire::Order order = rig.order();
    order.instant = rig.map.to_ref(rig.now - 5ms) + ahead;
    auto datagram = rig.master.seal({order}, rig.map.to_ref(rig.now - 5ms));
    const auto shots = rig.desk.datagram(datagram, rig.now - 2ms, {rig.now, rig.map});
    BOOST_REQUIRE_EQUAL(shots.size(), 1U);
    BOOST_TEST((rig.pool[shots[0]].one_way == 5ms));
    BOOST_TEST(rig.pool[shots[0]].late == (ahead < 5ms));
  }
}

/// The TTL of the only record, which ends the answer: four octets, before a length and an IPv4 address.
std::uint32_t ttl_of(Rig& rig, std::uint32_t shot) {
  const Bytes answer = rig.pool.answer(shot).first(rig.pool[shot].length);
  ByteReader reader(answer.last(10));
  return reader.u32();
}

BOOST_AUTO_TEST_CASE(an_echo_is_a_second_answer_with_another_ttl_and_without_an_outcome) {
  Rig rig;
  wire::Order o = rig.order();
  o.echo = true;
  const auto shots = rig.give({o});
  BOOST_REQUIRE_EQUAL(shots.size(), 2U);
  const Shot& first = rig.pool[shots[0]];
  const Shot& second = rig.pool[shots[1]];
  BOOST_TEST((!first.echo && second.echo));
  BOOST_TEST((first.due == rig.now + 25ms));
  BOOST_TEST((second.due == rig.now + 45ms));
  BOOST_TEST((second.client == first.client));
  BOOST_TEST(second.source == first.source);
  BOOST_TEST(ttl_of(rig, shots[0]) == 30U);
  BOOST_TEST(ttl_of(rig, shots[1]) == 29U);
  rig.pool[shots[0]].fate = rig.pool[shots[1]].fate = Fate::sent;
  rig.desk.finished(shots[1]);
  rig.desk.finished(shots[0]);
  BOOST_TEST((rig.outcome().fate == Fate::sent));
  BOOST_TEST(rig.desk.counters().echoed.get() == 1U);
  BOOST_TEST(rig.desk.counters().queued.get() == 1U);
  BOOST_TEST(rig.pool.in_use() == 0U);
}

BOOST_AUTO_TEST_CASE(an_echo_takes_from_the_cap_and_is_left_out_before_an_answer_is) {
  Rig rig(64, {1, 3});
  wire::Order o = rig.order();
  o.echo = true;
  BOOST_TEST(rig.give({o, o}).size() == 3U);
  BOOST_TEST(rig.desk.counters().echo_left_out.get() == 1U);
  BOOST_TEST(rig.desk.counters().over_rate.get() == 0U);
  BOOST_TEST(rig.give({rig.order()}).empty());
  BOOST_TEST(rig.desk.counters().over_rate.get() == 1U);
}

BOOST_AUTO_TEST_CASE(a_full_queue_or_a_kernel_that_refuses_leaves_an_echo_out) {
  Rig rig(3);
  wire::Order o = rig.order();
  o.echo = true;
  const auto shots = rig.give({o, o});
  BOOST_REQUIRE_EQUAL(shots.size(), 3U);
  BOOST_TEST(rig.desk.counters().echo_left_out.get() == 1U);
  rig.pool[shots[1]].fate = Fate::failed;
  rig.desk.finished(shots[1]);
  BOOST_TEST(rig.desk.counters().echo_left_out.get() == 2U);
  BOOST_TEST(rig.desk.counters().echoed.get() == 0U);
  BOOST_TEST(rig.desk.outcomes(0).empty());
}

BOOST_AUTO_TEST_CASE(a_late_answer_has_no_echo) {
  Rig rig;
  wire::Order o = rig.order(-2ms);
  o.echo = true;
  BOOST_TEST(rig.give({o}).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_shadow_is_prepared_and_timed_but_never_a_shot) {
  Rig rig;
  wire::Order o = rig.order();
  o.shadow = o.echo = true;
  BOOST_TEST(rig.give({o}).empty());
  const wire::RaceOutcome in_time = rig.outcome();
  BOOST_TEST((in_time.fate == Fate::withheld));
  BOOST_TEST((in_time.one_way == 3ms));
  BOOST_TEST((in_time.transmit_error == 0ns));
  o.instant = rig.map.to_ref(rig.now - 2ms);
  BOOST_TEST(rig.give({o}).empty());
  const wire::RaceOutcome late = rig.outcome();
  BOOST_TEST((late.fate == Fate::withheld));
  BOOST_TEST((late.transmit_error == 2ms));
  BOOST_TEST(rig.desk.counters().withheld.get() == 2U);
  BOOST_TEST(rig.pool.in_use() == 0U);
  o.instant = rig.map.to_ref(rig.now + 25ms);
  const auto unanswerable = query("www.example.test", kTxt);
  o.request = unanswerable;
  rig.refused(o, rig.desk.counters().bad_request);
}

BOOST_AUTO_TEST_CASE(a_slave_without_a_zone_of_its_own_refuses_beacons) {
  Rig rig;
  wire::Order o = rig.order();
  o.beacon = true;
  rig.refused(o, rig.desk.counters().no_beacon);
}

BOOST_AUTO_TEST_CASE(a_late_order_is_sent_at_once_or_dropped_as_its_service_says) {
  Rig rig;
  const auto shots = rig.give({rig.order(-2ms)});
  BOOST_REQUIRE_EQUAL(shots.size(), 1U);
  BOOST_TEST(rig.pool[shots[0]].late);
  BOOST_TEST(rig.desk.counters().late_sent.get() == 1U);
  rig.pool[shots[0]].fate = Fate::sent_late;
  rig.desk.finished(shots[0]);
  (void)rig.outcome();
  wire::Order strict = rig.order(-2ms);
  strict.service = 1;
  rig.refused(strict, rig.desk.counters().late_dropped, Fate::dropped_late);
  // Nobody waits for an answer this old, whatever the service says.
  rig.refused(rig.order(-6s), rig.desk.counters().late_dropped, Fate::dropped_late);
}

BOOST_AUTO_TEST_CASE(bad_orders_are_refused_each_with_a_counter_of_its_own) {
  Rig rig;
  const OrderCounters& c = rig.desk.counters();
  wire::Order o = rig.order();
  o.service = 2;
  rig.refused(o, c.unknown_service);
  o = rig.order();
  o.address = 3;
  rig.refused(o, c.unknown_service);
  o = rig.order();
  o.address = 2;  // the service has it, transmit.sources has not
  rig.refused(o, c.foreign_source);
  rig.refused(rig.order(11s), c.too_far);
  const auto txt = query("www.example.test", kTxt);
  o = rig.order();
  o.request = txt;
  rig.refused(o, c.bad_request);
  o.request = as_bytes("no query");
  rig.refused(o, c.bad_request);
  o.request = Bytes();
  rig.refused(o, c.bad_request);
  // A response must never be answered: two slaves could keep each other busy.
  auto response = rig.a_query;
  response[2] |= 0x80;
  o.request = response;
  rig.refused(o, c.bad_request);
}

BOOST_AUTO_TEST_CASE(a_service_without_an_address_of_the_asked_family_is_not_answered_for) {
  Rig rig;
  wire::Order o = rig.order();
  const auto aaaa = query("www.example.test", kAaaa);
  o.service = 1;  // has an IPv4 address only
  o.request = aaaa;
  rig.refused(o, rig.desk.counters().bad_request);
}

BOOST_AUTO_TEST_CASE(
    nothing_is_ever_sent_to_addresses_that_no_client_has_and_that_says_nothing_of_the_slave) {
  Rig rig;
  for (const char* client :
       {"0.0.0.0:53", "0.1.2.3:53", "224.0.0.251:53", "239.1.1.1:53", "255.255.255.255:53"}) {
    wire::Order o = rig.order();
    o.client = *parse_endpoint(client);
    rig.dropped(o, rig.desk.counters().bad_client);
  }
  for (const char* client : {"[::]:53", "[ff02::1]:53"}) {
    wire::Order o = rig.order();
    o.address = 1;
    o.client = *parse_endpoint(client);
    rig.dropped(o, rig.desk.counters().bad_client);
  }
  wire::Order o = rig.order();
  o.client.port = 0;
  rig.dropped(o, rig.desk.counters().bad_client);
  o = rig.order();
  o.client = *parse_endpoint("192.0.2.1:53");  // a service's own
  rig.dropped(o, rig.desk.counters().bad_client);
  o = rig.order();
  o.client = kClient6;  // from an IPv4 source
  rig.dropped(o, rig.desk.counters().bad_client);
}

BOOST_AUTO_TEST_CASE(a_slave_that_stands_down_refuses_orders) {
  Rig rig;
  rig.desk.set_racing(0, false);
  rig.refused(rig.order(), rig.desk.counters().stood_down);
  rig.desk.set_racing(0, true);
  BOOST_TEST(rig.give({rig.order()}).size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_rate_cap_refuses_what_is_above_it_and_recovers) {
  Rig rig(64, {100, 5});
  const std::vector<wire::Order> orders(8, rig.order());
  BOOST_TEST(rig.give(orders).size() == 5U);
  BOOST_TEST(rig.desk.counters().over_rate.get() == 3U);
  rig.now += 20ms;
  BOOST_TEST(rig.give({rig.order(), rig.order(), rig.order()}).size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_full_queue_refuses_the_newest_and_takes_again_when_one_has_left) {
  Rig rig(4);
  std::vector<wire::Order> orders(6, rig.order());
  for (std::size_t i = 0; i < orders.size(); ++i) orders[i].race = 100 + i;
  const auto shots = rig.give(orders);
  BOOST_TEST(shots.size() == 4U);
  BOOST_TEST(rig.desk.counters().queue_full.get() == 2U);
  // The master hears which races this slave is not in.
  const auto& outcomes = rig.desk.outcomes(0);
  BOOST_REQUIRE_EQUAL(outcomes.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    BOOST_TEST((outcomes[i].fate == Fate::refused));
    BOOST_TEST(outcomes[i].race == 104 + i);
  }
  rig.desk.finished(shots[0]);
  BOOST_TEST(rig.give({rig.order()}).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_replayed_datagram_is_dropped) {
  Rig rig;
  const auto datagram = rig.master.seal({rig.order()}, rig.map.to_ref(rig.now));
  BOOST_TEST(rig.give(datagram).size() == 1U);
  BOOST_TEST(rig.give(datagram).empty());
  BOOST_TEST(rig.desk.counters().replayed.get() == 1U);
}

BOOST_AUTO_TEST_CASE(reordered_datagrams_each_pass_once) {
  Rig rig;
  std::vector<std::vector<std::uint8_t>> datagrams;
  datagrams.reserve(10);
  for (int i = 0; i < 10; ++i) datagrams.push_back(rig.master.seal({rig.order()}, rig.map.to_ref(rig.now)));
  std::ranges::reverse(datagrams);
  for (auto& datagram : datagrams) BOOST_TEST(rig.give(datagram).size() == 1U);
}

BOOST_AUTO_TEST_CASE(every_changed_octet_makes_a_datagram_worthless) {
  Rig rig;
  const auto good = rig.master.seal({rig.order()}, rig.map.to_ref(rig.now));
  for (std::size_t at = 0; at < good.size(); ++at) {
    auto bad = good;
    bad[at] ^= 0x40;
    BOOST_TEST(rig.give(bad).empty());
  }
  const OrderCounters& c = rig.desk.counters();
  BOOST_TEST(c.malformed.get() + c.unknown_session.get() + c.forged.get() + c.replayed.get() == good.size());
  BOOST_TEST(c.malformed.get() == 3U);
  BOOST_TEST(c.unknown_session.get() == 4U);
  BOOST_TEST(c.orders.get() == 0U);
  BOOST_TEST(rig.give(good).size() == 1U);
}

BOOST_AUTO_TEST_CASE(every_truncation_makes_a_datagram_worthless) {
  Rig rig;
  const auto good = rig.master.seal({rig.order()}, rig.map.to_ref(rig.now));
  for (std::size_t n = 0; n < good.size(); ++n)
    BOOST_TEST(rig.give(std::vector(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n))).empty());
  BOOST_TEST(rig.desk.counters().orders.get() == 0U);
}

BOOST_AUTO_TEST_CASE(a_datagram_of_a_session_that_ended_is_stale) {
  Rig rig;
  const auto stale = rig.master.seal({rig.order()}, rig.map.to_ref(rig.now));
  rig.desk.close_session(0);
  BOOST_TEST(rig.give(stale).empty());
  BOOST_TEST(rig.desk.counters().unknown_session.get() == 1U);
  // Also when the same master is back with a new session and key.
  const Master reborn(8, 0x11);
  rig.desk.open_session(0, reborn.session(), reborn.key());
  BOOST_TEST(rig.give(stale).empty());
  BOOST_TEST(rig.desk.counters().unknown_session.get() == 2U);
}

BOOST_AUTO_TEST_CASE(a_master_cannot_use_another_masters_session) {
  Rig rig;
  Master other(rig.master.session(), 0x77);  // the right session, the wrong key
  BOOST_TEST(rig.give(other.seal({rig.order()}, rig.map.to_ref(rig.now))).empty());
  BOOST_TEST(rig.desk.counters().forged.get() == 1U);
}

BOOST_AUTO_TEST_CASE(two_masters_are_served_side_by_side) {
  Rig rig;
  Master second(9, 0x77);
  rig.desk.open_session(1, second.session(), second.key());
  wire::Services services;
  services.services.push_back(service("other", {kService4}, {*parse_ip("192.0.2.99")}));
  rig.desk.set_services(1, services);
  rig.desk.set_racing(1, true);
  const auto shots = rig.give(second.seal({rig.order()}, rig.map.to_ref(rig.now)));
  BOOST_REQUIRE_EQUAL(shots.size(), 1U);
  const Bytes answer = rig.pool.answer(shots[0]).first(rig.pool[shots[0]].length);
  BOOST_TEST(answer[answer.size() - 1] == 99);
  BOOST_TEST(rig.give({rig.order()}).size() == 1U);
  rig.desk.finished(shots[0]);
  BOOST_TEST(rig.desk.outcomes(0).empty());
  (void)rig.outcome(1);
}

BOOST_AUTO_TEST_CASE(queued_shots_outlive_their_session_and_only_their_outcome_is_lost) {
  Rig rig;
  const auto shots = rig.give({rig.order()});
  rig.desk.close_session(0);
  BOOST_TEST((rig.pool[shots[0]].client == kClient4));
  rig.pool[shots[0]].fate = Fate::sent;
  rig.desk.finished(shots[0]);
  BOOST_TEST(rig.desk.counters().outcomes_lost.get() == 1U);
  BOOST_TEST(rig.pool.in_use() == 0U);
}

BOOST_AUTO_TEST_CASE(orders_sent_before_the_present_services_are_dropped) {
  Rig rig;
  wire::Services services;
  services.services.push_back(service("new", {kService4}, {*parse_ip("192.0.2.99")}));
  services.since = rig.map.to_ref(rig.now);
  rig.desk.set_services(0, services);
  BOOST_TEST(rig.give({rig.order()}, 1ns).empty());
  BOOST_TEST(rig.desk.counters().outdated.get() == 1U);
  BOOST_TEST(rig.give({rig.order()}, 0ns).size() == 1U);
}

BOOST_AUTO_TEST_CASE(before_services_came_there_is_nothing_to_answer_with) {
  Rig rig;
  const Master fresh(20, 1);
  Master talker(20, 1);
  rig.desk.open_session(0, fresh.session(), fresh.key());
  rig.desk.set_racing(0, true);
  BOOST_TEST(rig.give(talker.seal({rig.order()}, rig.map.to_ref(rig.now))).empty());
  BOOST_TEST(rig.desk.counters().unknown_service.get() == 1U);
}

BOOST_AUTO_TEST_CASE(the_master_is_told_which_addresses_have_a_source) {
  const Rig rig;
  BOOST_REQUIRE_EQUAL(rig.ready.addresses.size(), 2U);
  BOOST_TEST(rig.ready.addresses[0] == 0b011U);
  BOOST_TEST(rig.ready.addresses[1] == 0b1U);
}

BOOST_AUTO_TEST_CASE(outcomes_beyond_what_a_report_holds_are_counted) {
  Rig rig;
  rig.desk.set_racing(0, false);
  for (std::size_t i = 0; i < OrderDesk::kMostOutcomes + 10; ++i) rig.give({rig.order()});
  BOOST_TEST(rig.desk.outcomes(0).size() == OrderDesk::kMostOutcomes);
  BOOST_TEST(rig.desk.counters().outcomes_lost.get() == 10U);
}

BOOST_AUTO_TEST_CASE(any_plaintext_that_a_master_seals_is_survived) {
  Rig rig;
  SeededRandom random(3);
  for (int i = 0; i < 5000; ++i) {
    std::vector<std::uint8_t> plaintext(random.next() % 200);
    for (std::uint8_t& octet : plaintext) octet = static_cast<std::uint8_t>(random.next());
    if (plaintext.size() > 10 && i % 2 == 0) {  // half of them with a plausible header
      std::fill_n(plaintext.begin(), 9, std::uint8_t{0});
      plaintext[9] = 3;
      plaintext[0] = 0x17;
    }
    for (const std::uint32_t shot : rig.give(rig.master.seal_bytes(plaintext))) rig.desk.finished(shot);
    rig.desk.clear_outcomes(0, true);
  }
  BOOST_TEST(rig.desk.counters().bad_plaintext.get() > 1000U);
  BOOST_TEST(rig.pool.in_use() == 0U);
}

BOOST_AUTO_TEST_CASE(a_link_with_a_map_of_its_own_goes_by_that) {
  Rig rig;
  clocksync::RefMap theirs = rig.map;
  theirs.offset += 10ms;
  rig.desk.set_map(0, &theirs);
  const auto shots = rig.give({rig.order(25ms)});
  BOOST_REQUIRE_EQUAL(shots.size(), 1U);
  BOOST_TEST((rig.pool[shots[0]].due == rig.now + 15ms));
  BOOST_TEST((rig.pool[shots[0]].one_way == 13ms));
  rig.desk.set_map(0, nullptr);
  const auto host = rig.give({rig.order(25ms)});
  BOOST_REQUIRE_EQUAL(host.size(), 1U);
  BOOST_TEST((rig.pool[host[0]].due == rig.now + 25ms));
}

BOOST_AUTO_TEST_CASE(orders_that_by_our_clock_have_not_been_sent_yet_are_refused) {
  Rig rig;
  rig.desk.set_racing(0, true, 2ms);
  const wire::Order order = rig.order(25ms);
  // Sent by the bounds of both clocks ahead of ours: still possible. A nanosecond more is not.
  BOOST_REQUIRE_EQUAL(rig.give({order}, -2ms).size(), 1U);
  BOOST_TEST(rig.give({order}, -2ms - 1ns).empty());
  BOOST_TEST(rig.desk.counters().unsent.get() == 1U);
  BOOST_TEST((rig.outcome().fate == Fate::refused));
}

BOOST_AUTO_TEST_CASE(orders_beside_a_leap_second_are_refused) {
  Rig rig;
  const Counter& refused = rig.desk.counters().near_leap;
  const auto accepted = [&](const wire::Order& order) {
    const auto shots = rig.give({order});
    BOOST_REQUIRE_EQUAL(shots.size(), 1U);
    rig.desk.finished(shots[0]);
    (void)rig.outcome();
  };
  const Nanos day = std::chrono::hours(24);
  const Nanos midnight = (rig.map.offset / day + 1) * day;
  rig.map.offset = midnight - rig.now.time_since_epoch() - 2s - 10ms;
  accepted(rig.order(25ms));  // an ordinary midnight
  rig.map.leap_pending = true;
  rig.refused(rig.order(25ms), refused);  // the instant is too near
  accepted(rig.order(5ms));
  rig.map.offset += 3s;
  rig.refused(rig.order(25ms), refused);  // just after it
  rig.refused(rig.order(1500ms), refused);
  rig.map.offset += 2s;
  rig.refused(rig.order(25ms), refused);  // nothing was measured since
  rig.map.measured = rig.now;
  accepted(rig.order(25ms));
}

BOOST_AUTO_TEST_CASE(a_beacon_is_a_cname_with_ttl_0_into_this_slaves_zone_and_is_made_known) {
  Rig rig;
  wire::Services services;
  services.beacon_zone = "fra.beacon.example.test";
  services.services.push_back(service("web", {kService4}, {*parse_ip("192.0.2.80")}));
  const auto ready = rig.desk.set_services(0, services, true);
  BOOST_TEST(ready.beacons);
  wire::Order o = rig.order();
  o.beacon = true;
  o.echo = true;  // has no meaning beside a beacon
  const auto shots = rig.give({o});
  BOOST_REQUIRE_EQUAL(shots.size(), 1U);
  const Bytes answer = rig.pool.answer(shots[0]).first(rig.pool[shots[0]].length);
  const std::size_t at = rig.a_query.size();
  const std::vector<std::uint8_t> head = {0xc0, 0x0c, 0, 5, 0, 1, 0, 0, 0, 0, 0, 58, 32};
  BOOST_TEST(std::vector(answer.begin() + static_cast<long>(at),
                         answer.begin() + static_cast<long>(at + 13)) == head,
             boost::test_tools::per_element());
  const auto label = parse_beacon_label(answer.subspan(at + 13, kBeaconLabel));
  BOOST_REQUIRE(label.has_value());
  BOOST_TEST(label->race == o.race);
  BOOST_TEST(label->service == service_tag("web"));
  BOOST_TEST(genuine(wire::SipKey{}, *label));
  BOOST_REQUIRE(rig.desk.issued().size() == 1U);
  const IssuedBeacon& issued = rig.desk.issued()[0];
  BOOST_TEST(issued.race == o.race);
  BOOST_TEST((issued.due == rig.now + 25ms));
  BOOST_TEST((issued.client == kClient4.ip));

  rig.desk.won({0, issued.session, {o.race, 9ms, true}});
  rig.desk.won({0, issued.session + 1, {o.race, 9ms, true}});  // an older session's
  BOOST_REQUIRE(rig.desk.beacon_wins(0).size() == 1U);
  BOOST_TEST(rig.desk.counters().wins_lost.get() == 1U);
  rig.desk.clear_outcomes(0, true);
  BOOST_TEST(rig.desk.beacon_wins(0).empty());
}

BOOST_AUTO_TEST_CASE(a_beacon_where_there_is_no_zone_for_it_is_refused) {
  Rig rig;
  BOOST_TEST(!rig.ready.beacons);
  wire::Order o = rig.order();
  o.beacon = true;
  rig.refused(o, rig.desk.counters().no_beacon);
  BOOST_TEST(rig.desk.issued().empty());
}

BOOST_AUTO_TEST_SUITE_END()
