#include "master/order_book.hh"

#include <boost/test/unit_test.hpp>
#include <map>
#include <set>

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using master::OrderBook;
using master::OrderDatagram;
using master::Snapshot;

namespace {

constexpr RefTime kSent = RefTime(Nanos(1'700'000'000'000'000'000));

/// Opens what is sent; refuses datagrams to ports in `refused`.
struct Sink final : master::OrderSink {
  struct Got {
    Endpoint to;
    RefTime sent;
    std::vector<std::uint64_t> races;
    std::size_t size = 0;
    net::SealHeader header;
  };
  std::map<std::uint16_t, net::Opener> openers;  // by port
  std::set<std::uint16_t> refused;
  std::vector<Got> got;

  void send_orders(std::span<OrderDatagram> datagrams) override {
    for (OrderDatagram& d : datagrams) {
      if (refused.contains(d.to.port)) continue;
      d.sent = true;
      std::vector<std::uint8_t> copy(d.bytes.begin(), d.bytes.end());
      Got g{d.to, {}, {}, copy.size(), net::parse_seal_header(copy).value_or(net::SealHeader{})};
      const auto opened = openers.at(d.to.port).open(copy);
      BOOST_REQUIRE((opened.verdict == net::Opener::Verdict::ok));
      wire::OrderReader reader(opened.plaintext);
      wire::Order order;
      while (reader.next(order)) g.races.push_back(order.race);
      BOOST_TEST(reader.ok());
      g.sent = reader.sent();
      got.push_back(std::move(g));
    }
  }
};

struct Fixture {
  Snapshot snapshot;
  Sink sink;
  std::vector<std::uint8_t> request = std::vector<std::uint8_t>(60, 7);

  Fixture() {
    snapshot.slaves.resize(3);
    for (std::uint16_t i = 0; i < 3; ++i) session(i, 1);
  }
  void session(std::uint16_t slave, std::uint8_t generation) {
    auto& s = snapshot.slaves[slave];
    s.live = true;
    s.session = slave + 10U * generation;
    s.key = {};
    s.key[0] = static_cast<std::uint8_t>(slave);
    s.key[1] = generation;
    s.orders = {*parse_ip("192.0.2.1"), static_cast<std::uint16_t>(1000 + slave)};
    sink.openers.erase(s.orders.port);
    sink.openers.emplace(s.orders.port, net::Opener(s.key));
  }
  wire::Order order(std::uint64_t race) {
    wire::Order o;
    o.race = race;
    o.instant = kSent;
    o.client = {*parse_ip("198.51.100.1"), 5353};
    o.request = request;
    return o;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(order_book)

BOOST_AUTO_TEST_CASE(all_races_of_a_burst_reach_a_slave_in_one_datagram) {
  Fixture f;
  OrderBook book(1200, 3, 3, 8);
  book.take_over(f.snapshot);
  for (unsigned q = 0; q < 8; ++q)
    for (std::uint16_t slave = 0; slave < 3; ++slave) book.add(slave, q, f.order(100 + q));
  BOOST_TEST(book.flush(kSent, f.sink) == 0xffU);
  BOOST_REQUIRE(f.sink.got.size() == 3U);
  for (const auto& got : f.sink.got) {
    BOOST_TEST(got.races.size() == 8U);
    BOOST_TEST(got.races[7] == 107U);
    BOOST_TEST((got.sent == kSent));
    BOOST_TEST(got.header.channel == 3U);
  }
  BOOST_TEST(book.counters(0).orders.get() == 8U);
  BOOST_TEST(book.counters(0).datagrams.get() == 1U);
  BOOST_TEST(book.flush(kSent, f.sink) == 0U);  // nothing is left
  BOOST_TEST(f.sink.got.size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_full_datagram_is_followed_by_another_and_none_is_too_large) {
  Fixture f;
  OrderBook book(600, 0, 3, 8);
  book.take_over(f.snapshot);
  for (unsigned q = 0; q < 64; ++q) book.add(1, q, f.order(q));
  BOOST_TEST(book.flush(kSent, f.sink) == ~std::uint64_t{0});
  BOOST_TEST(f.sink.got.size() > 10U);
  std::set<std::uint64_t> races;
  for (const auto& got : f.sink.got) {
    BOOST_TEST(got.size <= 600U);
    races.insert(got.races.begin(), got.races.end());
  }
  BOOST_TEST(races.size() == 64U);
}

BOOST_AUTO_TEST_CASE(the_worst_burst_fits_one_largest_order_a_datagram) {
  Fixture f;
  constexpr unsigned kRunners = 3;
  OrderBook book(512, 0, 3, kRunners);
  book.take_over(f.snapshot);
  f.request.assign(book.most_request(), 9);
  const std::array<std::uint8_t, 16> cookie{};
  for (unsigned q = 0; q < master::kMostQueries; ++q) {
    for (std::uint16_t slave = 0; slave < kRunners; ++slave) {
      wire::Order o = f.order(q);
      o.client.ip = *parse_ip("2001:db8::1");
      o.server_cookie = cookie;
      book.add(slave, q, o);
    }
  }
  BOOST_TEST(book.flush(kSent, f.sink) == ~std::uint64_t{0});
  BOOST_TEST(f.sink.got.size() == 64U * kRunners);
  for (const auto& got : f.sink.got) BOOST_TEST(got.size == 512U);
}

BOOST_AUTO_TEST_CASE(a_race_counts_as_ordered_while_one_slave_gets_its_order) {
  Fixture f;
  OrderBook book(1200, 0, 3, 8);
  book.take_over(f.snapshot);
  f.sink.refused = {1000, 1001};
  book.add(0, 0, f.order(0));
  book.add(2, 0, f.order(0));
  book.add(0, 5, f.order(5));
  book.add(1, 5, f.order(5));
  BOOST_TEST(book.flush(kSent, f.sink) == 1U);
  BOOST_TEST(book.counters(0).failed.get() == 1U);
  BOOST_TEST(book.counters(1).failed.get() == 1U);
  BOOST_TEST(book.counters(0).orders.get() == 0U);
  BOOST_TEST(book.counters(2).orders.get() == 1U);
}

BOOST_AUTO_TEST_CASE(a_sessions_counter_never_starts_again_and_a_new_session_gets_its_own_key) {
  Fixture f;
  OrderBook book(1200, 0, 3, 8);
  book.take_over(f.snapshot);
  const auto send = [&] {
    book.add(0, 0, f.order(1));
    (void)book.flush(kSent, f.sink);
    return f.sink.got.back().header;
  };
  BOOST_TEST(send().counter == 0U);
  // Out of races and back in the same session: the opener would call a counter that starts again a replay.
  f.snapshot.slaves[0].live = false;
  book.take_over(f.snapshot);
  f.snapshot.slaves[0].live = true;
  book.take_over(f.snapshot);
  BOOST_TEST(send().counter == 1U);
  f.session(0, 2);
  book.take_over(f.snapshot);
  const auto header = send();
  BOOST_TEST(header.counter == 0U);
  BOOST_TEST(header.session == 20U);
}

BOOST_AUTO_TEST_SUITE_END()
