#include "common/wire/order.hh"

#include <array>
#include <boost/test/unit_test.hpp>
#include <vector>

#include "common/base/random.hh"

using namespace flagfall;  // NOLINT(google-build-using-namespace): a test
using wire::Order;
using wire::OrderReader;
using wire::OrderWriter;

namespace {

const std::array<std::uint8_t, 16> kCookie{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
const std::vector<std::uint8_t> kRequest(40, 0xab);

Order some_order(const char* client, bool cookie) {
  Order o;
  o.race = 0x0102030405060708;
  o.instant = from_ns<RefTime>(1'800'000'000'123'456'789);
  o.service = 513;
  o.address = 7;
  o.client = *parse_endpoint(client);
  if (cookie) o.server_cookie = kCookie;
  o.request = kRequest;
  return o;
}

bool same(const Order& a, const Order& b) {
  return a.race == b.race && a.instant == b.instant && a.service == b.service && a.address == b.address &&
         a.echo == b.echo && a.beacon == b.beacon && a.shadow == b.shadow && a.prompt == b.prompt &&
         a.client == b.client && a.segment == b.segment && a.content.has_value() == b.content.has_value() &&
         (!a.content || (a.content->length == b.content->length && a.content->blanks == b.content->blanks &&
                         a.content->close == b.content->close &&
                         std::ranges::equal(a.content->redirect, b.content->redirect))) &&
         std::ranges::equal(a.server_cookie, b.server_cookie) && std::ranges::equal(a.request, b.request);
}

std::vector<std::uint8_t> two_orders() {
  std::vector<std::uint8_t> room(512);
  OrderWriter writer(room, from_ns<RefTime>(99));
  BOOST_TEST(writer.add(some_order("192.0.2.9:5353", false)));
  BOOST_TEST(writer.add(some_order("[2001:db8::9]:53", true)));
  room.resize(writer.size());
  return room;
}

/// How many orders it gives, and whether the end was good.
std::pair<unsigned, bool> read_all(Bytes bytes) {
  OrderReader reader(bytes);
  Order o;
  unsigned n = 0;
  while (reader.next(o)) ++n;
  return {n, reader.ok()};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(order)

BOOST_AUTO_TEST_CASE(orders_come_back_as_they_were_written) {
  const auto bytes = two_orders();
  OrderReader reader(bytes);
  Order o;
  BOOST_TEST(to_ns(reader.sent()) == 99);
  BOOST_REQUIRE(reader.next(o));
  BOOST_TEST(same(o, some_order("192.0.2.9:5353", false)));
  BOOST_REQUIRE(reader.next(o));
  BOOST_TEST(same(o, some_order("[2001:db8::9]:53", true)));
  BOOST_TEST(!reader.next(o));
  BOOST_TEST(reader.ok());
}

BOOST_AUTO_TEST_CASE(a_segment_goes_with_its_numbers) {
  for (const char* client : {"192.0.2.9:5353", "[2001:db8::9]:53"}) {
    Order o = some_order(client, false);
    o.segment = wire::OrderSegment{0x01020304, 0xfffefdfc, 0x11121314, 0x2122, 0x31};
    std::vector<std::uint8_t> room(512);
    OrderWriter writer(room, from_ns<RefTime>(99));
    BOOST_REQUIRE(writer.add(o));
    BOOST_TEST(writer.size() == wire::kOrdersHeader + wire::order_size(o));
    BOOST_REQUIRE(writer.add(some_order(client, true)));
    OrderReader reader(Bytes(room).first(writer.size()));
    Order got;
    BOOST_REQUIRE(reader.next(got));
    BOOST_TEST(same(got, o));
    BOOST_REQUIRE(reader.next(got));
    BOOST_TEST(!got.segment);
    BOOST_TEST(!reader.next(got));
    BOOST_TEST(reader.ok());
    BOOST_TEST(
        (read_all(Bytes(room).first(wire::kOrdersHeader + wire::order_size(o) - 1)) == std::pair(0U, false)));
  }
}

BOOST_AUTO_TEST_CASE(an_order_for_content_has_the_redirect_too) {
  for (const bool close : {false, true}) {
    Order o = some_order("[2001:db8::9]:53", false);
    o.segment = wire::OrderSegment{0x01020304, 0xfffefdfc, 0x11121314, 0x2122, 0x31};
    o.content =
        wire::OrderContent{.length = 1208, .blanks = 3, .close = close, .redirect = as_bytes("redirect")};
    std::vector<std::uint8_t> room(512);
    OrderWriter writer(room, from_ns<RefTime>(99));
    BOOST_REQUIRE(writer.add(o));
    BOOST_TEST(writer.size() == wire::kOrdersHeader + wire::order_size(o));
    BOOST_REQUIRE(writer.add(some_order("192.0.2.9:5353", true)));
    OrderReader reader(Bytes(room).first(writer.size()));
    Order got;
    BOOST_REQUIRE(reader.next(got));
    BOOST_TEST(same(got, o));
    BOOST_REQUIRE(reader.next(got));
    BOOST_TEST(!got.content);
    const std::size_t content = wire::kOrdersHeader + 22 + 16 + 15;
    const std::vector<std::uint8_t> bytes{0x04, 0xb8, 0, 3, close ? std::uint8_t{1} : std::uint8_t{0}, 0, 8};
    BOOST_TEST(std::vector(room.begin() + static_cast<long>(content),
                           room.begin() + static_cast<long>(content) + 7) == bytes,
               boost::test_tools::per_element());
    const std::size_t one = wire::kOrdersHeader + wire::order_size(o);
    for (std::size_t n = 0; n < one; ++n)
      BOOST_TEST((read_all(Bytes(room).first(n)) == std::pair(0U, false)));
    for (const auto& [at, value] :
         {std::pair{content + 4, 2}, {content + 6, 0}, {content, 0}, {content + 3, 9}}) {
      auto bad = room;
      bad[at] = static_cast<std::uint8_t>(value);
      if (at == content) bad[at + 1] = 7;  // a length below the redirect's
      BOOST_TEST((read_all(Bytes(bad).first(one)) == std::pair(0U, false)));
    }
    auto bad = room;  // content without a segment
    bad[wire::kOrdersHeader + 19] &= static_cast<std::uint8_t>(~32U);
    BOOST_TEST((read_all(Bytes(bad).first(one)) == std::pair(0U, false)));
  }
}

BOOST_AUTO_TEST_CASE(the_bytes_are_those_of_the_protocol_page) {
  std::array<std::uint8_t, 64> room{};
  OrderWriter writer(room, from_ns<RefTime>(0x1122));
  Order o;
  o.race = 5;
  o.instant = from_ns<RefTime>(6);
  o.service = 7;
  o.address = 8;
  o.client = *parse_endpoint("192.0.2.1:4660");
  const std::array<std::uint8_t, 3> request{0xaa, 0xbb, 0xcc};
  o.request = request;
  BOOST_REQUIRE(writer.add(o));
  const std::vector<std::uint8_t> expected{0,   0, 0, 0, 0,    0,    0x11, 0x22, 0,   1,  // sent, count
                                           0,   0, 0, 0, 0,    0,    0,    5,             // race
                                           0,   0, 0, 0, 0,    0,    0,    6,             // instant
                                           0,   7, 8, 0, 0x12, 0x34,                      // service ... port
                                           192, 0, 2, 1, 0,    3,    0xaa, 0xbb, 0xcc};   // client, request
  BOOST_TEST(
      std::vector<std::uint8_t>(room.begin(), room.begin() + static_cast<long>(writer.size())) == expected,
      boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(echo_beacon_shadow_and_prompt_are_a_bit_each_and_come_back_in_every_combination) {
  for (unsigned bits = 0; bits < 16; ++bits) {
    Order o = some_order("[2001:db8::9]:53", true);
    o.echo = (bits & 1U) != 0;
    o.beacon = (bits & 2U) != 0;
    o.shadow = (bits & 4U) != 0;
    o.prompt = (bits & 8U) != 0;
    std::vector<std::uint8_t> room(512);
    OrderWriter writer(room, from_ns<RefTime>(99));
    BOOST_TEST(writer.add(o));
    BOOST_TEST(unsigned{room[wire::kOrdersHeader + 19]} == ((bits & 7U) << 2U | (bits & 8U) << 3U | 3U));
    OrderReader reader(Bytes(room).first(writer.size()));
    Order back;
    BOOST_TEST(reader.next(back));
    BOOST_TEST(same(back, o));
  }
}

BOOST_AUTO_TEST_CASE(an_echos_ttl_is_never_the_answers) {
  for (const std::uint32_t ttl : {0U, 1U, 2U, 30U, 0x7fffffffU}) {
    BOOST_TEST(wire::echo_ttl(ttl) != ttl);
    BOOST_TEST(wire::echo_ttl(ttl) <= std::max(ttl, 1U));
  }
}

BOOST_AUTO_TEST_CASE(an_order_that_does_not_fit_leaves_the_datagram_as_it_was) {
  const Order o = some_order("[2001:db8::1]:1", true);
  std::vector<std::uint8_t> room(wire::kOrdersHeader + 2 * wire::order_size(o) - 1);
  OrderWriter writer(room, {});
  BOOST_TEST(writer.add(o));
  const auto before = room;
  BOOST_TEST(!writer.add(o));
  BOOST_TEST(room == before, boost::test_tools::per_element());
  BOOST_TEST(writer.count() == 1U);
  BOOST_TEST(writer.size() == wire::kOrdersHeader + wire::order_size(o));
  BOOST_TEST(read_all(Bytes(room).first(writer.size())).first == 1U);
}

BOOST_AUTO_TEST_CASE(stamp_changes_the_time_of_sending_and_nothing_else) {
  std::vector<std::uint8_t> room(256);
  OrderWriter writer(room, from_ns<RefTime>(1));
  BOOST_TEST(writer.add(some_order("192.0.2.9:1", true)));
  writer.stamp(from_ns<RefTime>(77));
  OrderReader reader(Bytes(room).first(writer.size()));
  Order o;
  BOOST_TEST(to_ns(reader.sent()) == 77);
  BOOST_TEST(reader.next(o));
  BOOST_TEST(same(o, some_order("192.0.2.9:1", true)));
}

BOOST_AUTO_TEST_CASE(every_truncation_is_malformed_and_gives_no_order_that_is_cut) {
  const auto bytes = two_orders();
  const std::size_t first = wire::kOrdersHeader + wire::order_size(some_order("192.0.2.9:5353", false));
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const auto [count, ok] = read_all(Bytes(bytes).first(n));
    BOOST_TEST(!ok);
    BOOST_TEST(count == (n >= first ? 1U : 0U));
  }
}

BOOST_AUTO_TEST_CASE(octets_after_the_last_order_are_malformed) {
  auto bytes = two_orders();
  bytes.push_back(0);
  BOOST_TEST(read_all(bytes).first == 2U);
  BOOST_TEST(!read_all(bytes).second);
}

BOOST_AUTO_TEST_CASE(an_unknown_flag_or_a_time_out_of_range_is_malformed) {
  auto bytes = two_orders();
  const std::size_t flags = wire::kOrdersHeader + 19;
  for (const unsigned unknown : {0x20U, 0x80U}) {
    bytes = two_orders();
    bytes[flags] = static_cast<std::uint8_t>(bytes[flags] | unknown);
    BOOST_TEST((read_all(bytes) == std::make_pair(0U, false)));
  }
  bytes = two_orders();
  bytes[wire::kOrdersHeader + 8] = 0x80;  // a negative instant
  BOOST_TEST((read_all(bytes) == std::make_pair(0U, false)));
  bytes = two_orders();
  bytes[0] = 0x7f;  // sent in the year 2262
  BOOST_TEST((read_all(bytes) == std::make_pair(0U, false)));
}

BOOST_AUTO_TEST_CASE(a_datagram_without_orders_ends_well) {
  std::array<std::uint8_t, wire::kOrdersHeader> room{};
  const OrderWriter writer(room, from_ns<RefTime>(3));
  BOOST_TEST(writer.size() == room.size());
  BOOST_TEST((read_all(room) == std::make_pair(0U, true)));
}

BOOST_AUTO_TEST_CASE(a_room_without_place_for_the_header_takes_nothing) {
  std::array<std::uint8_t, wire::kOrdersHeader - 1> room{};
  OrderWriter writer(room, from_ns<RefTime>(3));
  BOOST_TEST(!writer.add(some_order("192.0.2.1:1", false)));
  writer.stamp(from_ns<RefTime>(4));
  BOOST_TEST(writer.size() == 0U);
  BOOST_TEST(std::ranges::all_of(room, [](auto b) { return b == 0; }));
}

BOOST_AUTO_TEST_CASE(random_bytes_never_read_past_the_end) {
  SeededRandom random(7);
  for (int i = 0; i < 20000; ++i) {
    std::vector<std::uint8_t> bytes(random.next() % 120);
    for (auto& b : bytes) b = static_cast<std::uint8_t>(random.next() % 3);  // small counts and lengths
    (void)read_all(bytes);
  }
}

BOOST_AUTO_TEST_SUITE_END()
