#include "master/request_core.hh"

#include <fmt/core.h>

#include <boost/test/unit_test.hpp>
#include <map>

#include "allocation_count.hh"
#include "master/config.hh"
#include "tests/unit/dns/dns_text.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using namespace std::chrono_literals;
using master::Fallback;
using master::OrderDatagram;
using master::RequestCore;

namespace {

constexpr MonoTime kNow = MonoTime(Nanos(50'000'000'000));
constexpr Nanos kRealMinusMono = 1'700'000'000s;
constexpr std::uint16_t kA = 1;
constexpr std::uint16_t kAaaa = 28;
constexpr std::uint16_t kMx = 15;
const Endpoint kClient{*parse_ip("192.0.2.77"), 5353};

std::vector<std::uint8_t> make_query(const std::string& name, std::uint16_t type, Bytes option = {}) {
  std::vector<std::uint8_t> out(512);
  ByteWriter w(out);
  w.u16(0x1234);
  w.u16(0);
  w.u16(1);
  w.u16(0);
  w.u16(0);
  w.u16(option.empty() ? 0 : 1);
  for (std::size_t at = 0; at < name.size();) {
    const std::size_t dot = std::min(name.find('.', at), name.size());
    w.u8(static_cast<std::uint8_t>(dot - at));
    w.bytes(as_bytes(name.substr(at, dot - at)));
    at = dot + 1;
  }
  w.u8(0);
  w.u16(type);
  w.u16(1);
  if (!option.empty()) {
    w.u8(0);
    w.u16(41);
    w.u16(1232);
    w.u32(0);
    w.sized(option);
  }
  out.resize(w.size());
  return out;
}

/// Keeps what comes out, in fixed memory, so that it allocates nothing itself.
struct Output final : master::RequestOutput {
  std::array<std::uint8_t, 4096> room{};
  std::size_t answers = 0;
  std::size_t last_length = 0;
  Endpoint last_to;
  std::size_t order_datagrams = 0;
  bool refuse_orders = false;
  std::function<void(OrderDatagram&)> on_order;

  MutableBytes answer_room() override { return room; }
  void send_answer(std::size_t length, const Endpoint& to) override {
    ++answers;
    last_length = length;
    last_to = to;
  }
  void send_orders(std::span<OrderDatagram> datagrams) override {
    for (OrderDatagram& d : datagrams) {
      d.sent = !refuse_orders;
      ++order_datagrams;
      if (on_order) on_order(d);
    }
  }
  [[nodiscard]] test::Answer last() const { return test::read_answer(Bytes(room).first(last_length)); }
};

/// Keeps what the ledger would be told.
struct Log final : master::RaceLog {
  std::vector<master::RaceRecord> records;
  Log() { records.reserve(20'000); }
  void log(const master::RaceRecord& record) noexcept override { records.push_back(record); }
  template <class T>
  [[nodiscard]] std::vector<T> all() const {
    std::vector<T> out;
    for (const auto& r : records)
      if (const T* one = std::get_if<T>(&r)) out.push_back(*one);
    return out;
  }
};

/// The example zone ("*.race" is service 1, "www" service 0), three slaves fit for both.
struct Fixture {
  SeededRandom random{3};
  std::vector<std::unique_ptr<dns::Zone>> zones;
  dns::Cookies cookies{{{1, 2, 3}}};
  std::unique_ptr<dns::FrontEnd> front_end;
  master::RequestOptions options;
  std::shared_ptr<master::Snapshot> snapshot = std::make_shared<master::Snapshot>();
  std::unique_ptr<RequestCore> core;
  Output output;
  Log log;
  master::BurstTimes times{kNow, kRealMinusMono};

  explicit Fixture(bool open_guard = true) {
    zones.push_back(test::example_zone());
    front_end = std::make_unique<dns::FrontEnd>(zones, cookies, dns::FrontEnd::Options{"m1", 1232, false});
    options.slaves = 3;
    if (open_guard) options.race.guard.total = options.race.guard.prefix = {1e6, 1e6};
    snapshot->slaves.resize(3);
    snapshot->services.resize(2);
    for (std::uint16_t i = 0; i < 3; ++i) {
      snapshot->slaves[i] = {
          true, 7U + i, {}, {*parse_ip("198.51.100.1"), static_cast<std::uint16_t>(4954 + i)}};
      for (auto& service : snapshot->services) {
        service.has_v4 = true;
        service.delay = 25ms;
        service.v4.push_back({i, static_cast<std::uint16_t>(&service - snapshot->services.data()), 1});
      }
    }
    snapshot->clock.status = wire::ClockStatus::synchronised;
    snapshot->clock.measured = kNow;
    snapshot->clock.bound = 1ms;
    snapshot->clock.offset = kRealMinusMono + 5ms;
    snapshot->max_error = 5ms;
    core = std::make_unique<RequestCore>(options, *front_end, random, &log);
    core->take_over(snapshot);
  }
  /// All services, from now on.
  void make_shadow() {
    options.race.any_shadow = true;
    core = std::make_unique<RequestCore>(options, *front_end, random);
    auto shadow = std::make_shared<master::Snapshot>(*snapshot);
    for (auto& service : shadow->services) service.shadow = true;
    core->take_over(shadow);
  }
  void limit(const dns::RateLimit::Options& to) {
    options.limit = to;
    core = std::make_unique<RequestCore>(options, *front_end, random, &log);
    core->take_over(snapshot);
  }
  /// One burst of one query that came 2 ms ago.
  void ask(const std::vector<std::uint8_t>& query, const Endpoint& client = kClient) {
    core->begin(times);
    core->query(query, client, RealTime(kNow.time_since_epoch() + kRealMinusMono - 2ms), 0, output);
    core->finish(kNow + 100us, output);
  }
  [[nodiscard]] std::uint64_t fallback(Fallback reason) const {
    return core->counters().fallback.get(reason);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(request_core)

BOOST_AUTO_TEST_CASE(a_raced_query_becomes_one_order_a_slave_and_no_answer) {
  Fixture f;
  const auto query = make_query("x1.RACE.example.test", kA);
  unsigned orders = 0;
  f.output.on_order = [&](OrderDatagram& d) {
    std::vector<std::uint8_t> copy(d.bytes.begin(), d.bytes.end());
    net::Opener opener{net::SealKey{}};
    const auto opened = opener.open(copy);
    BOOST_REQUIRE((opened.verdict == net::Opener::Verdict::ok));
    wire::OrderReader reader(opened.plaintext);
    wire::Order order;
    while (reader.next(order)) {
      ++orders;
      BOOST_TEST(order.service == 1U);
      BOOST_TEST((order.client == kClient));
      BOOST_TEST(std::vector<std::uint8_t>(order.request.begin(), order.request.end()) == query);
      BOOST_TEST(order.server_cookie.empty());
      // receipt (2 ms before now) in reference time plus the delay
      BOOST_TEST(to_ns(order.instant) == to_ns(kNow) + Nanos(kRealMinusMono + 5ms - 2ms + 25ms).count());
    }
    BOOST_TEST(to_ns(reader.sent()) == to_ns(kNow) + Nanos(100us + kRealMinusMono + 5ms).count());
  };
  f.ask(query);
  BOOST_TEST(orders == 3U);
  BOOST_TEST(f.output.answers == 0U);
  BOOST_TEST(f.core->counters().races.get() == 1U);
  BOOST_TEST(f.core->counters().queue_age.count() == 1U);
  BOOST_TEST(f.core->counters().queue_age.max().count() == 2'000'000);
}

BOOST_AUTO_TEST_CASE(a_cookie_travels_with_the_order) {
  Fixture f;
  const std::array<std::uint8_t, 12> option = {0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8};
  unsigned cookies = 0;
  f.output.on_order = [&](OrderDatagram& d) {
    std::vector<std::uint8_t> copy(d.bytes.begin(), d.bytes.end());
    net::Opener opener{net::SealKey{}};
    wire::OrderReader reader(opener.open(copy).plaintext);
    wire::Order order;
    while (reader.next(order)) cookies += order.server_cookie.size() == 16 ? 1U : 0U;
  };
  f.ask(make_query("x1.race.example.test", kA, option));
  BOOST_TEST(cookies == 3U);
}

BOOST_AUTO_TEST_CASE(whoever_asks_again_gets_the_zones_own_answer) {
  Fixture f;
  const auto query = make_query("x1.race.example.test", kA);
  f.ask(query);
  f.ask(query);
  BOOST_TEST(f.output.answers == 1U);
  BOOST_TEST((f.output.last_to == kClient));
  BOOST_TEST(f.fallback(Fallback::retry) == 1U);
  const test::Answer answer = f.output.last();
  BOOST_TEST(answer.rcode == 0U);
  BOOST_REQUIRE(answer.answer.size() == 1U);
  BOOST_TEST(answer.answer[0].find("192.0.2.20") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_query_of_a_mixed_burst_is_raced_or_answered_exactly_once) {
  Fixture f;
  f.core->begin(f.times);
  std::vector<std::vector<std::uint8_t>> queries;
  for (unsigned i = 0; i < master::kMostQueries; ++i) {
    switch (i % 4) {
      case 0:
        queries.push_back(make_query(fmt::format("n{}.race.example.test", i), kA));
        break;
      case 1:
        queries.push_back(make_query("example.test", kMx));
        break;
      case 2:
        queries.push_back(make_query("www.example.test", kAaaa));
        break;  // no slave has IPv6 answers
      case 3:
        queries.push_back(make_query("nothing.example.test", kA));
        break;
    }
  }
  for (const auto& q : queries) f.core->query(q, kClient, RealTime(), 0, f.output);
  f.core->finish(kNow, f.output);
  BOOST_TEST(f.core->counters().races.get() == 16U);
  BOOST_TEST(f.fallback(Fallback::type_not_raced) == 16U);
  BOOST_TEST(f.output.answers == 48U);
  // 16 orders of about 70 octets for each slave
  BOOST_TEST(f.output.order_datagrams <= 6U);
  BOOST_TEST(f.core->orders(2).orders.get() == 16U);
}

BOOST_AUTO_TEST_CASE(when_no_order_can_be_sent_the_client_is_answered_after_all) {
  Fixture f;
  f.output.refuse_orders = true;
  f.ask(make_query("x1.race.example.test", kA));
  BOOST_TEST(f.output.answers == 1U);
  BOOST_TEST(f.fallback(Fallback::order_send_failed) == 1U);
  BOOST_TEST(f.core->counters().races.get() == 0U);
  BOOST_TEST(f.output.last().answer.size() == 1U);
}

BOOST_AUTO_TEST_CASE(in_the_shadow_slaves_get_marked_orders_and_the_client_its_answer_at_once) {
  Fixture f;
  f.make_shadow();
  unsigned orders = 0;
  unsigned answers_before = 0;
  f.output.on_order = [&](OrderDatagram& d) {
    answers_before += static_cast<unsigned>(f.output.answers);
    std::vector<std::uint8_t> copy(d.bytes.begin(), d.bytes.end());
    net::Opener opener{net::SealKey{}};
    wire::OrderReader reader(opener.open(copy).plaintext);
    wire::Order order;
    while (reader.next(order)) orders += order.shadow ? 1U : 0U;
  };
  f.ask(make_query("x1.race.example.test", kA));
  BOOST_TEST(orders == 3U);
  BOOST_TEST(answers_before == 3U);  // before each of the three datagrams
  BOOST_TEST(f.output.answers == 1U);
  BOOST_TEST((f.output.last_to == kClient));
  BOOST_TEST(f.output.last().answer.size() == 1U);
  BOOST_TEST(f.core->counters().shadow_races.get() == 1U);
  BOOST_TEST(f.core->counters().races.get() == 0U);
  BOOST_TEST(f.core->burst_races() == 0U);  // nobody waits: queries must not gather
}

BOOST_AUTO_TEST_CASE(in_the_shadow_an_order_that_cannot_be_sent_makes_no_second_answer) {
  Fixture f;
  f.make_shadow();
  f.output.refuse_orders = true;
  f.ask(make_query("x1.race.example.test", kA));
  BOOST_TEST(f.output.answers == 1U);
  BOOST_TEST(f.fallback(Fallback::order_send_failed) == 1U);
  BOOST_TEST(f.core->counters().shadow_races.get() == 0U);
  f.output.refuse_orders = false;
  f.ask(make_query("x1.race.example.test", kA));  // asked again: answered, and not ordered
  BOOST_TEST(f.output.answers == 2U);
  BOOST_TEST(f.fallback(Fallback::retry) == 1U);
}

BOOST_AUTO_TEST_CASE(a_pause_takes_effect_with_the_next_snapshot) {
  Fixture f;
  auto paused = std::make_shared<master::Snapshot>(*f.snapshot);
  paused->paused = true;
  f.core->take_over(paused);
  f.ask(make_query("x1.race.example.test", kA));
  BOOST_TEST(f.fallback(Fallback::paused) == 1U);
  f.core->take_over(f.snapshot);
  f.ask(make_query("x1.race.example.test", kA));
  BOOST_TEST(f.core->counters().races.get() == 1U);
}

BOOST_AUTO_TEST_CASE(over_tcp_there_is_no_race) {
  Fixture f;
  std::vector<std::uint8_t> room(65535);
  const auto query = make_query("x1.race.example.test", kA);
  const std::size_t length = f.core->stream_query(query, kClient, f.times, room);
  BOOST_TEST(test::read_answer(Bytes(room).first(length)).answer.size() == 1U);
  BOOST_TEST(f.fallback(Fallback::tcp) == 1U);
  BOOST_TEST(f.core->stream_query(Bytes(query).first(5), kClient, f.times, room) == 0U);
}

BOOST_AUTO_TEST_CASE(an_empty_burst_and_garbage_send_nothing) {
  Fixture f;
  f.core->begin(f.times);
  f.core->finish(kNow, f.output);
  SeededRandom noise(9);
  for (int i = 0; i < 2000; ++i) {
    std::vector<std::uint8_t> bytes(noise.next() % 11);
    for (auto& b : bytes) b = static_cast<std::uint8_t>(noise.next());
    f.ask(bytes);
  }
  BOOST_TEST(f.output.answers == 0U);
  BOOST_TEST(f.output.order_datagrams == 0U);
}

BOOST_AUTO_TEST_CASE(ten_thousand_queries_allocate_nothing) {
  Fixture f;
  std::vector<std::vector<std::uint8_t>> queries;
  const std::array<std::uint8_t, 12> cookie = {0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8};
  for (int i = 0; i < 10'000; ++i) {
    switch (i % 8) {
      case 5:
        queries.push_back(make_query("example.test", kMx));
        break;
      case 6:
        queries.push_back(make_query(fmt::format("no{}.example.test", i), kA));
        break;
      case 7:
        queries.push_back({1, 2, 3});
        break;
      default:
        queries.push_back(
            make_query(fmt::format("n{}.race.example.test", i), kA, i % 2 == 0 ? Bytes() : Bytes(cookie)));
    }
  }
  const std::size_t before = test::allocations();
  for (std::size_t i = 0; i < queries.size();) {
    f.core->begin(f.times);
    for (unsigned n = 0; n < master::kMostQueries && i < queries.size(); ++n, ++i) {
      Endpoint client = kClient;
      client.ip.octets[1] = static_cast<std::uint8_t>(i);
      f.core->query(queries[i], client, RealTime(kNow.time_since_epoch() + kRealMinusMono), 0, f.output);
    }
    f.output.refuse_orders = i % 3 == 0;
    f.core->finish(kNow, f.output);
    f.times.now += 10us;
  }
  BOOST_TEST(test::allocations() == before);
  BOOST_TEST(f.core->counters().races.get() > 3000U);
  BOOST_TEST(f.fallback(Fallback::order_send_failed) > 1000U);
  const std::vector<int> proof(100);  // and the count does count
  BOOST_TEST(test::allocations() > before);
}

BOOST_AUTO_TEST_CASE(a_tight_guard_turns_races_into_ordinary_answers) {
  Fixture f(false);
  for (int i = 0; i < 100; ++i) f.ask(make_query(fmt::format("n{}.race.example.test", i), kA));
  BOOST_TEST(f.core->counters().races.get() == 20U);
  BOOST_TEST(f.fallback(Fallback::guard_prefix) == 80U);
  BOOST_TEST(f.output.answers == 80U);
}

BOOST_AUTO_TEST_CASE(a_network_that_asks_too_much_is_told_to_come_over_tcp_or_hears_nothing) {
  for (const auto* name : {"example.test", "nothing.example.test", "www.example.org"}) {  // errors, too
    Fixture f;
    f.limit({.network = {1, 2}});
    const auto query = make_query(name, kMx);
    f.ask(query);
    f.ask(query);
    const auto whole = f.output.last();
    BOOST_TEST(!whole.tc);
    BOOST_TEST(f.output.answers == 2U);
    for (int i = 0; i < 3; ++i) f.ask(query);
    BOOST_TEST(f.output.answers == 4U);
    const auto cut = f.output.last();
    BOOST_TEST(cut.tc);
    BOOST_TEST(cut.answer.empty());
    BOOST_TEST(cut.authority.empty());
    BOOST_TEST(cut.rcode == whole.rcode);
    BOOST_TEST(f.output.last_length <= query.size());
    BOOST_TEST(f.core->counters().limited.get() == 3U);
    BOOST_TEST(f.core->counters().slipped.get() == 2U);
    std::vector<std::uint8_t> room(65535);
    const std::size_t length = f.core->stream_query(query, kClient, f.times, room);
    BOOST_TEST(!test::read_answer(Bytes(room).first(length)).tc);
    f.times.now += 2s;
    f.ask(query);
    BOOST_TEST(!f.output.last().tc);
  }
}

/// Service 1 of a director that pings: nothing is known of anybody, until know() is called.
struct WaitingFixture : Fixture {
  master::ServiceConfig config;
  std::shared_ptr<master::Snapshot> waiting = std::make_shared<master::Snapshot>(*snapshot);
  director::View view;

  explicit WaitingFixture(Nanos wait = 200ms) {
    config.name = "race";
    config.slaves = {{"fra", {*parse_ip("192.0.2.10")}, {}}, {"nyc", {*parse_ip("192.0.2.20")}, {}}};
    auto& service = waiting->services[1];
    service.servers = std::make_shared<const master::ServerAnswers>(config);
    service.slaves = {0, 1};
    service.wait = wait;
    view.tables = {director::PrefixTableEditor().publish()};
    view.book = 0;
    view.entries = std::make_shared<const std::vector<director::Entry>>(
        std::vector<director::Entry>{{director::Order::of(1)}});
    view.fit = 0b11;
    view.otherwise = director::Order::of(0);
    options.services = 2;
    core = std::make_unique<RequestCore>(options, *front_end, random, &log);
    publish();
  }
  void publish() {
    auto next = std::make_shared<master::Snapshot>(*waiting);
    next->services[1].view = std::make_shared<const director::View>(view);
    core->take_over(next);
  }
  /// The pings are in: nyc is the nearest of the client's network.
  void know() {
    director::PrefixTableEditor book;
    book.set(*parse_prefix("192.0.2.0/24"), 1);
    view.tables = {book.publish()};
    publish();
    core->release(0, times, output);
  }
  [[nodiscard]] std::string answered() const { return output.last().answer.at(0); }
};

BOOST_AUTO_TEST_CASE(the_ledger_hears_when_what_was_raced_is_answered_by_what_is_known) {
  WaitingFixture f(0s);
  f.view.races = true;
  const auto ask = [&](double sample) {
    f.view.sample = sample;
    f.know();
    f.ask(make_query("x.race.example.test", kA));
  };
  f.options.race.teach.share = 0;
  ask(0);  // bound: answered, and never raced
  BOOST_TEST(f.output.answers == 1U);
  BOOST_TEST(f.log.all<master::QuestionRepeated>().empty());
  ask(1);
  const auto races = f.log.all<master::RaceStarted>();
  BOOST_REQUIRE(races.size() == 1U);
  ask(0);  // the network has doubled the query
  BOOST_TEST(f.output.answers == 2U);
  const auto again = f.log.all<master::QuestionRepeated>();
  BOOST_REQUIRE(again.size() == 1U);
  BOOST_TEST((again[0].client == kClient.ip));
  BOOST_TEST(again[0].question == races[0].question);
  f.ask(make_query("y.race.example.test", kA));  // another one
  f.times.now += 4s;
  ask(0);  // long after
  BOOST_TEST(f.log.all<master::QuestionRepeated>().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_query_waits_until_its_client_is_measured) {
  WaitingFixture f;
  f.ask(make_query("x.race.example.test", kA));
  BOOST_TEST(f.output.answers == 0U);
  BOOST_TEST(f.core->holds());
  const auto asked = f.log.all<master::NetworkAsked>();
  BOOST_REQUIRE(asked.size() == 1U);
  BOOST_TEST(asked[0].waits);
  f.times.now += 100ms;
  f.core->release(0, f.times, f.output);
  BOOST_TEST(f.output.answers == 0U);
  f.core->release(1, f.times, f.output);  // not its address
  f.know();
  BOOST_REQUIRE(f.output.answers == 1U);
  BOOST_TEST((f.output.last_to == kClient));
  BOOST_TEST(f.answered().ends_with("192.0.2.20"), f.answered());
  BOOST_TEST(!f.core->holds());
  BOOST_TEST(f.core->counters().held.get() == 1U);
  BOOST_TEST(f.core->counters().held_in_vain.get() == 0U);
}

BOOST_AUTO_TEST_CASE(who_is_not_measured_in_time_is_answered_all_the_same_and_waits_once) {
  WaitingFixture f;
  f.ask(make_query("x.race.example.test", kA));
  f.ask(make_query("x.race.example.test", kA));  // asked again: answered at once
  BOOST_TEST(f.output.answers == 1U);
  BOOST_TEST(f.answered().ends_with("192.0.2.10"), f.answered());
  f.times.now += 200ms;
  f.core->release(0, f.times, f.output);
  BOOST_TEST(f.output.answers == 2U);
  BOOST_TEST(f.core->counters().held_in_vain.get() == 1U);
  // Over TCP nobody waits.
  std::vector<std::uint8_t> room(65535);
  BOOST_TEST(f.core->stream_query(make_query("y.race.example.test", kA), {*parse_ip("198.51.100.9"), 1},
                                  f.times, room) > 0U);
}

BOOST_AUTO_TEST_CASE(only_so_many_wait_and_the_others_are_answered) {
  WaitingFixture f;
  const unsigned count = 2 * master::HeldQueries::kMost;
  for (unsigned i = 0; i < count; ++i) {
    IpAddress client = *parse_ip("10.0.0.1");
    client.octets[1] = static_cast<std::uint8_t>(i >> 8);
    client.octets[2] = static_cast<std::uint8_t>(i);
    f.ask(make_query("x.race.example.test", kA), {client, 53});
  }
  const auto& counters = f.core->counters();
  BOOST_TEST(counters.held.get() == master::HeldQueries::kMost);
  BOOST_TEST(counters.held_not.get() > 0U);
  BOOST_TEST(f.output.answers == count - master::HeldQueries::kMost);
  f.times.now += 1s;
  const std::size_t before = test::allocations();
  f.core->release(0, f.times, f.output);
  BOOST_TEST(test::allocations() == before);
  BOOST_TEST(f.output.answers == count);
}

BOOST_AUTO_TEST_CASE(who_asks_for_a_unique_name_is_told_of_over_udp_and_tcp) {
  Fixture f;
  f.options.unique_names = "race.example.test";
  f.core = std::make_unique<RequestCore>(f.options, *f.front_end, f.random, &f.log);
  f.core->take_over(f.snapshot);
  f.ask(make_query("www.example.test", kA));
  f.ask(make_query("abcdefgh12.race.example.test", kA));
  std::vector<std::uint8_t> room(65535);
  BOOST_TEST(f.core->stream_query(make_query("ABCDEFGH12.race.example.test", kA), kClient, f.times, room) >
             0U);
  const auto told = f.log.all<master::UniqueName>();
  BOOST_REQUIRE(told.size() == 2U);
  BOOST_TEST((told[0].who == kClient.ip && !told[0].fetched));
  BOOST_TEST(told[0].name == told[1].name);
}

BOOST_AUTO_TEST_CASE(a_snapshot_brings_another_limit_and_without_one_it_stays) {
  Fixture f;
  f.limit({.network = {1, 2}});
  const auto query = make_query("example.test", kMx);
  const auto cut = [&] {
    f.ask(query);
    return f.output.last().tc;
  };
  BOOST_TEST(!cut());
  BOOST_TEST(!cut());
  BOOST_TEST(cut());
  auto next = std::make_shared<master::Snapshot>(*f.snapshot);
  f.core->take_over(std::make_shared<const master::Snapshot>(*next));
  f.ask(query);  // slip: not cut, and not sent
  BOOST_TEST(f.core->counters().limited.get() == 2U);
  next->limit = {.network = {0, 1}};
  f.core->take_over(std::make_shared<const master::Snapshot>(*next));
  for (int i = 0; i < 10; ++i) BOOST_TEST(!cut());
  next->limit = {.network = {1, 1}, .slip = 1};
  f.core->take_over(next);
  BOOST_TEST(!cut());
  BOOST_TEST(cut());
  BOOST_TEST(cut());
}

BOOST_AUTO_TEST_CASE(races_are_not_limited_and_neither_is_who_shows_our_cookie) {
  Fixture f;
  f.limit({.network = {1, 1}, .slip = 0});
  for (int i = 0; i < 10; ++i) f.ask(make_query(fmt::format("n{}.race.example.test", i), kA));
  BOOST_TEST(f.core->counters().races.get() == 10U);
  const std::array<std::uint8_t, 12> option = {0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8};
  f.ask(make_query("example.test", kMx, option));
  BOOST_TEST(f.output.answers == 1U);
  const auto got = f.output.last();
  BOOST_REQUIRE(got.option(10) != nullptr);
  std::vector<std::uint8_t> shown{0, 10, 0, static_cast<std::uint8_t>(got.option(10)->size())};
  shown.insert(shown.end(), got.option(10)->begin(), got.option(10)->end());
  for (int i = 0; i < 5; ++i) f.ask(make_query("example.test", kMx, shown));
  BOOST_TEST(f.output.answers == 6U);
  f.ask(make_query("example.test", kMx));
  BOOST_TEST(f.output.answers == 6U);
  // An answer to a question that is raced no more is an answer like others.
  f.ask(make_query("n1.race.example.test", kA));
  BOOST_TEST(f.output.answers == 6U);
  BOOST_TEST(f.core->counters().limited.get() == 2U);
  BOOST_TEST(f.core->counters().slipped.get() == 0U);
}

BOOST_AUTO_TEST_CASE(the_ledger_hears_of_a_race_once_its_orders_have_left) {
  Fixture f;
  f.ask(make_query("x1.RACE.example.test", kA));
  const auto started = f.log.all<master::RaceStarted>();
  BOOST_REQUIRE_EQUAL(started.size(), 1U);
  const master::RaceStarted& s = started[0];
  BOOST_TEST((s.received == kNow - 2ms && s.due == kNow + 23ms && s.delay == 25ms));
  BOOST_TEST((s.dispatch == 2100us));  // the orders left 0.1 ms after the burst began
  BOOST_TEST((s.client == kClient && s.service == 1 && s.dns_id == 0x1234 && s.address == 0));
  BOOST_TEST(unsigned{s.count} == 3U);
  BOOST_TEST((s.echo == master::kNoEcho && !s.shadow && !s.beacon));
  BOOST_TEST(s.question ==
             master::QuestionHash(0)(as_bytes(std::string("\2x1\4race\7example\4test\0", 22)), kA));
  Fixture refused;
  refused.output.refuse_orders = true;
  refused.ask(make_query("x1.race.example.test", kA));
  BOOST_TEST(refused.log.records.empty());
}

BOOST_AUTO_TEST_CASE(the_ledger_hears_of_questions_that_come_again_also_when_the_clock_or_tcp_is_why) {
  Fixture f;
  const auto query = make_query("x1.race.example.test", kA);
  f.ask(query);
  f.ask(query);
  BOOST_TEST(f.fallback(Fallback::retry) == 1U);
  BOOST_TEST(f.log.all<master::QuestionRepeated>().size() == 1U);
  f.snapshot->clock.status = wire::ClockStatus::free_running;
  f.ask(query);
  BOOST_TEST(f.fallback(Fallback::clock) == 1U);
  BOOST_TEST(f.log.all<master::QuestionRepeated>().size() == 2U);
  f.ask(make_query("x2.race.example.test", kA));  // the first time
  BOOST_TEST(f.log.all<master::QuestionRepeated>().size() == 2U);
  std::vector<std::uint8_t> room(65535);
  (void)f.core->stream_query(query, kClient, f.times, room);
  const auto repeated = f.log.all<master::QuestionRepeated>();
  BOOST_REQUIRE_EQUAL(repeated.size(), 3U);
  const auto started = f.log.all<master::RaceStarted>();
  for (const auto& r : repeated) BOOST_TEST((r.client == kClient.ip && r.question == started.at(0).question));
}

BOOST_AUTO_TEST_CASE(only_the_clients_own_word_about_its_port_reaches_the_ledger) {
  Fixture f;
  f.ask(make_query("www.example.test", kMx));  // any answer, for its bytes
  auto answer = make_query("x1.race.example.test", kA);
  answer[2] = 0x84;  // as a slave would answer
  answer[7] = 1;
  for (const unsigned octet : {0xc0U, 12U, 0U, 1U, 0U, 1U, 0U, 0U, 0U, 30U, 0U, 4U, 192U, 0U, 2U, 10U})
    answer.push_back(static_cast<std::uint8_t>(octet));
  net::UdpError error;
  error.to = kClient;
  error.offender = kClient.ip;
  error.type = 3;
  error.code = 3;
  error.quoted = answer;
  f.core->error(error, 1, kNow);
  const auto unwanted = f.log.all<master::AnswerUnwanted>();
  BOOST_REQUIRE_EQUAL(unwanted.size(), 1U);
  BOOST_TEST((unwanted[0].client == kClient && unwanted[0].at == kNow && unwanted[0].address == 1));
  BOOST_TEST((unwanted[0].dns_id == 0x1234 && unwanted[0].ttl == 30 && unwanted[0].count == 1));
  BOOST_TEST((unwanted[0].answers[0] == *parse_ip("192.0.2.10")));
  net::UdpError other = error;
  other.code = 13;
  f.core->error(other, 1, kNow);
  other = error;
  other.offender = *parse_ip("203.0.113.1");
  f.core->error(other, 1, kNow);
  BOOST_TEST(f.core->counters().errors_elsewhere.get() == 2U);
  other = error;
  other.quoted = Bytes(answer).first(answer.size() - 1);
  f.core->error(other, 1, kNow);
  BOOST_TEST(f.core->counters().errors_unreadable.get() == 1U);
  BOOST_TEST(f.log.all<master::AnswerUnwanted>().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_race_that_teaches_has_two_runners_and_one_is_asked_for_an_echo) {
  Fixture f;
  f.options.race.teach = {1, 2};
  f.core = std::make_unique<RequestCore>(f.options, *f.front_end, f.random, &f.log);
  f.core->take_over(f.snapshot);
  unsigned orders = 0;
  unsigned echoes = 0;
  f.output.on_order = [&](OrderDatagram& d) {
    std::vector<std::uint8_t> copy(d.bytes.begin(), d.bytes.end());
    net::Opener opener{net::SealKey{}};
    wire::OrderReader reader(opener.open(copy).plaintext);
    for (wire::Order order; reader.next(order); ++orders) echoes += order.echo ? 1 : 0;
  };
  f.ask(make_query("x1.race.example.test", kA));
  BOOST_TEST(orders == 2U);
  BOOST_TEST(echoes == 1U);
  BOOST_TEST(unsigned{f.log.all<master::RaceStarted>().at(0).count} == 2U);
  BOOST_TEST(f.log.all<master::RaceStarted>().at(0).echo < 2);
}

BOOST_AUTO_TEST_SUITE_END()
