#include "master/http_races.hh"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <deque>
#include <map>

#include "tests/unit/master/allocation_count.hh"
#include "tests/unit/master/http_fixture.hh"

using namespace flagfall;          // NOLINT(google-build-using-namespace): a test
using namespace flagfall::master;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;
using Handover = net::Handover;

namespace {

constexpr MonoTime kNow = MonoTime(Nanos(50s));
constexpr Nanos kDelay = 25ms;
constexpr std::uint32_t kClock = 1000;
const Endpoint kServer{*parse_ip("192.0.2.1"), 80};
const std::string kGet = "GET /a?b=c HTTP/1.1\r\nHost: www.example.test\r\n\r\n";

/// A master whose connections take what is asked of them, and its slaves, who open their orders.
struct Rig : HttpRaceOutput, RaceLog, HttpRacer {
  struct Order {
    std::string slave;
    wire::Order order;  // without views
    std::string content;
    std::string redirect;  // of an order for content
  };
  SeededRandom random{4};
  HttpRaceOptions options;
  std::optional<HttpRaces> races;
  test::HttpScene scene{this};
  Endpoint client{*parse_ip("203.0.113.9"), 40000};  // of no bound network
  MonoTime time = kNow;
  std::optional<MonoTime> received;
  Handover result = Handover::fits;
  std::size_t held = 0;  // of what does not fit
  bool timestamps = true;
  std::size_t room = 1448;
  std::size_t looked_at = 0;
  bool refuse_orders = false;
  std::map<std::uint16_t, net::Opener> openers;
  std::vector<Order> orders;
  std::string handed_over;
  std::vector<wire::TcpSegment> packets;
  std::deque<RaceRecord> records;
  static constexpr std::array<const char*, 3> kSlaves = {"fra", "nyc", "sin"};

  Rig() {
    options.slaves = 3;
    options.guard.verified_prefix = options.guard.verified_total = {1e6, 1e6};
    Snapshot& s = scene.snapshot;
    s.clock.status = wire::ClockStatus::synchronised;
    s.clock.bound = 1ms;
    s.clock.measured = kNow;
    s.max_error = 5ms;
    s.slaves.resize(3);
    RacedService& service = s.services[0];
    service.delay = kDelay;
    service.slaves = {0, 1, 2};
    for (std::uint16_t i = 0; i < 3; ++i) {
      s.slaves[i] = {true, i, {}, {*parse_ip("192.0.2.1"), static_cast<std::uint16_t>(1000 + i)}};
      s.slaves[i].key[0] = static_cast<std::uint8_t>(i);
      openers.emplace(s.slaves[i].orders.port, net::Opener(s.slaves[i].key));
      service.web.push_back({i, 0, 0b10});
    }
    scene.config.services[0].slaves[2].location = "{scheme}://singapore.example.test{path}";
    publish();
  }
  void publish() {
    scene.publish();
    if (!races) races.emplace(options, random, this);
    races->take_over(std::make_shared<const Snapshot>(scene.snapshot));
  }

  void send_orders(std::span<OrderDatagram> datagrams) override {
    for (OrderDatagram& d : datagrams) {
      d.sent = !refuse_orders;
      std::vector<std::uint8_t> copy(d.bytes.begin(), d.bytes.end());
      wire::OrderReader reader(openers.at(d.to.port).open(copy).plaintext);
      wire::Order order;
      while (reader.next(order))
        orders.push_back({kSlaves.at(d.to.port - 1000U), order, std::string(as_text(order.request)),
                          order.content ? std::string(as_text(order.content->redirect)) : ""});
      BOOST_TEST(reader.ok());
    }
  }
  net::TcpFit look_at(std::size_t octets) noexcept override {
    looked_at = octets;
    return {.result = held > 0 ? Handover::fits : result, .timestamps = timestamps, .room = room};
  }
  net::TcpHandoff hand_over(std::string_view answer) noexcept override {
    handed_over = answer;
    return {.result = result,
            .held = result == Handover::fits ? answer.size() : held,
            .send_next = 0xfffffff0,
            .receive_next = 7,
            .clock = kClock,
            .window = 500};
  }
  void send_packet(const wire::TcpSegment& segment) noexcept override { packets.push_back(segment); }
  [[nodiscard]] MonoTime now() const noexcept override { return time; }
  void log(const RaceRecord& record) noexcept override { records.push_back(record); }
  bool race(const HttpRaceOffer& offer) noexcept override {
    return races->race(offer, {client, kServer, 1, received.value_or(time)}, *this);
  }

  /// What the client gets of the master at once.
  std::string ask(const std::string& request = kGet) {
    scene.client = client.ip;
    std::string said = scene.said(request);
    (void)races->flush(*this);
    return said;
  }
  std::string why_not(const std::string& request = kGet) {
    std::vector<std::uint64_t> before;
    for (std::size_t i = 0; i < kFallbackNames.size(); ++i)
      before.push_back(races->counters().fallback.get(static_cast<Fallback>(i)));
    const std::string said = ask(request);
    BOOST_TEST(said.starts_with("HTTP/1.1 302 Found\r\n"));
    for (std::size_t i = 0; i < kFallbackNames.size(); ++i)
      if (races->counters().fallback.get(static_cast<Fallback>(i)) != before[i])
        return std::string(kFallbackNames.at(i));
    return "";
  }
  /// The client has taken the segment of this slave, and says so.
  void acknowledge(std::size_t order, MonoTime at = kNow + 60ms) {
    const auto& won = orders.at(order);
    const auto length = static_cast<std::uint32_t>(won.content.size());
    races->look({.source = client,
                 .destination = kServer,
                 .acknowledgement = won.order.segment->sequence + length,
                 .ack = true,
                 .timestamps = wire::TcpTimestamps{99, won.order.segment->timestamp}},
                at);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(http_races, Rig)

BOOST_AUTO_TEST_CASE(every_slave_gets_its_own_redirect_of_one_length_for_one_instant) {
  BOOST_TEST(ask().empty());
  BOOST_REQUIRE(orders.size() == 3U);
  for (const Order& each : orders) {
    const std::string name = each.slave == "sin" ? "singapore" : each.slave;
    BOOST_TEST(each.content.starts_with("HTTP/1.1 302 Found\r\nLocation: http://" + name +
                                        ".example.test/a?b=c\r\nCache-Control: no-store"));
    BOOST_TEST(each.content.ends_with("\r\nContent-Length: 0\r\n\r\n"));
    BOOST_TEST(each.content.size() == handed_over.size());
    BOOST_TEST(to_ns(each.order.instant) == to_ns(kNow + kDelay));
    BOOST_TEST(each.order.address == 1);
    BOOST_TEST((each.order.client == client));
    BOOST_TEST(each.order.segment->sequence == 0xfffffff0U);
    BOOST_TEST(each.order.segment->acknowledgement == 7U);
    BOOST_TEST(each.order.segment->window == 500);
    BOOST_TEST(each.order.segment->timestamp >= kClock);
    BOOST_TEST(each.order.segment->timestamp < kClock + 25);
  }
  BOOST_TEST(orders[0].order.segment->timestamp != orders[1].order.segment->timestamp);
  BOOST_TEST(orders[1].order.segment->timestamp != orders[2].order.segment->timestamp);
  BOOST_REQUIRE(packets.size() == 1U);
  BOOST_TEST(packets[0].sequence == 0xffffffefU);
  BOOST_TEST(races->counters().races.get() == 1U);
  BOOST_TEST(scene.desk.counters().raced.get() == 1U);
  BOOST_TEST(scene.desk.counters().answers(302) == 1U);
  BOOST_TEST(scene.desk.led(0, 0) + scene.desk.led(0, 1) + scene.desk.led(0, 2) == 0U);
}

BOOST_AUTO_TEST_CASE(a_get_for_content_is_ordered_with_the_request_and_each_slaves_redirect) {
  scene.config.services[0].http.responder = ServiceHttpConfig::Responder::backend;
  publish();
  BOOST_TEST(
      ask("GET /a?b=c HTTP/1.1\r\nHost: www.example.test\r\nAccept: x\r\nConnection: close\r\n\r\n").empty());
  BOOST_REQUIRE(orders.size() == 3U);
  BOOST_TEST(handed_over.size() == 1208U);  // one packet of 1,280 octets with IPv6
  BOOST_TEST(handed_over.find("Cache-Control: no-store   ") != std::string::npos);
  for (const Order& each : orders) {
    BOOST_REQUIRE(each.order.content.has_value());
    BOOST_TEST(each.content ==
               "GET /a?b=c HTTP/1.1\r\nHost: www.example.test\r\nAccept: x\r\nVia: 1.1 flagfall\r\n"
               "X-Forwarded-For: 203.0.113.9\r\n\r\n");
    const std::string name = each.slave == "sin" ? "singapore" : each.slave;
    BOOST_TEST(each.redirect.starts_with("HTTP/1.1 302 Found\r\nLocation: http://" + name +
                                         ".example.test/a?b=c\r\n"));
    BOOST_TEST(each.redirect.substr(each.order.content->blanks) ==
               "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    BOOST_TEST(each.order.content->length == 1208);
    BOOST_TEST(each.order.content->close);
  }
  BOOST_TEST(races->counters().contents.get() == 1U);
  BOOST_TEST(races->counters().not_contents.get() == 0U);
  // The client's acknowledgement is of the whole segment.
  races->look({.source = client,
               .destination = kServer,
               .acknowledgement = orders[1].order.segment->sequence + 1208,
               .ack = true,
               .timestamps = wire::TcpTimestamps{99, orders[1].order.segment->timestamp}},
              kNow + 60ms);
  BOOST_TEST(races->counters().won.get() == 1U);
}

BOOST_AUTO_TEST_CASE(content_has_the_room_of_the_connection_and_never_less_than_the_redirects) {
  scene.config.services[0].http.responder = ServiceHttpConfig::Responder::backend;
  publish();
  room = 700;
  BOOST_TEST(ask().empty());
  BOOST_TEST(handed_over.size() == 700U);
  BOOST_TEST(orders.at(0).order.content->length == 700);
  BOOST_TEST(!orders.at(0).order.content->close);
  BOOST_TEST(looked_at == orders.at(2).redirect.size() + 3);  // the longest, and what may be early
  room = looked_at;
  BOOST_TEST(ask().empty());
  BOOST_TEST(handed_over.size() == looked_at);
}

BOOST_AUTO_TEST_CASE(content_for_clients_without_timestamps_leaves_room_for_what_is_early) {
  options.early_octets = true;
  races.emplace(options, random, this);
  scene.config.services[0].http.responder = ServiceHttpConfig::Responder::backend;
  publish();
  timestamps = false;
  room = 700;
  BOOST_TEST(ask().empty());
  BOOST_TEST(handed_over.size() == 697U);
  BOOST_REQUIRE(orders.size() == 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    BOOST_TEST(orders[i].order.content->length == 697);
    BOOST_TEST(orders[i].order.segment->early == i + 1);
  }
  // Where the packet is what limits it, too.
  room = 1460;
  BOOST_TEST(ask().empty());
  BOOST_TEST(handed_over.size() == 1205U);
}

BOOST_AUTO_TEST_CASE(what_no_server_can_be_asked_for_is_raced_as_redirects) {
  scene.config.services[0].http.responder = ServiceHttpConfig::Responder::backend;
  publish();
  std::uint64_t plain = 0;
  for (const std::string& request :
       {std::string("HEAD / HTTP/1.1\r\nHost: www.example.test\r\n\r\n"),
        std::string("GET / HTTP/1.0\r\nHost: www.example.test\r\n\r\n"),
        std::string("DELETE / HTTP/1.1\r\nHost: www.example.test\r\n\r\n"),
        "GET / HTTP/1.1\r\nHost: www.example.test\r\nCookie: " + std::string(950, 'c') + "\r\n\r\n",
        std::string("GET / HTTP/1.1\r\nHost: www.example.test\r\nVia: 1.1 flagfall\r\n\r\n")}) {
    orders.clear();
    BOOST_TEST(ask(request).empty(), request);
    BOOST_REQUIRE(orders.size() == 3U);
    for (const Order& each : orders) {
      BOOST_TEST(!each.order.content);
      BOOST_TEST(each.content.size() == handed_over.size());
      BOOST_TEST(each.content.starts_with("HTTP/1.1 30"));
    }
    BOOST_TEST(races->counters().not_contents.get() == ++plain);
  }
  BOOST_TEST(races->counters().contents.get() == 0U);
}

BOOST_AUTO_TEST_CASE(the_ledger_hears_of_the_race_and_of_whom_the_client_has_acknowledged) {
  (void)ask();
  BOOST_REQUIRE(records.size() == 1U);
  const auto started = std::get<RaceStarted>(records.front());
  BOOST_TEST(started.count == 3);
  BOOST_TEST((started.client == client));
  BOOST_TEST(to_ns(started.due) == to_ns(kNow + kDelay));
  for (std::size_t i = 0; i < 3; ++i) {
    orders.clear();
    records.clear();
    client.port = static_cast<std::uint16_t>(41000 + i);
    (void)ask();
    acknowledge(i);
    BOOST_REQUIRE(records.size() == 2U);
    const auto won = std::get<SegmentWon>(records.back());
    BOOST_TEST(won.race == std::get<RaceStarted>(records.front()).id);
    BOOST_TEST(kSlaves.at(won.slave) == orders[i].slave);
    acknowledge(i);  // again
    BOOST_TEST(records.size() == 2U);
  }
  BOOST_TEST(races->counters().won.get() == 3U);
  BOOST_TEST(races->in_flight() == 1U);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_handed_over_is_answered_by_the_master_and_says_why) {
  for (const auto& [is, name] : {std::pair{Handover::options, "tcp_options"},
                                 {Handover::busy, "tcp_busy"},
                                 {Handover::room, "tcp_room"},
                                 {Handover::closing, "tcp_closing"},
                                 {Handover::failed, "tcp_failed"}}) {
    result = is;
    BOOST_TEST(why_not() == name);
  }
  result = Handover::fits;
  BOOST_TEST(orders.empty());
  scene.snapshot.services[0].delay = kMostTcpDelay + 1ms;
  publish();
  BOOST_TEST(why_not() == "tcp_delay");
  scene.snapshot.services[0].delay = kDelay;
  scene.snapshot.paused = true;
  publish();
  BOOST_TEST(why_not() == "paused");
  scene.snapshot.paused = false;
  scene.snapshot.max_error = 1us;
  publish();
  BOOST_TEST(why_not() == "clock");
  scene.snapshot.max_error = 5ms;
  scene.snapshot.services[0].web.clear();
  publish();
  BOOST_TEST(why_not() == "no_fit_slave");
  BOOST_TEST(races->in_flight() == 0U);
}

BOOST_AUTO_TEST_CASE(clients_without_timestamps_are_raced_where_that_is_wanted) {
  timestamps = false;
  BOOST_TEST(why_not() == "tcp_options");
  options.early_octets = true;
  races.emplace(options, random, this);
  publish();
  BOOST_TEST(ask() == "");
  BOOST_REQUIRE_EQUAL(orders.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    BOOST_TEST(orders[i].order.segment->early == i + 1);
    BOOST_TEST(orders[i].order.segment->sequence == 0xfffffff0U - i - 1);
  }
  const auto length = static_cast<std::uint32_t>(orders[0].content.size());
  races->look({.source = client,
               .destination = kServer,
               .acknowledgement = 0xfffffff0 + length,
               .ack = true,
               .sack = {{{0xffffffee, 0xfffffff0}}},
               .sacks = 1},
              kNow + 60ms);
  BOOST_TEST(races->counters().won.get() == 1U);
  BOOST_TEST(std::get<SegmentWon>(records.back()).slave == 1);
}

BOOST_AUTO_TEST_CASE(an_answer_that_the_kernel_has_in_part_is_not_written_again) {
  result = Handover::failed;
  held = 10;
  BOOST_TEST(ask().empty());
  BOOST_TEST(orders.empty());
}

BOOST_AUTO_TEST_CASE(requests_in_one_segment_or_with_content_are_not_raced) {
  const std::string said = ask(kGet + kGet);
  BOOST_TEST(said.starts_with("HTTP/1.1 302 Found\r\n"));
  BOOST_TEST(races->counters().fallback.get(Fallback::tcp_busy) == 2U);
  (void)ask("POST / HTTP/1.1\r\nHost: www.example.test\r\nContent-Length: 9\r\n\r\n123");
  BOOST_TEST(races->counters().fallback.get(Fallback::tcp_busy) == 3U);
  BOOST_TEST(orders.empty());
}

BOOST_AUTO_TEST_CASE(a_redirect_that_fits_no_segment_is_not_raced) {
  scene.config.services[0].slaves[1].location = "http://nyc.test/" + std::string(900, 'x') + "{path}";
  publish();
  BOOST_TEST(why_not("GET /" + std::string(240, 'a') + " HTTP/1.1\r\nHost: www.example.test\r\n\r\n") ==
             "too_big");
}

BOOST_AUTO_TEST_CASE(bound_clients_are_not_raced_and_shadow_races_are_none) {
  client.ip = *parse_ip("198.51.100.7");
  BOOST_TEST(why_not() == "");
  client.ip = *parse_ip("203.0.113.9");
  scene.snapshot.services[0].shadow = true;
  publish();
  BOOST_TEST(why_not() == "");
  scene.snapshot.services[0].shadow = false;
  scene.snapshot.services[0].delegated = true;
  publish();
  BOOST_TEST(why_not() == "");
  BOOST_TEST(orders.empty());
}

BOOST_AUTO_TEST_CASE(a_client_network_has_its_budget) {
  options.guard.verified_prefix = {1, 3};
  races.emplace(options, random, this);
  publish();
  result = Handover::options;  // costs nothing
  for (int i = 0; i < 9; ++i) BOOST_TEST(why_not() == "tcp_options");
  result = Handover::fits;
  for (int i = 0; i < 3; ++i) BOOST_TEST(ask().empty());
  BOOST_TEST(why_not() == "guard_prefix");
}

BOOST_AUTO_TEST_CASE(orders_that_nobody_takes_leave_the_answer_to_the_kernel) {
  refuse_orders = true;
  BOOST_TEST(ask().empty());
  BOOST_TEST(races->counters().fallback.get(Fallback::order_send_failed) == 1U);
  BOOST_TEST(races->counters().races.get() == 0U);
  BOOST_TEST(races->in_flight() == 0U);
  BOOST_TEST(records.empty());
}

BOOST_AUTO_TEST_CASE(a_short_delay_is_stretched_until_every_slave_has_its_timestamp) {
  scene.snapshot.services[0].delay = 1ms;
  publish();
  (void)ask();
  BOOST_TEST(to_ns(orders.at(0).order.instant) == to_ns(kNow + 5ms));
}

BOOST_AUTO_TEST_CASE(the_delay_counts_from_the_receipt_and_leaves_every_slave_its_timestamp) {
  received = kNow - 7ms;
  (void)ask();
  BOOST_TEST(to_ns(orders.at(0).order.instant) == to_ns(kNow + 18ms));
  for (const Order& each : orders) BOOST_TEST(each.order.segment->timestamp < kClock + 18);
  received = kNow - 24ms;
  (void)ask();
  BOOST_TEST(to_ns(orders.at(3).order.instant) == to_ns(kNow + 5ms));
  received = kNow - 1s;
  (void)ask();
  BOOST_TEST(to_ns(orders.at(6).order.instant) == to_ns(kNow + 5ms));
}

BOOST_AUTO_TEST_CASE(races_end_with_their_time_or_with_the_next_one_of_their_connection) {
  (void)ask();
  (void)ask();
  BOOST_TEST(races->in_flight() == 1U);
  BOOST_TEST(races->counters().unheard.get() == 1U);
  races->advance(kNow + kDelay + 1s);
  BOOST_TEST(races->in_flight() == 1U);
  races->advance(kNow + kDelay + 3s);
  BOOST_TEST(races->in_flight() == 0U);
  BOOST_TEST(races->counters().unheard.get() == 2U);
  acknowledge(0);
  BOOST_TEST(races->counters().won.get() == 0U);
}

BOOST_AUTO_TEST_CASE(there_are_so_many_at_once_and_no_more) {
  options.most = 4;
  races.emplace(options, random, this);
  publish();
  for (std::uint16_t i = 0; i < 4; ++i) {
    client.port = i;
    BOOST_TEST(ask().empty());
  }
  client.port = 4;
  BOOST_TEST(why_not() == "races_in_flight");
  orders.erase(orders.begin(), orders.end() - 3);
  client.port = 3;
  acknowledge(0);
  client.port = 4;
  BOOST_TEST(ask().empty());
}

BOOST_AUTO_TEST_CASE(strangers_packets_change_nothing) {
  (void)ask();
  const wire::TcpSegment old = packets.at(0);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    wire::TcpView packet{.source = client, .destination = kServer, .ack = i % 3 == 0, .rst = i % 3 == 1};
    packet.sequence = static_cast<std::uint32_t>(random.next());
    packet.acknowledgement = old.sequence - i % 100;
    packet.timestamps = wire::TcpTimestamps{static_cast<std::uint32_t>(random.next()), kClock + i % 30};
    if (i % 5 == 0) packet.source.port ^= 1;
    races->look(packet, kNow);
  }
  BOOST_TEST(races->in_flight() == 1U);
  acknowledge(0);
  BOOST_TEST(races->counters().won.get() == 1U);
}

BOOST_AUTO_TEST_CASE(a_race_allocates_nothing) {
  struct Quiet final : HttpRaceOutput {
    void send_orders(std::span<OrderDatagram> datagrams) override {
      for (OrderDatagram& d : datagrams) d.sent = true;
    }
    net::TcpFit look_at(std::size_t /*octets*/) noexcept override {
      return {.result = Handover::fits, .timestamps = true, .room = 1448};
    }
    net::TcpHandoff hand_over(std::string_view answer) noexcept override {
      return {.result = Handover::fits, .held = answer.size()};
    }
    void send_packet(const wire::TcpSegment& /*segment*/) noexcept override {}
    [[nodiscard]] MonoTime now() const noexcept override { return kNow; }
  } quiet;
  HttpRaces silent(options, random, nullptr);
  silent.take_over(std::make_shared<const Snapshot>(scene.snapshot));
  const HttpSites::Found found = [&] {
    static HttpSites::HostRoom host_room;
    return scene.snapshot.http->find("www.example.test", "/", host_room);
  }();
  HttpRedirect redirect;
  redirect.values = {"http", found.host, "/"};
  http::Request request{
      .method = "GET", .path = "/", .host = "www.example.test", .port = "", .fields = "A: b\r\n"};
  HttpSite site = *found.site;
  const std::size_t before = test::allocations();
  for (std::uint16_t i = 0; i < 1000; ++i) {
    site.contents = i % 2 == 0;
    if (!silent.race({site, redirect, request, 0, true}, {{client.ip, i}, kServer, 1, kNow}, quiet)) break;
    if (i % 7 == 0) (void)silent.flush(quiet);
    silent.advance(kNow + Nanos(i * 5ms));
  }
  (void)silent.flush(quiet);
  BOOST_TEST(test::allocations() == before);
  BOOST_TEST(silent.counters().races.get() == 1000U);
  BOOST_TEST(silent.counters().contents.get() == 500U);
}

BOOST_AUTO_TEST_SUITE_END()
